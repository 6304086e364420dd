"""Text as people type it in Zotero, and as BibTeX and Pandoc both read it back.

Whatever comes in is text, never code: all that LaTeX gives a meaning is escaped. Three things are understood: the
markup that Zotero allows in titles (`<i>`, `<b>`, `<sub>`, `<sup>`, small capitals, no-case), formulas in `$...$`,
and LaTeX accents such as `{\\"o}`, which become letters.
"""

from __future__ import annotations

import re
import unicodedata

from press.intake.zotero.capitals import protect

SPECIAL = {
    "\\": r"\textbackslash{}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "`": r"\`{}",
}
# A brace without a partner would end the field for a parser that counts escaped ones: it gets one that does not show.
LONE = {"{": r"{\{\vphantom{\}}}", "}": r"{\vphantom{\{}\}}"}
INVISIBLE = re.compile("[\u202a-\u202e\u2066-\u2069\ufeff]")
ACCENTS = dict(
    zip("`'^\"~=.uvHcrk", "\u0300\u0301\u0302\u0308\u0303\u0304\u0307\u0306\u030c\u030b\u0327\u030a\u0328", strict=True)
)
ACCENT = re.compile(
    r"\{\\([`'^\"~=.])\{?([A-Za-z])\}?\}|\{\\([uvHcrk])\{([A-Za-z])\}\}|\\([`'^\"~=.uvHcrk])\{([A-Za-z])\}|\\([`'^\"~=.])([A-Za-z])"
)
LETTERS = {
    "ss": "ß",
    "o": "ø",
    "O": "Ø",
    "l": "ł",
    "L": "Ł",
    "ae": "æ",
    "AE": "Æ",
    "oe": "œ",
    "OE": "Œ",
    "aa": "å",
    "AA": "Å",
}
LETTER = re.compile(r"\{\\(" + "|".join(LETTERS) + r")\}|\\(" + "|".join(LETTERS) + r")\{\}")

TAG = re.compile(
    r"<(i|b|sub|sup|em|strong)>|</(i|b|sub|sup|em|strong|span)>|"
    r"<span (class=\"nocase\"|style=\"font-variant: ?small-caps;?\")>"
)
COMMANDS = {"i": r"\textit{", "em": r"\textit{", "b": r"\textbf{", "strong": r"\textbf{"}
COMMANDS |= {"sub": r"\textsubscript{", "sup": r"\textsuperscript{", "span": r"\textsc{"}
MATH = re.compile(r"(?<![\\$])\$(?=[^\s$])([^$]*[^\s$\\])\$(?![\d$])")
MATH_COMMAND = re.compile(
    "alpha|beta|gamma|delta|(var)?epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|(var)?phi|chi|psi|omega|"
    "Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega|math(cal|bb|bf|rm|it|frak)|boldsymbol|text|frac|sqrt|ell|infty|times|"
    "cdot|to|(right|left)arrow|[lg]eq?|neq?|approx|sim|pm|mp|in|subset|cup|cap|sum|prod|int|partial|nabla|log|exp|sin|cos|"
    "min|max|bar|hat|tilde|vec|dot|prime|dagger|star|ast|circ|otimes|oplus|perp|[lr]angle|bf|rm|it|cal|[,;! ]"
)


