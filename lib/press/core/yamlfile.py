"""YAML with line numbers: parse, and report keys that a schema does not know."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from press.core.errors import Problem, fail

Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Loader(Base):  # type: ignore[misc,valid-type]
    """YAML 1.2 where it matters here: dates stay strings, only true/false are booleans (`no` and `on` are words)."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in rules if not tag.endswith((":timestamp", ":bool")) or first in "tTfF"]
    for first, rules in Base.yaml_implicit_resolvers.items()
}

ANY: Any = None
"""Schema leaf: whatever is below this key is accepted."""


@dataclass
class Parsed:
    """A YAML mapping, the line of each (dotted) key, and the keys that the schema does not know."""

    data: dict[str, Any]
    lines: dict[str, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def parse(text: str, *, file: str, first_line: int, schema: dict[str, Any], what: str) -> Parsed:
    """Parse a YAML mapping whose first line is line `first_line` of `file`; collect unknown keys as problems.

    Args:
        schema: key -> sub-schema (a dict), or ANY. A sub-schema is also applied to each mapping in a list.
        what: how messages call such a key, e.g. "front matter key".

    Raises:
        PressError: broken YAML, or not a mapping.
    """
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        data = loader.construct_document(node) if node is not None else {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = first_line + min(mark.line if mark else 0, text.rstrip("\n").count("\n"))
        raise fail(
            file, at, f"not valid YAML: {str(getattr(error, 'problem', None) or error).splitlines()[0]}"
        ) from None
    if data is None:
        return Parsed({})
    if not isinstance(data, dict):
        raise fail(file, first_line, f"expected `key: value` lines for {what}s")
    parsed = Parsed(data)
    _walk(node, schema, "", parsed, file, first_line, what)
    return parsed


def _walk(node: Any, schema: dict[str, Any], path: str, parsed: Parsed, file: str, first: int, what: str) -> None:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _walk(item, schema, path, parsed, file, first, what)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + first
        dotted = f"{path}.{name}" if path else name
        parsed.lines.setdefault(dotted, line)
        if name in schema:
            if schema[name] is not ANY:
                _walk(value, schema[name], dotted, parsed, file, first, what)
        else:
            message = (
                f"{what} {dotted!r} is not supported by the embedded renderer. It knows: {', '.join(sorted(schema))}"
            )
            parsed.problems.append(Problem(file, line, message))
