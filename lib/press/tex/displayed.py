r"""Displayed formulas: what they hold, and the numbers that are printed beside them."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from itertools import accumulate

from press.tex.count import step
from press.tex.data import Paper, Section
from press.tex.displays import Sub, in_cases, problem
from press.tex.doubts import Doubts
from press.tex.lex import CLOSE, OPEN, Token, Tokens, braced, characters, macro, strip_spaces, to_latex, words
from press.tex.macros import Macro, Mouth
from press.tex.math import renderable
from press.tex.mathml import DEEPEST
from press.tex.rows import alone, annotations, grouped, rows, stacked, three_columns
from press.tex.text import plain_text

ONE = words("equation multline dmath")  # one number for all of it
ROWS = words("align gather eqnarray flalign alignat xalignat xxalignat IEEEeqnarray subeqnarray")  # a number a row
REFERENCES = words("ref eqref cref Cref autoref labelcref refeq noeqref")


class Formulas:
    """The formulas of a paper that is being read, and their numbers.

    Args:
        paper: where warnings are noted.
        mouth: what gives the tokens.
    """

    def __init__(self, paper: Paper, mouth: Mouth):
        self.paper, self.mouth = paper, mouth
        self.wanted: set[str] | None = None  # with mathtools' showonlyrefs: labels that get a number
        self.references: dict[str, set[str]] = {name: set() for name in REFERENCES}
        self.numbers: dict[str, str] = {}
        self.tags: dict[str, Tokens] = {}  # numbers that refer to others, which may come later
        self.found: list[tuple[str, str, str, Tokens, str, str]] = []
        self.doubts = Doubts(mouth)
        self.parents: list[int] = []
        self.current = ""  # the number that a label outside of formulas would get
        self.place = ""  # where the formula that is read begins

    def refer(self, name: str, labels: str) -> None:
        """Note what is referred to."""
        for label in labels.split(","):
            self.references[name].add(label.strip())
            if name in ("eqref", "refeq"):
                self.doubts.cited.setdefault(label.strip(), self.mouth.place)

    def printed(self, counter: str) -> str:
        """A counter as the paper prints it."""
        return plain_text(self.mouth.expand([macro(f"the{counter}")]))

    def begin_subequations(self) -> None:
        mouth = self.mouth
        step(mouth, "equation")
        self.current = number = self.printed("equation")
        self.parents.append(mouth.counters["equation"])
        mouth.counters["equation"] = 0
        mouth.counters["parentequation"] = self.parents[-1]
        body = [*characters(number), macro("alph"), *braced("equation")]
        mouth.define(mouth.macros, "theparentequation", Macro(((),), tuple(body[: len(number)])))
        mouth.define(mouth.macros, "theequation", Macro(((),), tuple(body)))

    @contextmanager
    def subequations(self):
        """What is counted here has letters."""
        self.mouth.enter()
        self.begin_subequations()
        yield
        self.end_subequations()
        self.mouth.leave()

    def end_subequations(self) -> None:
        if self.parents:
            self.mouth.counters["equation"] = self.parents.pop()

    def formula(self, name: str) -> None:
        """Read a displayed formula and note the numbers in it."""
        tokens = self.collect(name)
        numbered = name in ONE or name in ROWS
        if name == "subeqnarray":
            with self.subequations():
                self.several(name, tokens, numbered)
        elif name.rstrip("*") in ROWS:
            self.several(name.rstrip("*"), tokens, numbered)
        else:
            tokens, label, tag, mode = annotations(tokens)
            silent = mode == "no" and (name != "equation" or self.doubts.has_amsmath)
            number = self.number(label, tag, numbered and not silent)
            parts = [part for part in rows(tokens) if strip_spaces(part)]
            if number and parts:
                self.keep(number, label, parts[0] if len(parts) == 1 else stacked(parts, "gathered"))

    def collect(self, name: str) -> list[Token]:
        """The tokens up to where this formula ends."""
        found: list[Token] = []
        depth = 0
        while (token := self.mouth.token()) is not None:
            if depth == 0 and (token.kind == "end" or token[:2] == ("math", name)):
                if token[:2] == ("end", "document"):
                    self.mouth.stack.clear()
                    break
                if token.kind == "end" and token.text.rstrip("*") not in (name.rstrip("*"), "empheq"):
                    self.mouth.doubt(f"\\begin{{{name}}} is closed by \\end{{{token.text}}}")
                return found
            if token.kind == "par" and name in ("$$", "\\]"):
                return found
            depth += (token.kind == "begin") - (token.kind == "end")
            if token.kind == "macro" and token.text in REFERENCES:
                self.refer(token.text, to_latex(argument := self.mouth.argument()))
                found += [token, OPEN, *argument, CLOSE]
            else:
                found.append(token)
        self.mouth.doubt(f"{name}: a formula is never closed")
        return found

    def several(self, name: str, tokens: list[Token], numbered: bool) -> None:
        """An environment with a number a row; rows without one belong to the next that has one, else to the last."""
        found = []
        sub = Sub(numbered) if name == "IEEEeqnarray" else None
        for row in rows(tokens):
            row, label, tag, mode = annotations(row)
            if sub and tag is None:
                counts, mark = sub.count(self.mouth, mode)
                number = self.printed("equation") + mark if counts else ""
                self.note(label, number)
            else:
                number = self.number(label, tag, (numbered or mode == "yes") and mode != "no")
            row = strip_spaces(three_columns(row) if name in ("eqnarray", "IEEEeqnarray", "subeqnarray") else row)
            if row:  # LaTeX gives a number to the empty row after a last \\
                found.append((number, label, row))
            elif number:
                self.paper.blank.append(number)
        for number, label, parts in grouped(found):
            environment = "gathered" if name == "gather" else "aligned"
            self.keep(number, label, alone(parts[0]) if len(parts) == 1 else stacked(parts, environment))

    def cases(self, name: str) -> None:
        """numcases: a number for each row, all with what stands before the brace."""
        left = self.mouth.expand(self.mouth.argument())
        found = rows(self.collect(name))
        with self.subequations() if name == "subnumcases" else nullcontext():
            for row in found:
                row, label, tag, mode = annotations(row)
                if strip_spaces(row):
                    self.keep(self.number(label, tag, mode != "no"), label, in_cases(left, row))

    def problem(self, name: str) -> None:
        """A problem of optidef: no number, one, or with ! one for each row."""
        found = [annotations(row) for row in problem(self.mouth, name, self.collect)]
        if name.endswith("!"):
            with self.subequations():
                for row, label, tag, _ in found:
                    self.keep(self.number(label, tag, True), label, alone(row))
        elif not name.endswith("*"):
            label = next((label for _, label, *_ in found if label), "")
            self.keep(self.number(label, None, True), label, stacked([row for row, *_ in found], "aligned"))

    def number(self, label: str, tag: Tokens | None, counts: bool) -> str:
        """The number that is printed; "" for none."""
        number = ""
        if tag is not None and (self.wanted is None or label in self.wanted or "showmanualtags" in self.mouth.options):
            tag = self.mouth.expand(tag)
            number = plain_text(tag).strip("() ")
            if any(token.kind == "macro" and token.text in REFERENCES for token in tag):
                number = f"\0{len(self.tags)}\0"
                self.tags[number] = tag
        elif counts and tag is None and (self.wanted is None or label in self.wanted):
            step(self.mouth, "equation")
            number = self.printed("equation")
        self.note(label, number)
        return number

    def note(self, label: str, number: str) -> None:
        """Note which number a label stands for."""
        if label:
            self.numbers[label] = number or self.current
            self.doubts.formulas.add(label)

    def keep(self, number: str, label: str, tokens: Tokens) -> None:
        """Note an equation, if it has a number."""
        if number:
            section = self.paper.sections[-1] if self.paper.sections else Section("", "")
            unsure = self.mouth.doubts[0] if self.mouth.doubts else ""
            title = f"{section.number} {section.title}".strip()
            self.found.append((number, label, title, tokens, unsure, self.place))

    def resolve(self) -> None:
        """Put numbers in place of references in tags."""
        for key, tag in self.tags.items():
            number = plain_text(renderable(tag, self.numbers, in_text=True)).strip("() ")
            self.numbers = {label: number if value == key else value for label, value in self.numbers.items()}
            self.found = [(number if entry[0] == key else entry[0], *entry[1:]) for entry in self.found]

    def latex(self, tokens: Tokens) -> str:
        """A formula in the LaTeX that is kept."""
        depths = accumulate((token.kind == "open") - (token.kind == "close") for token in tokens)
        if max(depths, default=0) > DEEPEST:  # no formula that a person wrote
            return to_latex(tokens)
        return to_latex(strip_spaces(renderable(tokens, self.numbers)))
