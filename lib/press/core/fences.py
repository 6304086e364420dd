"""Where code fences and items of lists begin and end in Markdown, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator

FENCE = re.compile(r"^([ \t]*)(`{3,}|~{3,})(.*)$")
ITEM = re.compile(r"([-+*]|\(?(?:\d+|#|[A-Za-z]|[ivxlcIVXLC]+|@[\w-]*)[.)]|[:~]|\[\^[^\]\s]+\]:)(\s+)\S")


def fenced_lines(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """Walk over lines and tell code fences from text, by CommonMark's rules.

    A fence may be indented by any number of spaces, as within lists; where nothing closes it there, it is text.

    Yields:
        (index, kind, info) with kind one of "text", "open", "code", "close"; info is the fence's info string on "open".
    """
    fence, reach = "", 0
    unclosed: set[tuple[str, int]] = set()
    for index, line in enumerate(lines):
        if fence:
            closes = _closes(line, fence, reach)
            yield index, "close" if closes else "code", ""
            fence = "" if closes else fence
            continue
        match = FENCE.match(line)
        if match and not (match[2][0] == "`" and "`" in match[3]):
            width = len(match[1].expandtabs(4))
            found = (match[2], width + 3)
            if width > 3 and found not in unclosed and not any(_closes(later, *found) for later in lines[index + 1 :]):
                unclosed.add(found)
            if found not in unclosed:
                fence, reach = found
                yield index, "open", match[3].strip()
                continue
        yield index, "text", ""


def _closes(line: str, fence: str, reach: int) -> bool:
    """Whether a line closes this fence, which it may be indented for by so many spaces at most."""
    match = FENCE.match(line)
    return bool(match and match[2].startswith(fence) and not match[3].strip()) and (
        len(match[1].expandtabs(4)) <= reach
    )


def indent_of(line: str) -> str:
    """The spaces and tabs that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


def item_indent(lines: list[str], index: int) -> str:
    """The spaces before the text of the list item (or footnote, or definition) that an indented line belongs to.

    Pandoc wants a Div exactly there, where authors need not be so exact; "" for a line in no item.
    """
    width = len(indent_of(lines[index]).expandtabs(4))
    for above in range(index - 1, -1, -1) if width else ():
        line = lines[above].expandtabs(4)
        own = indent_of(line)
        if match := ITEM.match(line, len(own)):
            gap = len(match[2])
            text = 4 if match[1].startswith("[") else len(match[1]) + (gap if gap < 5 else 1)
            if len(own) + text <= width:
                return " " * (len(own) + text)
        elif line.strip() and not own and not (above and lines[above - 1].strip()):
            break  # a paragraph outside of all lists
    return ""
