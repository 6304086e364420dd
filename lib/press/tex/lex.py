r"""LaTeX files as streams of tokens, and tokens as LaTeX again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

BLANK = r"((?:[ \t\f\v]+|%[^\n]*(?:\n[ \t]*|\Z)|\n(?![ \t]*\n))*)"
NAME = r"(?:(?P<macro>[a-zA-Z%s]+)[ \t]*(?:\n(?![ \t]*\n)[ \t]*)?|(?P<sign>[\s\S]))"
REST = r"(?P<par>\n\s*)|(?P<char>\$\$|[\s\S])|(?P<end>\Z)"
PLAIN = re.compile(rf"{BLANK}(?:\\{NAME % ''}|{REST})")
AT = re.compile(rf"{BLANK}(?:\\{NAME % '@'}|{REST})")
COMMENT = re.compile(r"%[^\n]*(?:\n[ \t]*|\Z)")
PROSE = re.compile(r"[^\\{}$%\n]*(?:\n(?!\s*\n)[^\\{}$%\n]*)*")
SPACES = re.compile(r"[* \t\n]*")
KINDS = {"{": "open", "}": "close", "$": "math", "$$": "math"}


class Token(NamedTuple):
    """One token.

    Args:
        kind: "macro", "fixed" (a macro in LaTeX's own meaning, whatever the paper's), "char", "open" ({), "close" (}),
            "math" ($, $$, or backslash with a bracket), "par" (a blank line), "param" (#1 in a definition), "begin"
            and "end" (of an environment).
        text: the macro's name without its backslash, the character, the parameter's number, the environment's name.
        space: whether white space stands before it.
    """

    kind: str
    text: str
    space: bool = False


Tokens = list[Token]
SPACE = Token("char", " ")  # white space before a brace that is taken off, which counts in text
OPEN, CLOSE = Token("open", "{"), Token("close", "}")


def words(text: str) -> frozenset[str]:
    """The names in a text."""
    return frozenset(text.split())


def macro(name: str) -> Token:
    """The token of a macro."""
    return Token("macro", name)


def characters(text: str) -> Tokens:
    """A text as tokens, without white space between them."""
    return [Token("char", character) for character in text]


def braced(text: str) -> Tokens:
    """A text as an argument."""
    return [OPEN, *characters(text), CLOSE]


class Source:
    """A file that is being read.

    Args:
        text: its content.
        name: what to call it in messages.
        folder: where files that it names are looked for first, with a slash at its end.
    """

    def __init__(self, text: str, name: str, folder: str = ""):
        self.text, self.name, self.folder, self.here = text, name, folder, 0
        self.after: list[Token] = []  # what is put off to its end
        self.outer: bool | None = None  # whether macro names held an @ before it

    @property
    def line(self) -> int:
        """The number of the line that is being read."""
        return self.text.count("\n", 0, self.here) + 1

    def next(self, at_letter: bool) -> Token | None:
        """The next token, None at the end. Comments are left out; with `at_letter`, macro names may hold an @."""
        found = (AT if at_letter else PLAIN).match(self.text, self.here)
        self.here = found.end()
        if found.lastgroup == "end":
            return None
        before, kind = found[1], found.lastgroup
        space = bool(before) and (before[0] != "%" or bool(COMMENT.sub("", before)))
        text = found[kind]
        if kind == "char":
            return Token(KINDS.get(text, "char"), text, space)
        if kind == "par":
            return Token("par", text, space)
        return Token("math", "\\" + text, space) if text in "()[]" else Token("macro", text, space)

    def skip_prose(self) -> None:
        """Leave out text up to what may matter outside of formulas."""
        self.here = PROSE.match(self.text, self.here).end()

    def end_input(self) -> None:
        r"""Leave out the lines after the one with the \endinput that was just read."""
        end = self.text.find("\n", self.text.rfind("\\endinput", 0, self.here))
        self.text = self.text[: len(self.text) if end < 0 else end]

    def skip_past(self, end: str) -> None:
        """Leave out everything up to and with this text."""
        found = self.text.find(end, self.here)
        self.here = len(self.text) if found < 0 else found + len(end)

    def skip_delimited(self, only: str = "") -> None:
        r"""Leave out what stands between two equal characters, or braces, as after \verb and \url.

        Args:
            only: which characters may open it; "" for any.
        """
        start = SPACES.match(self.text, self.here).end()
        opening = self.text[start : start + 1]
        if only and (not opening or opening not in only):
            return
        self.here = start + 1
        depth = 1
        while self.here < len(self.text) and depth:
            character = self.text[self.here]
            depth += (opening == "{" and character == "{") - (character == ("}" if opening == "{" else opening))
            self.here += 1


def decode(data: bytes) -> str:
    """Text of a file in whatever encoding: UTF-8 where it is that, else Latin-1 with Windows' additions."""
    for encoding in ("utf-8-sig", "cp1252", "latin-1"):
        try:
            text = data.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def tokens_of(text: str) -> list[Token]:
    """The tokens of our own LaTeX, in which macro names may hold an @."""
    source, found = Source(text, "built in"), []
    while (token := source.next(True)) is not None:
        found.append(token)
    return found


def to_latex(tokens: Iterable[Token]) -> str:
    """Tokens as LaTeX, in one line."""
    out: list[str] = []
    word = False  # the last token was a macro whose name ends in a letter
    for kind, text, space in tokens:
        piece = text
        if kind == "macro":
            piece = "\\" + text if text.strip() else "~"  # a control space would be lost at the end of a line
        elif kind == "par":
            piece = " "
        elif kind == "param":
            piece = "#" + text
        elif kind in ("begin", "end"):
            piece = f"\\{kind}{{{text}}}"
        if (space or (word and piece[:1].isalpha())) and out and out[-1] != " ":
            out.append(" ")
        out.append(piece)
        word = kind == "macro" and text[-1:].isalpha()
    return " ".join("".join(out).split())


def strip_spaces(tokens: list[Token]) -> list[Token]:
    """Without blank lines and white space at both ends."""
    while tokens and (tokens[0].kind == "par" or tokens[0] == SPACE):
        tokens = tokens[1:]
    while tokens and (tokens[-1].kind == "par" or tokens[-1] == SPACE):
        tokens = tokens[:-1]
    return [tokens[0]._replace(space=False), *tokens[1:]] if tokens else []


def strip_first(tokens: list[Token]) -> list[Token]:
    """Without white space before the first."""
    return [tokens[0]._replace(space=False), *tokens[1:]] if tokens else []


def with_parameters(tokens: list[Token]) -> tuple[Token, ...]:
    """A definition's text, in which #1 is one token and ## is a #."""
    found: list[Token] = []
    waiting = None
    for token in tokens:
        if waiting is not None:
            if token.kind == "char" and token.text in "123456789":
                found.append(Token("param", token.text, waiting.space))
            else:
                found.append(waiting)
                if token[:2] != ("char", "#"):
                    found.append(token)
            waiting = None
        elif token[:2] == ("char", "#"):
            waiting = token
        else:
            found.append(token)
    return (*found, *([waiting] if waiting else []))