def plain(value: object) -> str:
    """One line of clean text: NFC, no control or direction characters, LaTeX accents as letters."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    text = INVISIBLE.sub("", text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    text = "".join(" " if c.isspace() or c == "\x1b" else "" if unicodedata.category(c) == "Cc" else c for c in text)
    if "\\" in text:
        text = ACCENT.sub(_accent, text)
        text = LETTER.sub(lambda match: LETTERS[match[1] or match[2]], text)
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _accent(match: re.Match) -> str:
    mark, letter = (group for group in match.groups() if group)
    return unicodedata.normalize("NFC", letter + ACCENTS[mark])


def escape(text: str) -> str:
    """Clean text, every character of it meant literally."""
    return "".join(_characters(text, _partners(text), 0))


def _partners(text: str) -> set[int]:
    """Positions of braces that have a partner."""
    found: set[int] = set()
    stack = []
    for i, character in enumerate(text):
        if character == "{":
            stack.append(i)
        elif character == "}" and stack:
            found |= {stack.pop(), i}
    return found


def _characters(text: str, paired: set[int], offset: int) -> list[str]:
    pieces: list[str] = []
    for i, character in enumerate(text, offset):
        if character in "{}":
            pieces.append("\\" + character if i in paired else LONE[character])
        elif character in "-'" and pieces and pieces[-1] == character:
            pieces += ["{}", character]  # two would join to a dash or a quotation mark
        else:
            pieces.append(SPECIAL.get(character, character))
    return pieces


def rich(text: str, keep: bool | None = None) -> str:
    """A clean title with its markup and formulas, capitals protected where they matter.

    Args:
        text: as `plain` returns it.
        keep: see `capitals.protect`.
    """
    segments = _segments(text)
    words = protect("".join(piece if kind == "text" else " " * len(piece) for kind, piece in segments), keep)
    paired = _partners("".join(piece if kind == "text" else " " * len(piece) for kind, piece in segments))
    out, stack, offset, shielded = [], [], 0, 0
    for kind, piece in segments:
        if kind == "math":
            out.append("{" * (not shielded) + piece + "}" * (not shielded))
        elif kind == "open":
            name, nocase = piece.strip("<>").split()[0], "nocase" in piece
            stack.append(nocase)
            shielded += nocase
            out.append("{" if nocase else COMMANDS[name])
        elif kind == "close":
            shielded -= stack.pop()
            out.append("}")
        else:
            out.append(_guarded(piece, offset, paired, [] if shielded else words))
        offset += len(piece)
    return "".join(out)


def _guarded(piece: str, offset: int, paired: set[int], words: list[tuple[int, int]]) -> str:
    """Escaped text in which these spans (of the whole title) stand in braces."""
    out, here = [], offset
    for start, end in words:
        start, end = max(start, offset), min(end, offset + len(piece))
        if start >= end:
            continue
        before, word = piece[here - offset : start - offset], piece[start - offset : end - offset]
        out += [*_characters(before, paired, here), "{", *_characters(word, paired, start), "}"]
        here = end
    return "".join(out + _characters(piece[here - offset :], paired, here))


def _segments(text: str) -> list[tuple[str, str]]:
    """The title as (kind, text); kinds are text, math, open and close. Markup that does not nest is text."""
    segments: list[tuple[str, str]] = []
    here = 0
    for match in sorted([*MATH.finditer(text), *TAG.finditer(text)], key=lambda match: match.start()):
        kind = "math" if match[0][0] == "$" else "close" if match[0][1] == "/" else "open"
        if match.start() < here or (kind == "math" and not is_formula(match[1])):
            continue
        segments += [("text", text[here : match.start()]), (kind, match[0])]
        here = match.end()
    segments.append(("text", text[here:]))
    if not _nested(segments):
        segments = [("text" if kind in ("open", "close") else kind, piece) for kind, piece in segments]
    return [(kind, piece) for kind, piece in segments if piece]


def _nested(segments: list[tuple[str, str]]) -> bool:
    stack: list[str] = []
    for kind, piece in segments:
        if kind == "open":
            stack.append(piece.strip("<>").split()[0])
        elif kind == "close" and (not stack or stack.pop() != piece.strip("</>")):
            return False
    return not stack


def is_formula(body: str) -> bool:
    """Whether text between dollars is a formula that may stay: known commands, braces in pairs, no tags or comments."""
    commands = re.findall(r"\\([A-Za-z]+|.)", body)
    rest = re.sub(r"\\([A-Za-z]+|.)", "", body)
    depths, depth = [0], 0
    for character in rest:
        depth += (character == "{") - (character == "}")
        depths.append(depth)
    known = all(map(MATH_COMMAND.fullmatch, commands))
    return (
        known
        and min(depths) == depth == 0
        and not re.search(r"[%#&~`\"<>]", rest.replace(" < ", "").replace(" > ", ""))
    )
