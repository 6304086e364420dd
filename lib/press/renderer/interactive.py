"""Outputs that scripts draw: plots of Plotly and Vega (so Altair's), Jupyter's widgets, live figures. A still stands in
their place.

Only the data goes into the page; the library that draws them is the site's own (`libraries`). Where a notebook stores
nothing but HTML that would fetch the library from elsewhere, the data is taken out of it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html import escape
from typing import Any

from postkit.livespec import MIME
from press.renderer import livemodels

PLOTLY = "application/vnd.plotly.v1+json"
VEGA = re.compile(r"^application/vnd\.vega(?:lite)?\.v\d+(?:\.\d+)*[.+]json$")
WIDGET = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"
NEW_PLOT = re.compile(r"Plotly\.(?:newPlot|react)\(\s*(?:\"[^\"]*\"|'[^']*'|[\w.]+)\s*,\s*")
ALTAIR = re.compile(r"\}\)\(\s*(?=\{)")
NAMES = {"plotly": "Plotly", "vega": "Vega", "widgets": "ipywidgets", "live": "live figure"}


@dataclass(frozen=True)
class Drawn:
    """What a script draws.

    Args:
        library: a name of `libraries.LIBRARIES`, or one of `livemodels.library_of`.
        script: the element with the data.
    """

    library: str
    script: str

    @property
    def kind(self) -> str:
        """A key of NAMES."""
        return self.library.partition(":")[0]


def drawn(data: dict[str, Any], state: dict[str, Any]) -> Drawn | None:
    """What of a MIME bundle a script of ours draws; None if it has nothing of the kind.

    Args:
        state: of the notebook's widgets, by their models' ids.
    """
    view = data.get(WIDGET)
    if isinstance(view, dict) and str(view.get("model_id")) in state:
        return Drawn("widgets", _script(WIDGET, view))
    if library := livemodels.library_of(data.get(MIME)):
        return Drawn(library, _script("application/json", data[MIME]))
    figure = data.get(PLOTLY) or _plotly_in(_text(data.get("text/html")))
    if isinstance(figure, dict) and figure.get("data") is not None:
        return Drawn("plotly", _script("application/json", _without_server(figure)))
    spec = next((data[mime] for mime in data if VEGA.match(mime)), None) or _vega_in(_text(data.get("text/html")))
    return Drawn("vega", _script("application/json", spec)) if isinstance(spec, dict) and spec else None


def is_loader(html: str) -> bool:
    """Whether HTML does nothing but bring Plotly's library, which the site has itself."""
    return "PlotlyConfig" in html and not NEW_PLOT.search(html) and "plotly-graph-div" not in html


def element(what: Drawn, still: str) -> str:
    """The HTML.

    Args:
        still: HTML to show until the script has drawn, and where it cannot.
    """
    if what.kind == "live":
        still += "<noscript><p>With JavaScript, readers can redraw this figure with other settings.</p></noscript>"
    still = still or f"<p>Interactive figure ({NAMES[what.library]}); it needs JavaScript.</p>"
    return f'<div class="interactive" data-kind="{what.kind}"><div class="still">{still}</div>{what.script}</div>'


def states(notebook: dict[str, Any]) -> dict[str, Any]:
    """The state of a notebook's widgets, by their models' ids; empty where it stores none."""
    widgets = (notebook.get("metadata") or {}).get("widgets") or {}
    found = widgets.get(STATE) if isinstance(widgets, dict) else None
    state = found.get("state") if isinstance(found, dict) else None
    return state if isinstance(state, dict) else {}


def state_script(state: dict[str, Any]) -> str:
    """The widgets' state, once on a page."""
    return _script(STATE, {"version_major": 2, "version_minor": 0, "state": state})


def _script(kind: str, value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="{escape(kind)}">{text}</script>'


def _text(value: Any) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value or "")


def _without_server(figure: dict[str, Any]) -> dict[str, Any]:
    config = {key: value for key, value in (figure.get("config") or {}).items() if key != "plotlyServerURL"}
    return {key: figure[key] for key in ("data", "layout", "frames") if key in figure} | {"config": config}


def _values(text: str, at: int, count: int) -> list[Any]:
    """Up to `count` JSON values from here on, with commas between them."""
    reader, found = json.JSONDecoder(), []
    while len(found) < count:
        try:
            value, at = reader.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        found.append(value)
        comma = re.compile(r"\s*,\s*").match(text, at)
        if not comma:
            break
        at = comma.end()
    return found


def _plotly_in(html: str) -> dict[str, Any] | None:
    match = NEW_PLOT.search(html) if "plotly-graph-div" in html else None
    found = _values(html, match.end(), 3) if match else []
    if not found or not isinstance(found[0], list):
        return None
    return dict(zip(("data", "layout", "config"), found, strict=False))


def _vega_in(html: str) -> dict[str, Any] | None:
    if "vega-embed" not in html or "altair" not in html:
        return None
    for match in ALTAIR.finditer(html):
        found = _values(html, match.end(), 1)
        if found and isinstance(found[0], dict) and "$schema" in found[0]:
            return found[0]
    return None
