r"""The rows of displayed formulas: where they are cut, what they say of their numbers, how they are put together."""

from __future__ import annotations

from press.tex.lex import SPACE, Token, Tokens, macro, strip_spaces, to_latex, words

ENDS_ROW = words("cr crcr tabularnewline")
MODES = {"nonumber": "no", "notag": "no", "IEEEnonumber": "no", "yesnumber": "yes", "IEEEyesnumber": "yes"}
MODES |= {"IEEEyessubnumber": "yessub", "IEEEnosubnumber": "nosub"}


def group_end(tokens: Tokens, start: int) -> int:
    """Where the brace closes that opens at `start`; the end of all where none does."""
    depth = 0
    for i in range(start, len(tokens)):
        depth += (tokens[i].kind == "open") - (tokens[i].kind == "close")
        if depth == 0:
            return i
    return len(tokens)


def argument_at(tokens: Tokens, start: int) -> tuple[Tokens, int]:
    """The argument that begins here, and where what follows it begins."""
    while start < len(tokens) and tokens[start].kind == "par":
        start += 1
    if start < len(tokens) and tokens[start].kind == "open":
        end = group_end(tokens, start)
        inner = tokens[start + 1 : end]
        return ([*inner, SPACE] if inner and end < len(tokens) and tokens[end].space else inner), end + 1
    return tokens[start : start + 1], start + 1


def past_brackets(tokens: Tokens, start: int) -> int:
    """Where what follows the optional arguments begins that may stand here."""
    while start < len(tokens) and tokens[start][:2] == ("char", "["):
        start = next((j for j in range(start, len(tokens)) if tokens[j][:2] == ("char", "]")), start) + 1
    return start


def split(tokens: Tokens, at: Token) -> list[Tokens]:
    """Cut at this token wherever it stands outside of braces and environments."""
    parts: list[Tokens] = [[]]
    depth = 0
    for token in tokens:
        depth += (token.kind in ("open", "begin")) - (token.kind in ("close", "end"))
        if depth == 0 and token[:2] == at[:2]:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def rows(tokens: Tokens) -> list[Tokens]:
    r"""Cut at `\\`, whose star and length are left out, and at `\intertext`."""
    tokens = [t._replace(text="\\") if t.kind == "macro" and t.text in ENDS_ROW else t for t in tokens]
    parts: list[Tokens] = []
    for part in split(tokens, macro("\\")):
        if parts and part and part[0][:2] == ("char", "*"):
            part = part[1:]
        if parts and part and part[0] == Token("char", "["):
            end = next((j for j, token in enumerate(part) if token[:2] == ("char", "]")), -1)
            part = part[end + 1 :]
        parts += _without_texts(part)
    return parts


def _without_texts(row: Tokens) -> list[Tokens]:
    found: list[Tokens] = [[]]
    i = depth = 0
    while i < len(row):
        token = row[i]
        i += 1
        depth += (token.kind in ("open", "begin")) - (token.kind in ("close", "end"))
        if depth == 0 and token.kind == "macro" and token.text in ("intertext", "shortintertext"):
            i = argument_at(row, i)[1]
            if strip_spaces(found[-1]):
                found.append([])
        else:
            found[-1].append(token)
    return found


def grouped(found: list[tuple[str, str, Tokens]]) -> list[tuple[str, str, list[Tokens]]]:
    """(number, label, row) as (number, label, rows): rows without a number go with the next row that has one.

    From the second number on, rows before the first left side belong to the equation before; so do rows at the end.
    """
    waiting: list[Tokens] = []
    groups: list[tuple[str, str, list[Tokens]]] = []
    for number, label, row in found:
        waiting.append(row)
        if number:
            if groups:
                k = next((k for k, part in enumerate(waiting) if strip_spaces(split(part, Token("char", "&"))[0])), 0)
                groups[-1][2].extend(waiting[:k])
                waiting = waiting[k:]
            groups.append((number, label, waiting))
            waiting = []
    if groups:
        groups[-1][2].extend(waiting)
    return groups


def alone(row: Tokens) -> Tokens:
    """A row without its alignment; columns of formulas beside each other are set apart."""
    cells = split(row, Token("char", "&"))
    out = cells[0]
    for number, cell in enumerate(cells[1:], 1):
        gap = [macro("qquad")] if number % 2 == 0 and any(cells[number - 1]) and cell else []
        out = [*out, *gap, *cell]
    return strip_spaces(out)


def three_columns(row: Tokens) -> Tokens:
    """A row of eqnarray with one point of alignment instead of two."""
    cells = split(row, Token("char", "&"))
    return [*cells[0], Token("char", "&", True), *(token for cell in cells[1:] for token in cell)] if cells[1:] else row


def annotations(tokens: list[Token]) -> tuple[list[Token], str, list[Token] | None, str]:
    """A row without its label and number commands; its label, its tag, what it says of its number: "no", "yes" ..."""
    out: list[Token] = []
    label, tag, mode = "", None, ""
    i = 0
    while i < len(tokens):
        token = tokens[i]
        i += 1
        if token.kind != "macro":
            out.append(token)
        elif token.text == "label":
            given, i = argument_at(tokens, i)
            label = label or to_latex(given).replace("\\_", "_").strip()
        elif token.text == "tag":
            i += i < len(tokens) and tokens[i][:2] == ("char", "*")
            tag, i = argument_at(tokens, i)
        elif token.text in ("eqno", "leqno"):
            tag, i = tokens[i:], len(tokens)
        elif token.text in MODES:
            star = i < len(tokens) and tokens[i][:2] == ("char", "*")
            mode, i = MODES[token.text] + "*" * star, i + star
        else:
            out.append(token)
    return out, label, tag, mode


def stacked(parts: list[Tokens], environment: str) -> Tokens:
    """Rows below each other."""
    out = [Token("begin", environment)]
    for i, part in enumerate(parts):
        out += [macro("\\")._replace(space=True)] * (i > 0) + [
            t._replace(space=t.space or k == 0) for k, t in enumerate(strip_spaces(part))
        ]
    return [*out, Token("end", environment, True)]
