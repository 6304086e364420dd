"""Formulas in finished HTML: what Pandoc's MathML gets otherwise than LaTeX."""

from __future__ import annotations

import re

# Pandoc writes accents as combining characters, which a browser draws where a letter before them would be, and
# Latin letters of \mathbf as those of \boldsymbol, in italics.
ACCENT = re.compile(r'(<mo accent="true"[^<>]*>)(.)(</mo>)')
SPACING = str.maketrans("\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308\u030a\u030c\u20d7",
                        "\u0060\u00b4\u005e\u007e\u00af\u203e\u02d8\u02d9\u00a8\u02da\u02c7\u2192")  # fmt: skip
FORMULA = re.compile(r"<math\b.*?</math>", re.DOTALL)
BOLD_ITALIC = re.compile('<mi mathvariant="bold-italic">([\U0001d468-\U0001d49b])</mi>')
ITALIC_WANTED = re.compile(r"\\(?:boldsymbol|bm|pmb|mathbfit)\b\s*\{?\s*[A-Za-z]")


def mathml(text: str) -> str:
    """HTML whose formulas stand as LaTeX sets them: accents over their letters, letters of \\mathbf upright."""
    return FORMULA.sub(lambda match: _formula(match[0]), text)


def _formula(math: str) -> str:
    math = ACCENT.sub(lambda match: match[1] + match[2].translate(SPACING) + match[3], math)
    if r"\mathbf" not in math or ITALIC_WANTED.search(math):
        return math
    return BOLD_ITALIC.sub(lambda match: f'<mi mathvariant="bold">{chr(ord(match[1]) - 0x68)}</mi>', math)
