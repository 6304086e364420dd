r"""A paper's own macros: reading their definitions and expanding their uses, token by token, as TeX's mouth does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from press.core.errors import fail
from press.intake.tex.lex import Token, macro, to_latex, words
from press.intake.tex.reader import Reader

MAX_GROUPS = 2_000
MAX_BURST = 100_000  # tokens that come of one token of a file

# What these do is known here; a paper's or a style file's own version of them would only hide it.
KEPT = words("begin end section subsection subsubsection paragraph chapter part title author appendix label ref eqref")
KEPT |= words("tag nonumber notag input include subfile import subimport documentclass usepackage maketitle item")
KEPT |= words("setcounter addtocounter stepcounter refstepcounter numberwithin newcommand def let caption thanks")
KEPT |= words("left right frac sqrt text operatorname footnote cite over")
RAW = {"verbatim", "verbatim*", "Verbatim", "lstlisting", "minted", "comment", "filecontents", "filecontents*", "alltt"}
IFS = words("if ifx ifnum ifdim ifodd ifcat ifcase ifvmode ifhmode ifmmode ifinner ifvoid ifhbox ifvbox ifeof")
IFS |= words("iftrue iffalse ifdefined ifcsname ifpdf ifxetex ifluatex ifPDFTeX ifpdftex")


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
        self.environments: dict[str, tuple[Macro, tuple[Token, ...]]] = {}
        self.flags: dict[str, bool] = {}
        self.undo: list[list[tuple[dict, str, object]]] = []
        self.counters: dict[str, int] = {}
        self.resets: dict[str, set[str]] = {}
        self.commands: dict[str, Callable[[Mouth], None]] = {}  # what LaTeX itself would do
        self.packages: set[str] = set()
        self.options: set[str] = set()

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
                    environment = Token(text, to_latex(self.argument()), token.space)
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
        elif name in self.flags or name in IFS:
            self._condition(name)
        elif name in ("else", "or"):
            self._skip_branch(stop_at_else=False)
        elif name != "fi":
            return False
        return True

    def use(self, name: str, found: Macro, space: bool = False) -> None:
        """Put what a macro stands for in front, with the arguments that follow."""
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
        self.warn(f"\\{name} expands without end; it is left as it stands")
        self.macros[name] = None
        while self.stack and isinstance(self.stack[-1], deque):
            self.stack.pop()
        self.burst = 0
        self.push([macro(name)])

    def expand(self, tokens) -> list[Token]:
        """These tokens with all macros expanded, apart from what comes next."""
        outer, self.stack = self.stack, [deque(tokens)]
        depth = len(self.undo)
        found = []
        while (token := self.token()) is not None:
            found.append(token)
        while len(self.undo) > depth:
            self.leave()
        self.stack = outer
        return found

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
            raise fail("", 0, f"over {MAX_GROUPS} groups within each other. The paper is refused")
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
        own = self.environments.get(token.text)
        if token.kind == "begin":
            self.enter()
            if own:
                self.use(token.text, own[0], token.space)
            elif token.text in RAW:
                if source := self.source():
                    source.skip_past(f"\\end{{{token.text}}}")
                self.leave()
                return True
            return own is not None
        if own:
            self.push([*own[1], macro("press@leave")])
            return True
        self.leave()
        return False

    # Conditions

    def _condition(self, name: str) -> None:
        if name in self.flags:
            holds = self.flags[name]
        elif name == "ifdefined":
            token = self.raw()
            holds = token is not None and (token.text in self.macros or token.text in self.commands)
        elif name == "ifx":
            first, second = self.raw(), self.raw()
            holds = bool(first and second) and self._meaning(first) == self._meaning(second)
        elif name == "if":
            first, second = self.token(), self.token()
            holds = bool(first and second) and first[:2] == second[:2]
        else:  # what only a run of TeX can know
            holds = name in ("iftrue", "ifpdf", "ifmmode", "ifPDFTeX", "ifpdftex")
        if not holds:
            self._skip_branch(stop_at_else=True)

    def _meaning(self, token: Token):
        return self.macros.get(token.text, token[:2]) if token.kind == "macro" else token[:2]

    def _skip_branch(self, stop_at_else: bool) -> None:
        depth = 0
        while (token := self.raw()) is not None:
            if token.kind != "macro":
                continue
            if token.text in self.flags or token.text in IFS:
                depth += 1
            elif token.text == "fi":
                if depth == 0:
                    return
                depth -= 1
            elif token.text == "else" and depth == 0 and stop_at_else:
                return
