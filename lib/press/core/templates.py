"""Markup from templates, which lie beside the code that fills them.

The suffix of a template is its language, and says how a value becomes text in it: nothing is escaped by hand, and
nothing counts as markup but what a template or a function of `escapes` has made. A name that a template is not given
is an error. Comments stand between `{##` and `##}`, because `{#` begins an identifier in Markdown.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

PRESS = Path(__file__).resolve().parents[1]


def render(name: str, **values: Any) -> Markup:
    """A template filled with values; the line end at its end is left out.

    Args:
        name: its path relative to `lib/press`, such as "renderer/listing.html".

    Raises:
        jinja2.UndefinedError: the template uses a name that is not in `values`.
    """
    from markupsafe import Markup

    return Markup(environment().get_template(name).render(values))


@functools.cache
def environment() -> Environment:
    """The one environment of all templates; threads may share it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context

    from press.core import escapes

    languages: dict[str, Callable[[Any], Markup]] = {
        "html": escapes.html,
        "svg": escapes.html,
        "xml": escapes.xml,
        "qmd": escapes.markdown,
    }

    @pass_context
    def finalize(context: Any, value: Any) -> Markup:
        return languages[context.name.rpartition(".")[2]](value)

    made = Environment(
        loader=FileSystemLoader(PRESS),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        comment_start_string="{##",
        comment_end_string="##}",
        auto_reload=False,
    )
    made.filters |= {function.__name__: function for function in escapes.FILTERS}
    made.filters["g"] = lambda value: format(float(value), "g")
    made.globals["verbatim"] = verbatim
    return made


def verbatim(name: str) -> Markup:
    """A file of ours, such as a style sheet, as it is."""
    from markupsafe import Markup

    return Markup((PRESS / name).read_text(encoding="utf-8").strip())
