r"""Displays that are not amsmath's: IEEEeqnarray's numbers, numcases, optidef's problems."""

from __future__ import annotations

import re
from collections.abc import Callable

from press.tex.count import letter, step
from press.tex.lex import CLOSE, OPEN, Token, Tokens, braced, characters, macro, strip_spaces
from press.tex.macros import Mouth
from press.tex.rows import argument_at, split

PROBLEM = re.compile(r"(arg)?(mini|maxi)([*!]?)")


def in_cases(left: Tokens, row: Tokens) -> Tokens:
    """One row of numcases with what stands before the brace; its second column is text."""
    cells = split(row, Token("char", "&"))
    if len(cells) > 1 and any(token.kind == "math" for token in cells[1]):
        cells[1] = [macro("text"), OPEN, *strip_spaces(cells[1]), CLOSE]
    inner = [token for i, cell in enumerate(cells) for token in ([Token("char", "&")] * (i > 0) + cell)]
    return [*strip_spaces(left), Token("begin", "cases"), *inner, Token("end", "cases")]


class Sub:
    r"""Which row of one IEEEeqnarray has which number, by \IEEEyesnumber, \IEEEyessubnumber and their starred forms.

    Args:
        numbered: whether rows have numbers where nothing is said.
    """

    def __init__(self, numbered: bool):
        self.numbered, self.persists = numbered, False

    def count(self, mouth: Mouth, mode: str) -> tuple[bool, str]:
        """Step the counter for a row; whether it has a number, and the letter after it."""
        if mode.endswith("*"):
            self.persists = mode == "yessub*"
            self.numbered = mode != "no*" if mode != "nosub*" else self.numbered
        sub = mode[:6] == "yessub" or (self.persists and not mode)
        if not (sub or mode[:3] == "yes" or mode[:5] == "nosub" or (self.numbered and not mode)):
            return False, ""
        if sub:  # the number of the equation before, whatever it is
            step(mouth, "IEEEsubequation")
        else:
            step(mouth, "equation")
            mouth.counters["IEEEsubequation"] = 0
        return True, letter(mouth.counters["IEEEsubequation"]).lower() if sub else ""


def problem(mouth: Mouth, name: str, body: Callable[[str], Tokens]) -> list[Tokens]:
    """The rows of an optimization problem of optidef: the objective, then what it is subject to."""
    arg, verb, _ = PROBLEM.fullmatch(name).groups()
    mouth.optional("|", "|"), mouth.optional(), mouth.optional("<", ">")
    variable, objective, label, _ = (mouth.expand(mouth.argument()) for _ in range(4))
    goal = [macro("operatorname"), Token("char", "*"), OPEN]
    goal += characters((arg or "") + verb[:3])
    amp, text = Token("char", "&", True), [macro("text"), *braced("s.t.")]
    out = [[*goal, CLOSE, Token("char", "_"), OPEN, *variable, CLOSE, amp, *objective, *label]]
    tokens, i = body(name), 0
    while i < len(tokens):
        token = tokens[i]
        i += 1
        if token[:2] == ("macro", "addConstraint"):
            parts: Tokens = []
            for number in range(3):
                if i < len(tokens) and (number == 0 or tokens[i].kind == "open"):
                    part, i = argument_at(tokens, i)
                    parts += [macro("quad")] * (number == 2 and any(t.kind == "char" for t in part)) + part
            out.append([*(text if len(out) == 1 else []), amp, *parts])
        elif token[:2] == ("macro", "breakObjective"):
            part, i = argument_at(tokens, i)
            out.append([amp, *part])
    return out
