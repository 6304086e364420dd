r"""What a paper's LaTeX source says: title, authors, sections, and every numbered equation with its printed number."""

from __future__ import annotations

from press.core.errors import fail
from press.tex.classes import COUNTERS
from press.tex.count import step
from press.tex.data import Numbered, Paper, Section
from press.tex.define import start
from press.tex.displayed import ONE, REFERENCES, ROWS, Formulas
from press.tex.displays import PROBLEM
from press.tex.lex import Source, Token, macro, to_latex, tokens_of, words
from press.tex.macros import Mouth
from press.tex.mathml import PRELUDE, not_mathml
from press.tex.text import authors, plain_text, without_notes

CASES = words("numcases subnumcases")
LEVELS = {"part": -1, "chapter": 0, "section": 1, "subsection": 2, "subsubsection": 3}
TITLES = words("title icmltitle")
MATTER = {"frontmatter": False, "mainmatter": True, "backmatter": False}


class Document(Formulas):
    """A paper that is being read, from its main file on."""

    def __init__(self, files: dict[str, bytes], main: str):
        super().__init__(Paper(main), Mouth(files, self.warn))
        start(self.mouth)
        self.mouth.read(main, ("",))
        self.mouth.push(tokens_of(COUNTERS + PRELUDE))
        self.inline = False

    def warn(self, message: str) -> None:
        if message not in self.paper.warnings:
            self.paper.warnings.append(message)

    @property
    def only_referenced(self) -> set[str]:
        """The commands whose arguments get a number; none where all equations get one."""
        showing = any(option.replace(" ", "") in ("showonlyrefs", "showonlyrefs=true") for option in self.mouth.options)
        if "autonum" in self.mouth.packages:
            return set(REFERENCES)
        return words("eqref refeq noeqref") if showing else set()

    def read(self) -> None:
        """Go through the whole source."""
        mouth = self.mouth
        while True:
            if (source := mouth.source()) is not None:
                source.skip_prose()
            if (token := mouth.token()) is None:
                return
            if token.kind == "begin":
                self.begin(token.text)
            elif token.kind == "end":
                self.doubts.end(token.text)
                if token.text == "subequations":
                    self.end_subequations()
                if token.text == "document" and sum(isinstance(part, Source) for part in mouth.stack) <= 1:
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
            label = mouth.name()
            self.numbers[label] = self.current
            self.doubts.label(label)
        elif name in REFERENCES:
            self.refer(name, mouth.name())
        elif name in MATTER:
            mouth.flags["if@mainmatter"] = MATTER[name]
        elif name == "appendices":
            mouth.push([macro("appendix")])
        elif name in TITLES:
            mouth.optional()
            self.paper.title = self.text(mouth.argument())
        elif name in ("author", "icmlauthor"):
            mouth.optional()
            self.paper.authors += authors(mouth.expand(mouth.argument()))
        elif name == "mathtoolsset":
            mouth.options |= set(to_latex(mouth.argument()).split(","))

    def section(self, level: str) -> None:
        """A heading; a command's name in a group of its own, as after \\titleformat, does not count."""
        mouth = self.mouth
        if (following := mouth.peek()) is None or following.kind == "close":
            return
        mouth.expand(mouth.hooks.get(level, []))
        star = mouth.star()
        mouth.optional()
        title = self.text(mouth.argument())
        number = ""
        front = level == "chapter" and not mouth.flags.get("if@mainmatter", True)
        if not star and not front and LEVELS[level] <= mouth.counters["secnumdepth"]:
            step(mouth, level)
            number = self.printed(level)
            self.current = number
        self.paper.sections.append(Section(number, title))

    def text(self, tokens: list[Token]) -> str:
        """Plain text of a title or a name, without footnotes."""
        return plain_text(without_notes(self.mouth.expand(tokens)))

    def begin(self, name: str) -> None:
        """An environment begins."""
        mouth = self.mouth
        self.place = mouth.place
        plain = name.rstrip("*")
        if name == "empheq":
            mouth.optional()
            inner = mouth.name().partition("=")[0]
            self.formula(inner if inner.rstrip("*") in ONE | ROWS else "equation")
        elif plain in ONE or plain in ROWS or name == "displaymath":
            if plain.startswith(("IEEE", "dmath")):
                mouth.optional()
            if plain in ("alignat", "xalignat", "xxalignat", "IEEEeqnarray"):
                mouth.argument()
            self.formula(name)
        elif name in CASES:
            self.cases(name)
        elif PROBLEM.fullmatch(name):
            self.problem(name)
        elif name == "subequations":
            self.begin_subequations()
        elif name in ("appendix", "appendices"):
            mouth.push([macro("press@appendices" if name == "appendices" else name)])
        elif name in mouth.theorems or name in ("restatable", "restatable*"):
            if name.startswith("restatable"):
                mouth.optional()
                name = mouth.name()
                mouth.argument()
            if counter := mouth.theorems.get(name):
                step(mouth, counter)
                self.current = self.printed(name)
        else:
            self.doubts.begin(name)

    def math(self, text: str) -> None:
        """A dollar or its like: what stands in $$ may have a number by \\tag or \\eqno."""
        self.place = self.mouth.place
        if text == "$":
            self.inline = not self.inline
        elif text == "$$" and not self.inline:
            self.formula("$$")
        elif text == "\\[":
            self.formula("\\]")

    def finish(self) -> Paper:
        """The equations, with references in them resolved and with what Pandoc says of each.

        Raises:
            PressError: Pandoc cannot cope.
        """
        self.resolve()
        entries = [(*known, self.latex(tokens), unsure, place) for *known, tokens, unsure, place in self.found]
        entries = [entry for entry in entries if entry[3]]
        unsure = self.doubts.at_the_end(self.numbers)
        try:
            bad = not_mathml([entry[3] for entry in entries])
        except RuntimeError as error:
            raise fail(self.paper.main, 0, f"its formulas are too much for Pandoc: {error}") from None
        self.paper.equations = [
            Numbered(*known, mathml=k not in bad, unsure=doubt or unsure, place=place)
            for k, (*known, doubt, place) in enumerate(entries)
        ]
        return self.paper
