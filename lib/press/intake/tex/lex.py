r"""LaTeX files as streams of tokens, read with pylatexenc's tokenizer, and tokens as LaTeX again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pylatexenc.latexwalker import LatexWalker, LatexWalkerEndOfStream
from pylatexenc.macrospec import LatexContextDb

PLAIN = set("\\{}%$") | set(" \t\n\r\f\v")  # characters that pylatexenc has to look at


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


SPACE = Token("char", " ")  # white space before a brace that is taken off, which counts in text


def words(text: str) -> frozenset[str]:
    """The names in a text."""
    return frozenset(text.split())


def macro(name: str) -> Token:
    """The token of a macro."""
    return Token("macro", name)


class Source:
    """A file that is being read.

    Args:
        text: its content.
        name: what to call it in messages.
    """

    def __init__(self, text: str, name: str):
        self.walker = LatexWalker(text, latex_context=LatexContextDb(), tolerant_parsing=True)
        self.state = self.walker.make_parsing_state()
        self.text, self.name, self.here = text, name, 0
        self.ended = False

    def next(self, at_letter: bool) -> Token | None:
        """The next token, None at the end. Comments are left out; with `at_letter`, macro names may hold an @."""
        while not self.ended:
            if self.here < len(self.text) and self.text[self.here] not in PLAIN:  # the way of nearly all prose
                self.here += 1
                return Token("char", self.text[self.here - 1])
            try:
                found = self.walker.get_token(self.here, environments=False, parsing_state=self.state)
            except LatexWalkerEndOfStream:
                self.ended = True
                return None
            self.here = found.pos + found.len
            if found.tok == "comment":
                continue
            space = bool(found.pre_space)
            if found.tok == "macro":
                return Token("macro", self._macro_name(found, at_letter), space)
            if found.tok == "char":
                return Token("par" if found.arg == "\n\n" else "char", found.arg, space)
            return Token({"brace_open": "open", "brace_close": "close"}.get(found.tok, "math"), found.arg, space)
        return None

    def _macro_name(self, found, at_letter: bool) -> str:
        name = found.arg
        if at_letter and not found.post_space and (name == "@" or name.isalpha()):
            start = self.here
            while self.here < len(self.text) and (self.text[self.here].isalpha() or self.text[self.here] == "@"):
                self.here += 1
            name += self.text[start : self.here]
            while self.here < len(self.text) and self.text[self.here] in " \t":
                self.here += 1
        return name

    def skip_past(self, end: str) -> None:
        """Leave out everything up to and with this text."""
        found = self.text.find(end, self.here)
        self.here = len(self.text) if found < 0 else found + len(end)

    def skip_delimited(self) -> None:
        r"""Leave out what stands between two equal characters, or braces, as after \verb and \url."""
        while self.here < len(self.text) and self.text[self.here] in "* \t\n":
            self.here += 1
        opening = self.text[self.here : self.here + 1]
        self.here += 1
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
