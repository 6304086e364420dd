"""The one YAML reader, with YAML 1.2's core schema: `no`, `on` and dates are words, 0777 is 777.

Every mapping knows where its keys stand. A key that is given twice is an error, as it is to Quarto.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml

from press.core.errors import Problem, fail

Place = tuple[str, int]

Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
PREFIX = "tag:yaml.org,2002:"
DEEPEST = 100
MOST = 100_000  # nodes in one text: aliases of aliases unfold without end


@dataclass(frozen=True)
class Value:
    """What may stand at a key.

    Args:
        form: how messages call a legal value, such as "a whole number".
        fits: whether a value has that form; one that does not is reported, and left out.
        below: the keys of a mapping here, or of the mappings of a list; None: any.
        missing: what the page lacks wherever the key says anything but false; "" if it lacks nothing.
    """

    form: str = ""
    fits: Callable[[Any], bool] = lambda value: True
    below: dict[str, Value] | None = None
    missing: str = ""


Schema = dict[str, Value] | None
ANY = Value()


class Loader(Base):  # type: ignore[misc,valid-type]
    """PyYAML's, without what YAML 1.1 takes for booleans, dates, octal numbers and merge keys."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012


for _tag, _first, _pattern in (
    ("null", ["~", "n", "N", ""], r"(?:~|null|Null|NULL|)$"),
    ("bool", list("tTfF"), r"(?:true|True|TRUE|false|False|FALSE)$"),
    ("int", list("-+0123456789"), r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"),
    ("float", list("-+.0123456789"), r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"),
    ("float", list("-+."), r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"),
):
    Loader.add_implicit_resolver(PREFIX + _tag, re.compile(_pattern), _first)

SCALARS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "null": lambda text: None,
    "bool": lambda text: {"true": True, "false": False}[text.lower()],
    "int": lambda text: int(text, 0) if text[:2] in ("0o", "0x") else int(text),
    "float": lambda text: float(re.sub(r"\.(?=[in])", "", text.lower())),
}
EXPRESSION = "!expr"  # Quarto hands it to R


class Map(dict[str, Any]):
    """A mapping that knows in which file and on which line each of its keys stands."""

    def __init__(self, items: Any = (), places: dict[str, Place] | None = None):
        super().__init__(items)
        self.places = places or {}


@dataclass(frozen=True)
class Kind:
    """A sort of YAML that people write.

    Args:
        name: how messages call the whole, such as "front matter".
        key: how they call one key of it.
        schema: the keys that the embedded renderer knows, and what may stand at each. None: every key is known.
    """

    name: str
    key: str
    schema: Schema = None


@dataclass
class Parsed:
    """A YAML mapping.

    Args:
        problems: what is wrong with it for everybody, such as a key given twice.
        unknown: the keys that the embedded renderer does not know, or does nothing about.
    """

    data: Map
    problems: list[Problem] = field(default_factory=list)
    unknown: list[Problem] = field(default_factory=list)


def load(text: str) -> Any:
    """The value of a piece of YAML.

    Raises:
        yaml.YAMLError: it is not valid.
    """
    reader = _Reader(lambda line: ("", line), Kind("", ""))
    value = reader.read(text)
    if reader.parsed.problems:
        raise yaml.YAMLError(reader.parsed.problems[0].message)
    return value


def parse(text: str, kind: Kind, where: Callable[[int], Place]) -> Parsed:
    """A YAML mapping; nothing at all counts as an empty one.

    Args:
        where: 1-based line of the text -> file and line that messages name; 0 stands for the whole.

    Raises:
        PressError: not valid YAML, or not a mapping.
    """
    reader = _Reader(where, kind)
    try:
        data = reader.read(text)
    except yaml.YAMLError as error:
        last = text.rstrip("\n").count("\n") + 1
        raise fail(*where(min(_line(error), last)), f"{kind.name} is not valid YAML: {_said(error)}") from None
    if data is not None and not isinstance(data, Map):
        raise fail(*where(0), f"{kind.name} must be a mapping, with lines such as key: value")
    reader.parsed.data = data or Map()
    return reader.parsed


def place_of(value: Any, dotted: str) -> Place | None:
    """Where a dotted key stands ("left.0.text": numbers count items), or the nearest one above it; None for neither."""
    found = None
    for key in dotted.split("."):
        if isinstance(value, Map):
            found = value.places.get(key, found)
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
            found = next(iter(value.places.values()), found) if isinstance(value, Map) else found
    return found


def _line(error: yaml.YAMLError) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else 1


def _said(error: yaml.YAMLError) -> str:
    """PyYAML's message without its excerpt."""
    return str(getattr(error, "problem", None) or error).splitlines()[0]


class _Reader:
    """One text on its way from YAML's nodes to values."""

    def __init__(self, where: Callable[[int], Place], kind: Kind):
        self.where, self.kind = where, kind
        self.parsed = Parsed(Map())
        self.left = MOST
        self.above: list[yaml.Node] = []

    def read(self, text: str) -> Any:
        if not text:  # most cells have no options
            return None
        _check_depth(text)
        node = Loader(text).get_single_node()
        return None if node is None else self.value(node, "", self.kind.schema)

    def value(self, node: yaml.Node, path: str, schema: Schema) -> Any:
        self.left -= 1
        if self.left < 0 or any(node is other for other in self.above):
            raise yaml.MarkedYAMLError(problem="its aliases expand without end", problem_mark=node.start_mark)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if node.tag not in (PREFIX + "map", PREFIX + "seq"):
            raise yaml.MarkedYAMLError(problem=f"unknown tag {node.tag}", problem_mark=node.start_mark)
        self.above.append(node)
        if isinstance(node, yaml.SequenceNode):
            done: Any = [self.value(item, path, schema) for item in node.value]
        else:
            done = self._mapping(node, path, schema)
        self.above.pop()
        return done

    def _mapping(self, node: yaml.MappingNode, path: str, schema: Schema) -> Map:
        done = Map()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(problem="a key must be a plain string", problem_mark=key.start_mark)
            name, place = str(key.value), self.where(key.start_mark.line + 1)
            dotted = f"{path}.{name}" if path else name
            if name in done.places:
                message = f"{self.kind.key} {dotted!r} is given twice, first on line {done.places[name][1]}. Keep one"
                self.parsed.problems.append(Problem(*place, message))
            known = schema.get(name) if schema is not None else ANY
            read = self.value(value, dotted, known.below if known else None)
            done.places[name] = place
            if self._judge(dotted, read, known, schema, place):
                done[name] = read
        return done

    def _judge(self, dotted: str, value: Any, known: Value | None, schema: Schema, place: Place) -> bool:
        """Whether a value is usable; what is wrong with it, or what is not done with it, is reported."""
        what = f"{self.kind.key} {dotted!r}"
        if known is None:
            name = dotted.rpartition(".")[2]
            near = difflib.get_close_matches(name, schema or (), 1, 0.75)
            message = f"{what} is unknown: it has no effect" + (f". Did you mean {near[0]!r}?" if near else "")
            self.parsed.unknown.append(Problem(*place, message, check="unknown-keys"))
        elif value is not None and not known.fits(value):
            message = f"{what}: {json.dumps(value, ensure_ascii=False)[:60]} must be {known.form}. It is ignored"
            self.parsed.problems.append(Problem(*place, message, check="metadata"))
            return False
        elif known.missing and value not in (None, False, "", []):
            self.parsed.unknown.append(Problem(*place, f"{what}: {known.missing}", check="unsupported"))
        return True


def _check_depth(text: str) -> None:
    """Refuse what libyaml's composer, which calls itself for each level, would end the process with."""
    depth = 0
    for event in yaml.parse(text, Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise yaml.MarkedYAMLError(problem="it is nested too deeply", problem_mark=event.start_mark)


def _scalar(node: yaml.ScalarNode) -> Any:
    read = str if node.tag == EXPRESSION else SCALARS.get(node.tag.removeprefix(PREFIX))
    if read is None:
        raise yaml.MarkedYAMLError(problem=f"unknown tag {node.tag}", problem_mark=node.start_mark)
    try:
        return read(node.value)
    except (ValueError, KeyError):
        what = node.tag.removeprefix(PREFIX)
        shown = node.value if len(node.value) < 40 else node.value[:40] + "..."
        raise yaml.MarkedYAMLError(problem=f"{shown!r} is not a legal {what}", problem_mark=node.start_mark) from None
