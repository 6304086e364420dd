"""The forms that values of a configuration have, as what `supported.py` and `sitekeys.py` are written in."""

from __future__ import annotations

from typing import Any

from press.core.yamlfile import ANY, Schema, Value


def keys(names: str, value: Value = ANY) -> dict[str, Value]:
    """A schema in which each of the words is a known key for such a value."""
    return dict.fromkeys(names.split(), value)


def missing(*rows: tuple[str, str]) -> dict[str, Value]:
    """Keys that Quarto acts upon and the embedded renderer does not: the names, and what the page lacks."""
    return {name: Value(missing=text) for names, text in rows for name in names.split()}


def _plain(value: Any) -> bool:
    return not isinstance(value, (dict, list))


def _plain_or_list(value: Any) -> bool:
    return _plain(value) or (isinstance(value, list) and all(map(_plain, value)))


def _names(value: Any) -> bool:
    return all(isinstance(name, str) for name in (value if isinstance(value, list) else [value]))


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


TEXT = Value("a string", _plain)
TEXTS = Value("a string or a list of strings", _plain_or_list)
NAMES = Value("a file name, or a list of file names", _names)
NAME = Value("a string", lambda value: isinstance(value, str))
WHOLE = Value("a whole number, at least 1", _whole)
FLAG = Value("true or false", lambda value: isinstance(value, bool))
MAPPING = Value("a mapping", lambda value: isinstance(value, dict))


def mapping(below: Schema) -> Value:
    """A mapping with these keys."""
    return Value("a mapping, with lines such as key: value below it", MAPPING.fits, below)


def mapping_or_flag(below: Schema) -> Value:
    """The same, or true or false alone."""
    return Value("true, false or a mapping", lambda value: isinstance(value, (dict, bool)), below)


def mapping_or_text(below: Schema) -> Value:
    """The same, or a word, true or false."""
    return Value("a string or a mapping", lambda value: not isinstance(value, list), below)


def items(below: Schema) -> Value:
    """A list of mappings with these keys and of texts, or one of them alone."""

    def fits(value: Any) -> bool:
        return all(not isinstance(item, list) for item in (value if isinstance(value, list) else [value]))

    return Value("a string, a mapping, or a list of these", fits, below)
