r"""A paper's own macros: reading their definitions and expanding their uses, token by token, as TeX's mouth does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

from press.core.errors import fail
from press.tex.lex import CLOSE, OPEN, Token, macro, to_latex, words
from press.tex.reader import Edge, Reader

MAX_GROUPS = 2_000
MAX_BURST = 100_000  # tokens that come of one token of a file

# What these do is known here; a paper's or a style file's own version of them would only hide it.
KEPT = words("begin end section subsection subsubsection paragraph chapter part title author label ref eqref tag item")
KEPT |= words("nonumber notag input include subfile import subimport documentclass usepackage maketitle caption thanks")
KEPT |= words("setcounter addtocounter stepcounter refstepcounter numberwithin newcommand def let footnote cite over")
KEPT |= words("left right frac sqrt text operatorname")
RAW = words("verbatim verbatim* Verbatim BVerbatim lstlisting minted comment filecontents filecontents* alltt")


@dataclass(frozen=True)
class Macro:
    """A definition.

    Args:
        delimiters: what stands before the first parameter, and after each; empty after one that is not delimited.
        body: what it stands for.
        default: the first argument where none is given in brackets; None if it is not optional.
    """

    delimiters: tuple[tuple[Token, ...], ...]
    body: tuple[Token, ...]
    default: tuple[Token, ...] | None = None


class Mouth(Reader):
    """Gives the tokens of a paper with all of its own macros expanded.

    Args:
        files: path in the archive -> content.
        warn: told what could not be read.
    """

    def __init__(self, files: dict[str, bytes], warn: Callable[[str], None]):
        super().__init__(files, warn)
        self.macros: dict[str, Macro | None] = {}
        self.environments: dict[str, tuple[Callable[[Mouth], None], tuple[Token, ...]]] = {}
        self.flags: dict[str, bool] = {}
        self.undo: list[list[tuple[dict, str, object]]] = []
        self.counters: dict[str, int] = {}
        self.resets: dict[str, set[str]] = {}
        self.registers: dict[str, int] = {}
        self.aliases: dict[str, str] = {}  # counter -> the one that counts in its stead
        self.theorems: dict[str, str] = {}  # environment -> its counter, "" for none
        self.commands: dict[str, Callable[[Mouth], None]] = {}  # what LaTeX itself would do
        self.expanding: frozenset[str] = frozenset()  # those of them that TeX expands
        self.hooks: dict[str, list[Token]] = {}  # what is done before a heading or at the beginning of an environment
        self.packages: set[str] = set()
        self.options: set[str] = set()
        self.only: set[str] | None = None  # files that \\includeonly names
        self.raws = set(RAW)  # environments that are not LaTeX inside
        self.family = ""  # the document class whose rules hold

    # Tokens, expanded

    def token(self) -> Token | None:
        """The next token that no definition of the paper says anything about."""
        while (token := self.raw()) is not None:
            kind, text = token.kind, token.text
            if kind == "fixed":
                return token._replace(kind="macro")
            if kind == "macro":
                if self._expanded(token):
                    continue
                if text in ("begin", "end"):
                    environment = Token(text, self.name(), token.space)
                    if self._environment(environment):
                        continue
                    return environment
            elif kind == "open":
                self.enter()
            elif kind == "close":
                self.leave()
            return token
        return None

    def _expanded(self, token: Token) -> bool:
        name = token.text
        found = self.macros.get(name)
        if found is not None:
            self.use(name, found, token.space)
        elif name in self.commands:
            self.commands[name](self)
        elif name[:2] == "c@":
            self.commands["press@count"](self.again(token))
        elif name in self.flags or (name[:2] == "if" and "@" in name):
            self.commands["press@if"](self.again(token))
        else:
            return False
        return True

    def expandable(self, token: Token) -> bool:
        """Whether TeX expands this token where it wants a number or a list of tokens; if so, that is done."""
        own = self.macros.get(token.text)
        return bool(own or token.text in self.expanding or token.text in self.flags) and self._expanded(token)

    def name(self) -> str:
        """An argument that is a name, such as a file's or a counter's."""
        given = self.argument()
        if any(token.kind == "macro" and token.text != "_" for token in given):
            given = self.expand(given)
        return to_latex(given).replace("\\_", "_").strip()

    def use(self, name: str, found: Macro, space: bool = False) -> None:
        """Put what a macro stands for in front, with the arguments that follow."""
        self.fill(name, found, self.arguments(found), space)

    def arguments(self, found: Macro) -> list[list[Token]]:
        """The arguments that follow a macro."""
        for token in found.delimiters[0]:
            following = self.peek()
            if following is None or following[:2] != token[:2]:
                break
            self.raw()
        arguments: list[list[Token]] = []
        for number, delimiter in enumerate(found.delimiters[1:]):
            if number == 0 and found.default is not None:
                given = self.optional()
                arguments.append(list(found.default) if given is None else given)
            else:
                arguments.append(self.until(delimiter) if delimiter else self.argument())
        return arguments

    def fill(self, name: str, found: Macro, arguments: list[list[Token]], space: bool = False) -> None:
        """Put what a macro stands for in front."""
        tokens: list[Token] = []
        for token in found.body:
            if token.kind == "param" and int(token.text) <= len(arguments):
                given = arguments[int(token.text) - 1]
                tokens += [given[0]._replace(space=token.space or given[0].space), *given[1:]] if given else []
            else:
                tokens.append(token)
            if len(tokens) + self.burst > MAX_BURST:
                self._endless(name)
                return
        if tokens:
            tokens[0] = tokens[0]._replace(space=space or tokens[0].space)
        self.burst += 1  # an empty body costs something too
        self.push(tokens)

    def _endless(self, name: str) -> None:
        self.doubt(f"\\{name} expands without end; it is left as it stands")
        self.macros[name] = None
        while self.stack and isinstance(self.stack[-1], deque):
            self.stack.pop()
        self.burst = 0
        self.push([macro(name)])

    def expand(self, tokens) -> list[Token]:
        """These tokens with all macros expanded, apart from what comes next."""
        depth = len(self.undo)
        found = []
        with self.apart(tokens):
            while (token := self.token()) is not None:
                found.append(token)
            while len(self.undo) > depth:
                self.leave()
        return found

    @contextmanager
    def apart(self, tokens):
        """Read these tokens, and for the time being nothing after them."""
        edge = Edge()
        self.stack += [edge, deque(tokens)]
        yield
        while self.stack.pop() is not edge:
            pass

    # Definitions live as long as the group that they stand in

    def define(self, table: dict, name: str, value: object, everywhere: bool = False) -> None:
        """Set an entry of one of the tables until the group ends."""
        if everywhere:
            for changes in self.undo:
                changes[:] = [change for change in changes if change[0] is not table or change[1] != name]
        elif self.undo:
            self.undo[-1].append((table, name, table.get(name)))
        table[name] = value

    def enter(self) -> None:
        """The beginning of a group.

        Raises:
            PressError: one too many; real papers stay far below.
        """
        if len(self.undo) > MAX_GROUPS:
            raise fail("", 0, f"over {MAX_GROUPS} nested groups. The paper is refused")
        self.undo.append([])

    def leave(self) -> None:
        """The end of a group."""
        for table, name, value in reversed(self.undo.pop() if self.undo else []):
            if value is None:
                table.pop(name, None)
            else:
                table[name] = value

    def _environment(self, token: Token) -> bool:
        """Deal with an environment of the paper's own, or with one that is not LaTeX inside."""
        name = token.text
        own = self.environments.get(name)
        if token.kind == "end":
            if own:
                self.push([*own[1], macro("press@leave")])
            else:
                self.leave()
            return own is not None
        if name in self.raws:
            if source := self.source():
                source.skip_past(f"\\end{{{name}}}")
            else:
                self.body(name)
            return True
        self.enter()
        if own:
            own[0](self)
        if hook := self.hooks.get(name):
            self.push([*hook, *([] if own else [token])])
        return bool(own or hook)

    def body(self, name: str) -> list[Token]:
        """What stands in an environment whose beginning was read, up to its end, as it stands."""
        found: list[Token] = []
        depth = 1
        while (token := self.raw()) is not None:
            if token[:2] in (("macro", "begin"), ("macro", "end")):
                inner = self.argument()
                depth += (to_latex(inner) == name) * (1 if token.text == "begin" else -1)
                if not depth:
                    break
                found += [token, OPEN, *inner, CLOSE]
            else:
                found.append(token)
        return found
