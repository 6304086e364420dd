r"""What a paper's LaTeX source says: title, authors, sections, and every numbered equation with its printed number."""

from __future__ import annotations

from itertools import accumulate

from press.core.errors import fail
from press.intake.tex.classes import COUNTERS, Numbered, Paper, Section, appendix_of, sections_of
from press.intake.tex.count import step
from press.intake.tex.define import start
from press.intake.tex.lex import Source, Token, macro, strip_spaces, to_latex, tokens_of, words
from press.intake.tex.macros import Macro, Mouth
from press.intake.tex.math import alone, annotations, grouped, renderable, rows, stacked, three_columns
from press.intake.tex.mathml import DEEPEST, PRELUDE, not_mathml
from press.intake.tex.text import authors, plain_text, without_notes

ONE = words("equation multline dmath")  # one number for all of it
ROWS = words("align gather eqnarray flalign alignat xalignat IEEEeqnarray")  # a number a row
UNNUMBERED = words(
    "displaymath equation* multline* dmath* align* gather* eqnarray* flalign* alignat* xalignat* IEEEeqnarray*"
)
UNKNOWN = words("numcases subnumcases dgroup darray")  # their numbers are not understood
LEVELS = ["chapter", "section", "subsection", "subsubsection"]
TITLES = words("title icmltitle")


