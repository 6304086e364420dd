r"""The tokens of a paper, file after file, as they stand: arguments, brackets, delimiters, files that read files."""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Callable

from press.core.errors import fail
from press.tex.lex import SPACE, Source, Token, decode, strip_spaces, to_latex

MAX_STEPS = 5_000_000  # tokens of a whole paper
MAX_DEPTH = 60  # files that read files
MAX_READS = 1_000


class Edge:
    """What is read ends here for now, though more stands below it."""


class Reader:
    """Gives the tokens of a paper.

    Args:
        files: path in the archive -> content.
        warn: told what could not be read.
    """

    def __init__(self, files: dict[str, bytes], warn: Callable[[str], None]):
        self.files, self.warn = files, warn
        self.stack: list[Source | deque[Token] | Edge] = []
        self.at_letter = False
        self.style = 0  # how many style files are being read
        self.steps = self.reads = 0
        self.burst = 0  # tokens that have come of the last one of a file
        self.doubts: list[str] = []  # what makes the numbers after it unsure
        self.done: set[str] = set()  # style files that were read

    @property
    def file(self) -> Source | None:
        """The file that is being read."""
        return next((part for part in reversed(self.stack) if isinstance(part, Source)), None)

    @property
    def folder(self) -> str:
        """Where files that it names are looked for first; "" for the archive's root."""
        return self.file.folder if self.file else ""

    @property
    def place(self) -> str:
        """The file that is being read, and the line in it."""
        return f"{self.file.name}:{self.file.line}: " if self.file else ""

    def doubt(self, reason: str) -> None:
        """Note what is not understood, so that the numbers after it are unsure."""
        message = f"{self.place}{reason}"
        self.warn(message)
        if message not in self.doubts:
            self.doubts.append(message)

    def raw(self) -> Token | None:
        """The next token as it stands; None at the end of everything."""
        while self.stack:
            top = self.stack[-1]
            if isinstance(top, Source):
                token = top.next(self.at_letter)
                if token is not None:
                    self.steps += 1
                    self.burst = 0
                    if self.steps > MAX_STEPS:
                        raise fail(top.name, 0, f"over {MAX_STEPS} tokens, more than any paper has. It is refused")
                    return token
            elif isinstance(top, Edge):
                return None
            elif top:
                return top.popleft()
            self._close(self.stack.pop())
        return None

    def _close(self, top: Source | deque[Token]) -> None:
        if isinstance(top, Source):
            if top.outer is not None:
                self.style -= 1
                self.at_letter = top.outer
            self.push(top.after)

    def push(self, tokens) -> None:
        """Put tokens in front of what comes next."""
        tokens = deque(tokens)
        self.burst += len(tokens)
        self.steps += len(tokens)
        if self.steps > MAX_STEPS:
            raise fail("", 0, f"the paper's macros make over {MAX_STEPS} tokens. It is refused")
        self.source()
        if tokens:
            self.stack.append(tokens)

    def peek(self) -> Token | None:
        """The next token, which stays."""
        token = self.raw()
        if token is not None:
            self.stack.append(deque([token]))
        return token

    def again(self, token: Token):
        """Put one token back."""
        self.stack.append(deque([token]))
        return self

    def argument(self) -> list[Token]:
        """A macro's argument: what stands between braces, without them, or one token."""
        token = self.raw()
        while token and token.kind == "par":
            token = self.raw()
        if token is None:
            return []
        if token.kind == "close":  # an argument is missing: the brace belongs to who opened it
            self.push([token])
            return []
        return self.balanced() if token.kind == "open" else [token._replace(space=False)]

    def balanced(self) -> list[Token]:
        """Up to the brace that closes what is open, without it."""
        found: list[Token] = []
        depth = 1
        while (token := self.raw()) is not None:
            depth += (token.kind == "open") - (token.kind == "close")
            if not depth:
                return [*found, SPACE] if token.space and found else found
            found.append(token)
        return found

    def optional(self, left: str = "[", right: str = "]") -> list[Token] | None:
        """What stands in brackets; None where there are none."""
        token = self.peek()
        if token is None or token.kind != "char" or token.text != left:
            return None
        self.raw()
        return self.until((Token("char", right),))

    def given(self) -> str:
        """What stands in brackets as text; "" where there are none."""
        return to_latex(self.optional() or [])

    def star(self) -> bool:
        """Whether a star follows; it is taken."""
        token = self.peek()
        found = token is not None and token[:2] == ("char", "*")
        if found:
            self.raw()
        return found

    def until(self, delimiter: tuple[Token, ...]) -> list[Token]:
        """Up to these tokens outside of braces, without them; one pair of braces around it all is taken off."""
        found: list[Token] = []
        wanted = [token[:2] for token in delimiter]
        depth = 0
        while (token := self.raw()) is not None:
            if depth == 0 and token.kind == "close":
                self.push([token])
                break
            depth += (token.kind == "open") - (token.kind == "close")
            found.append(token)
            if depth == 0 and [t[:2] for t in found[-len(wanted) :]] == wanted:
                found = found[: -len(wanted)]
                break
        return unbraced(found)

    def source(self) -> Source | None:
        """The file, where the next token comes from one and not from a macro."""
        while self.stack and isinstance(self.stack[-1], deque) and not self.stack[-1]:
            self.stack.pop()
        top = self.stack[-1] if self.stack else None
        return top if isinstance(top, Source) else None

    def find(self, name: str, suffixes: tuple[str, ...] = (".tex", "")) -> str:
        """The path in the archive of a file that is named; "" if there is none."""
        name = name.strip().strip('"')
        paths = [posixpath.normpath(folder + name) for folder in dict.fromkeys((self.folder, ""))]
        return next((path + end for path in paths for end in suffixes if path + end in self.files), "")

    def read(self, name: str, suffixes: tuple[str, ...] = (".tex", ""), folder: str = "") -> bool:
        """Go on with a file of the archive; False if there is none.

        Args:
            folder: where the files that it names are looked for; "" leaves that as it is.
        """
        found = self.find(name, suffixes)
        if not found:
            return False
        self.reads += 1
        if self.reads > MAX_READS or sum(isinstance(part, Source) for part in self.stack) >= MAX_DEPTH:
            raise fail(
                found, 0, f"files read each other over {MAX_DEPTH} deep or {MAX_READS} times. The paper is refused"
            )
        source = Source(decode(self.files[found]), found, folder or self.folder)
        if found.endswith((".sty", ".cls")):
            if found in self.done:
                return True
            self.done.add(found)
            self.style += 1
            source.outer, self.at_letter = self.at_letter, True
        self.stack.append(source)
        return True


def unbraced(tokens: list[Token]) -> list[Token]:
    """Without the braces that stand around all of it."""
    tokens = strip_spaces(tokens)
    if len(tokens) < 2 or tokens[0].kind != "open" or tokens[-1].kind != "close":
        return tokens
    depth = 0
    for token in tokens[:-1]:
        depth += (token.kind == "open") - (token.kind == "close")
        if depth == 0:
            return tokens
    return tokens[1:-1]
