"""What in a paper was not understood though a number may depend on it: environments, and labels that were not found."""

from __future__ import annotations

import re

from press.tex.lex import decode, words
from press.tex.macros import Mouth

# Environments that hold no numbers of their own, in papers and the packages that they use.
QUIET = re.compile(
    r"(?i)fig|tab|theorem|thm|lemma|lem\b|proof|propos|prop\b|corol|cor\b|defin|remark|rem\b|example|algo|list|item|enum|"
    r"box|quot|page|column|picture|abstract|biblio|appendi|frame|note|assum|claim|conj|exer|problem|question|solution|case|"
    r"step|task|center|flush|raggedr|matrix|array|split|aligned|gathered|cases|math|document|verse|description|space|"
    r"lrbox|tikz|pgf|axis|scope|program|code|alltt|multicols|acknowl|keyword|highlight|summary|font|small|large|tiny|size|"
    r"landscape|sideways|letter|titl|intro|discuss|hypoth|fact|observ|notation|property|construct|condition|principle|"
    r"equation\*|align|comment|sect|refer|subequations|group|block|sloppypar|samepage|CJK|otherlanguage|spac|adjust|"
    r"strip|overpic|wrap|margin|overlay|only|threepart|tabbing|proced|protocol|function|thought|body|main|author|front|nomencl|gloss"
)
MATH = re.compile(
    r"\\begin\{(equation|align|gather|multline|eqnarray)(\*?)\}.*?\\end\{\1\2\}|\\\[.*?\\\]|\$\$.*?\$\$", re.DOTALL
)
INLINE = re.compile(
    r"(?<!\\)%[^\n]*|\\[$%_^&]|\$[^$]*\$|\\\(.*?\\\)|"
    r"\\(?:label|ref|cite\w*|input|includegraphics)\s*(?:\[[^]]*\])?\{[^{}]*\}",
    re.DOTALL,
)
FORMULA = re.compile(r"\^|\\(?:frac|sum|int|partial|mathbf|mathrm|mathcal|left|alpha|beta|theta|lambda|sigma|mu)\b")
ELSEWHERE = re.compile(
    r"(?i)(fig|tab|tbl|s?sec|sub|cha?p?|app|al[gq]|th|lem|prop|cor|def|ass|rem|lst|item|line|code)\w*[:_.-]"
)
LONGEST = 20_000
NO_AMSMATH = words("graphicx graphics epsfig natbib hyperref color xcolor times url cite inputenc fontenc babel")


class Doubts:
    """What is found to be doubtful while a paper is read.

    Args:
        mouth: where it is noted.
    """

    def __init__(self, mouth: Mouth):
        self.mouth = mouth
        self.open: list[str] = []
        self.cited: dict[str, str] = {}  # what \\eqref refers to -> where it does so first
        self.formulas: set[str] = set()  # labels of formulas

    @property
    def has_amsmath(self) -> bool:
        """Whether amsmath is, or may be, loaded."""
        return bool(self.mouth.packages - NO_AMSMATH) or self.mouth.family not in ("article", "report", "book")

    def begin(self, name: str) -> None:
        """An environment that is not a formula begins."""
        self.open.append(name)
        source = self.mouth.source()
        if QUIET.search(name) or source is None or name in self.mouth.theorems:
            return
        end = source.text.find(f"\\end{{{name}}}", source.here, source.here + LONGEST)
        inner = INLINE.sub("", MATH.sub("", source.text[source.here : max(end, source.here)]))
        if FORMULA.search(inner):
            self.mouth.doubt(f"environment {name} is unknown and seems to contain a formula")

    def end(self, name: str) -> None:
        """An environment ends."""
        if name in self.open:
            while self.open.pop() != name:
                pass

    def label(self, name: str) -> None:
        """A label outside of formulas."""
        inner = self.open[-1] if self.open else ""
        if inner and not QUIET.search(inner) and inner not in self.mouth.theorems and not ELSEWHERE.match(name):
            self.mouth.doubt(f"environment {inner} is unknown and contains the label {name}")

    def at_the_end(self, numbers: dict[str, str]) -> str:
        """Why all numbers are unsure; "" where they are not: a label that \\eqref refers to was skipped."""
        texts = None
        for label, place in self.cited.items():
            if label not in numbers:
                texts = texts or [decode(data) for data in self.mouth.files.values()]
                pattern = re.compile(r"^(?:[^%\n]|\\%)*\\label\s*\{" + re.escape(label) + r"\}", re.MULTILINE)
                if any(pattern.search(text) for text in texts):
                    message = f"{place}\\eqref{{{label}}}: the equation with this label was not found"
                    self.mouth.warn(message)
                    return message
        return ""