class Document:
    """A paper that is being read, from its main file on."""

    def __init__(self, files: dict[str, bytes], main: str):
        self.paper = Paper(main)
        self.mouth = Mouth(files, self.warn)
        start(self.mouth)
        self.mouth.read(main, ("",))
        self.mouth.push(tokens_of(COUNTERS + PRELUDE))
        self.wanted: set[str] | None = None  # with mathtools' showonlyrefs: labels that get a number
        self.references: set[str] = set()
        self.numbers: dict[str, str] = {}
        self.formulas: list[tuple[str, str, str, list[Token]]] = []
        self.parents: list[int] = []
        self.family = ""
        self.current = ""  # the number that a label outside of formulas would get
        self.inline = False

    def warn(self, message: str) -> None:
        if message not in self.paper.warnings:
            self.paper.warnings.append(message)

    @property
    def only_referenced(self) -> bool:
        showing = any(option.replace(" ", "") in ("showonlyrefs", "showonlyrefs=true") for option in self.mouth.options)
        return showing or "autonum" in self.mouth.packages

    def read(self) -> None:
        """Go through the whole source."""
        while (token := self.mouth.token()) is not None:
            if token.kind == "begin":
                self.begin(token.text)
            elif token.kind == "end":
                if token.text == "subequations" and self.parents:
                    self.mouth.counters["equation"] = self.parents.pop()
                if token.text == "document" and sum(isinstance(part, Source) for part in self.mouth.stack) <= 1:
                    return
            elif token.kind == "math":
                self.math(token.text)
            elif token.kind == "macro":
                self.macro(token.text)

    def macro(self, name: str) -> None:
        """A command outside of formulas."""
        mouth = self.mouth
        if name in LEVELS:
            self.section(name)
        elif name == "label":
            self.numbers[mouth.name()] = self.current
        elif name in ("ref", "eqref", "cref", "Cref", "autoref"):
            self.references |= {label.strip() for label in mouth.name().split(",")}
        elif name in ("appendix", "appendices"):
            self.appendix()
        elif name in TITLES:
            mouth.optional()
            self.paper.title = self.text(mouth.argument())
        elif name in ("author", "icmlauthor"):
            mouth.optional()
            self.paper.authors += authors(mouth.expand(mouth.argument()))
        elif name in ("documentclass", "documentstyle"):
            mouth.optional()
            self.document_class(mouth.name())
        elif name == "mathtoolsset":
            mouth.options |= set(to_latex(mouth.argument()).split(","))

    def document_class(self, name: str) -> None:
        """How this class numbers sections; a part that could stand alone has a class too, which counts for nothing."""
        if not self.family:
            self.family = name
            self.mouth.push(tokens_of(sections_of(name)))

    def appendix(self) -> None:
        """From here on sections have letters."""
        self.mouth.push(tokens_of(appendix_of(self.family)))

    def section(self, level: str) -> None:
        """A heading."""
        star = self.mouth.star()
        self.mouth.optional()
        title = self.text(self.mouth.argument())
        number = ""
        if not star:
            step(self.mouth, level)
            number = self.printed(level)
            self.current = number
        self.paper.sections.append(Section(number, title))

    def printed(self, counter: str) -> str:
        """A counter as the paper prints it."""
        return plain_text(self.mouth.expand([macro(f"the{counter}")]))

    def text(self, tokens: list[Token]) -> str:
        """Plain text of a title or a name, without footnotes."""
        return plain_text(without_notes(self.mouth.expand(tokens)))

    def begin(self, name: str) -> None:
        """An environment begins."""
        mouth = self.mouth
        if name == "empheq":
            mouth.optional()
            inner = mouth.name()
            self.formula(inner if inner.rstrip("*") in ONE | ROWS else "equation")
        elif name in ONE or name in ROWS or name in UNNUMBERED:
            if name.startswith("IEEE"):
                mouth.optional()
            if name.rstrip("*") in ("alignat", "xalignat", "IEEEeqnarray"):
                mouth.argument()
            if name.startswith("dmath"):
                mouth.optional()
            self.formula(name)
        elif name == "subequations":
            step(mouth, "equation")
            self.current = number = self.printed("equation")
            self.parents.append(mouth.counters["equation"])
            mouth.counters["equation"] = 0
            body = [*(Token("char", c) for c in number), macro("alph"), Token("open", "{")]
            body += [*(Token("char", c) for c in "equation"), Token("close", "}")]
            mouth.define(mouth.macros, "theequation", Macro(((),), tuple(body)))
        elif name in ("appendix", "appendices", "subappendices"):
            self.appendix()
        elif name in UNKNOWN:
            self.warn(f"environment {name} is not understood; numbers after it may be off")

    def math(self, text: str) -> None:
        """A dollar or its like: what stands in $$ may have a number by \\tag or \\eqno."""
        if text == "$":
            self.inline = not self.inline
        elif text == "$$" and not self.inline:
            self.formula("$$")
        elif text == "\\[":
            self.formula("\\]")

    def formula(self, name: str) -> None:
        """Read a displayed formula and note the numbers in it."""
        tokens = self.collect(name)
        numbered = name in ONE or name in ROWS
        if name.rstrip("*") in ROWS:
            self.several(name.rstrip("*"), tokens, numbered)
            return
        tokens, label, tag, silent = annotations(tokens)
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
                    self.warn(f"\\begin{{{name}}} is closed by \\end{{{token.text}}}")
                return found
            if token.kind == "par" and name in ("$$", "\\]"):
                return found
            depth += (token.kind == "begin") - (token.kind == "end")
            found.append(token)
        self.warn(f"{name}: a formula does not end")
        return found

    def several(self, name: str, tokens: list[Token], numbered: bool) -> None:
        """An environment with a number a row; rows without one belong to the next that has one, else to the last."""
        found = []
        for row in rows(tokens):
            row, label, tag, silent = annotations(row)
            number = self.number(label, tag, numbered and not silent)
            row = strip_spaces(three_columns(row) if name in ("eqnarray", "IEEEeqnarray") else row)
            if row:  # LaTeX gives a number to the empty row after a last \\
                found.append((number, label, row))
        for number, label, parts in grouped(found):
            environment = "gathered" if name == "gather" else "aligned"
            self.keep(number, label, alone(parts[0]) if len(parts) == 1 else stacked(parts, environment))

    def number(self, label: str, tag: list[Token] | None, counts: bool) -> str:
        """The number that is printed; "" for none."""
        number = ""
        if tag is not None:
            number = plain_text(self.mouth.expand(tag)).strip("() ")
        elif counts and (self.wanted is None or label in self.wanted):
            step(self.mouth, "equation")
            number = self.printed("equation")
        if label:
            self.numbers[label] = number
        return number

    def keep(self, number: str, label: str, tokens: list[Token]) -> None:
        """Note an equation."""
        section = self.paper.sections[-1] if self.paper.sections else Section("", "")
        self.formulas.append((number, label, f"{section.number} {section.title}".strip(), tokens))

    def finish(self) -> Paper:
        """The equations, with references in them resolved and with what Pandoc says of each.

        Raises:
            PressError: Pandoc cannot cope.
        """
        found = [(*known, self.latex(tokens)) for *known, tokens in self.formulas]
        found = [entry for entry in found if entry[3]]
        try:
            bad = not_mathml([entry[3] for entry in found])
        except RuntimeError as error:
            raise fail(self.paper.main, 0, f"its formulas are too much for Pandoc: {error}") from None
        self.paper.equations = [Numbered(*entry, mathml=k not in bad) for k, entry in enumerate(found)]
        return self.paper

    def latex(self, tokens: list[Token]) -> str:
        """A formula in the LaTeX that is kept."""
        depths = accumulate((token.kind == "open") - (token.kind == "close") for token in tokens)
        if max(depths, default=0) > DEEPEST:  # no formula that a person wrote
            return to_latex(tokens)
        return to_latex(strip_spaces(renderable(tokens, self.numbers)))
