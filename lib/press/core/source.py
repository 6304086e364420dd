"""Read Quarto Markdown: UTF-8, `{{< include >}}` expanded, front matter parsed, every line traceable to its file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from press.core.errors import fail

INCLUDE = re.compile(r"^\s*\{\{<\s*include\s+(\S+)\s*>\}\}\s*$")
INCLUDE_ANYWHERE = re.compile(r"(?<!\{)\{\{<\s*include\b")
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
FRONT_MATTER_ENDS = ("---", "...")
FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
CAME_FROM = re.compile(r"^<!-- press: line (\d+) of (\S+) -->$")


@dataclass(frozen=True)
class Expanded:
    """A Markdown text with its includes put in place.

    Args:
        text: the whole text, lines ended by a line feed.
        origins: for each line of the text, the file (relative to the root) and the 1-based line that it came from.
        includes: the files that were included, relative to the root, in order of appearance.
    """

    text: str
    origins: tuple[tuple[str, int], ...]
    includes: tuple[str, ...]

    def origin(self, line: int) -> tuple[str, int]:
        """File and line that the 1-based `line` of the text came from."""
        if not self.origins:
            return "", 0
        return self.origins[min(max(line, 1), len(self.origins)) - 1]


def relative(path: Path, root: Path) -> str:
    """`path` as it is printed in messages: relative to the root where it lies below it, with forward slashes."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.as_posix()


def read_text(path: Path, root: Path) -> str:
    """The file's text, line ends normalised.

    Raises:
        PressError: the file is missing, no regular file, or not UTF-8 (the message names the line of the bad byte).
    """
    name = relative(path, root)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise fail(name, 0, "file not found") from None
    except OSError as error:
        raise fail(name, 0, f"cannot be read: {error.strerror}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        bad = data[error.start]
        raise fail(name, line, f"not UTF-8: byte 0x{bad:02x}. Save the file with UTF-8 encoding") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def fenced_lines(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """Walk over lines and tell code fences from text, by CommonMark's rules.

    Yields:
        (index, kind, info) with kind one of "text", "open", "code", "close"; info is the fence's info string on "open".
    """
    fence = ""
    for index, line in enumerate(lines):
        match = FENCE.match(line)
        if fence:
            closes = match and match[1].startswith(fence) and not match[2].strip()
            yield index, "close" if closes else "code", ""
            if closes:
                fence = ""
        elif match and not (match[1][0] == "`" and "`" in match[2]):
            fence = match[1]
            yield index, "open", match[2].strip()
        else:
            yield index, "text", ""


def came_from(file: str, line: int) -> str:
    """A comment for generated pages: what follows is line `line` of `file` and on; line 0 means the page itself."""
    return f"<!-- press: line {line} of {file} -->"


def check_fences(expanded: Expanded) -> None:
    """Refuse a text whose last code fence is never closed.

    Raises:
        PressError: names the line on which the unclosed fence opens.
    """
    opened, info = -1, ""
    for index, kind, info_here in fenced_lines(expanded.text.split("\n")):
        if kind == "open":
            opened, info = index, info_here
        elif kind == "close":
            opened = -1
    if opened >= 0:
        raise fail(*expanded.origin(opened + 1), f"code cell ```{info} is never closed. End it with a line of ```")


def read_expanded(path: Path, root: Path) -> Expanded:
    """The file's text with each `{{< include FILE >}}` line replaced by that file, recursively.

    A path is relative to the file that includes it; one that starts with "/" is relative to the root. Lines within code
    fences are left as they are. What follows a comment made by `came_from` counts as lines of the file that it names.

    Raises:
        PressError: a file is missing, not UTF-8, outside the root or included by itself; an include is not alone on
            its line.
    """
    lines: list[str] = []
    origins: list[tuple[str, int]] = []
    includes: list[str] = []

    def expand(file: Path, stack: tuple[str, ...]) -> None:
        name = relative(file, root)
        own = read_text(file, root).split("\n")
        if own and own[-1] == "":
            own.pop()
        shown, offset = name, 1
        for index, kind, _ in fenced_lines(own):
            match = INCLUDE.match(own[index]) if kind == "text" else None
            if match is None:
                if kind == "text" and INCLUDE_ANYWHERE.search(own[index].replace("`{{<", "")):
                    raise fail(name, index + 1, "an include must be alone on its line: {{< include FILE >}}")
                lines.append(own[index])
                origins.append((shown, index + offset))
                if kind == "text" and (said := CAME_FROM.match(own[index])):
                    shown, offset = (said[2], int(said[1]) - index - 1) if int(said[1]) else (name, 1)
                continue
            target = root / match[1].lstrip("/") if match[1].startswith("/") else file.parent / match[1]
            included = relative(target, root)
            if not target.resolve().is_relative_to(root.resolve()):
                raise fail(name, index + 1, f"include {match[1]!r} lies outside the project")
            if included in stack:
                raise fail(
                    name, index + 1, "include cycle: " + " -> ".join([*stack[stack.index(included) :], included])
                )
            if not target.is_file():
                raise fail(name, index + 1, f"included file {match[1]!r} not found (looked for {included})")
            includes.append(included)
            expand(target, (*stack, included))

    expand(path, (relative(path, root),))
    return Expanded("\n".join(lines) + "\n", tuple(origins), tuple(dict.fromkeys(includes)))


def front_matter(expanded: Expanded) -> tuple[dict[str, Any], int]:
    """The YAML front matter and the number of lines that it takes, its two fences included.

    Raises:
        PressError: none at all, never closed, broken YAML, or not a mapping.
    """
    lines = expanded.text.split("\n")
    if not lines or lines[0].rstrip() != "---":
        raise fail(
            *expanded.origin(1), "no front matter. Begin the file with a line ---, then title: and so on, then ---"
        )
    end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() in FRONT_MATTER_ENDS), None)
    if end is None:
        raise fail(*expanded.origin(1), "the front matter is never closed. End it with a line ---")
    try:
        meta = read_yaml("\n".join(lines[1:end]))
    except yaml.YAMLError as error:
        raise fail(
            *expanded.origin(yaml_line(error) + 1), f"front matter is not valid YAML: {yaml_problem(error)}"
        ) from None
    if not isinstance(meta, dict):
        raise fail(*expanded.origin(1), "front matter must be a mapping such as title: ...")
    return meta, end + 1


def read_yaml(text: str) -> Any:
    """`yaml.safe_load`, by libyaml where PyYAML has it: a build reads hundreds of small texts.

    Raises:
        yaml.YAMLError: as PyYAML's own reader words it, whichever reads.
    """
    if not text:
        return None
    try:
        return yaml.load(text, Loader=FAST_LOADER)
    except yaml.YAMLError:
        return yaml.safe_load(text)


def yaml_line(error: yaml.YAMLError) -> int:
    """1-based line within the parsed text at which PyYAML saw the problem; 1 when it does not say."""
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else 1


def yaml_problem(error: yaml.YAMLError) -> str:
    """PyYAML's message without its excerpt."""
    return str(getattr(error, "problem", None) or error).splitlines()[0]


def load_yaml(path: Path, root: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping.

    Raises:
        PressError: missing, not UTF-8, broken YAML (with the line), or not a mapping.
    """
    try:
        data = read_yaml(read_text(path, root))
    except yaml.YAMLError as error:
        raise fail(relative(path, root), yaml_line(error), f"not valid YAML: {yaml_problem(error)}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise fail(relative(path, root), 1, "must be a mapping such as key: value")
    return data
