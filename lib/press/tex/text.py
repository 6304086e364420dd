"""Titles and names as plain text."""

from __future__ import annotations

from press.tex.lex import Token, strip_first, to_latex, words
from press.tex.rows import argument_at, past_brackets, rows

NOTES = words("thanks footnote footnotemark footnotetext inst textsuperscript email texttt label affil orcid orcidlink")


def without_notes(tokens: list[Token]) -> list[Token]:
    """Without footnotes, addresses, and what is raised."""
    out: list[Token] = []
    i = 0
    while i < len(tokens):
        token = tokens[i]
        i += 1
        if token.kind == "macro" and token.text in NOTES:
            i = past_brackets(tokens, i)
            if token.text != "footnotemark":
                i = argument_at(tokens, i)[1]
        elif token[:2] == ("math", "$") and i < len(tokens) and tokens[i][:2] == ("char", "^"):
            i = next((j for j in range(i, len(tokens)) if tokens[j].kind == "math"), i) + 1
        else:
            out.append(token)
    return out


def plain_text(tokens: list[Token]) -> str:
    """Tokens as plain text in one line."""
    from pylatexenc.latex2text import LatexNodes2Text

    latex = to_latex(strip_first(tokens))
    if not set("\\${}~-`'") & set(latex):
        return latex
    latex = latex.replace("\\\\", " ")
    return " ".join(LatexNodes2Text(math_mode="text").latex_to_text(latex).split())


def authors(tokens: list[Token]) -> list[str]:
    r"""Names: what stands before the first line break of each part between two \and."""
    parts: list[list[Token]] = [[]]
    for token in without_notes(tokens):
        if token.kind == "macro" and token.text in ("and", "And", "AND"):
            parts.append([])
        else:
            parts[-1].append(token)
    lines = [plain_text(rows(part)[0]) for part in parts]
    return [name.strip() for line in lines for name in line.replace(" & ", ",").split(",") if name.strip()]
