r"""Conditions: what a paper's own switches say, what TeX's tests find, and which of them nobody but TeX can decide."""

from __future__ import annotations

from collections.abc import Callable

from press.tex.count import followed, given, number
from press.tex.lex import Token, Tokens, macro, to_latex, words
from press.tex.macros import Macro, Mouth

# Conditionals that end with \fi; those of packages and classes not listed here are guessed by their names.
UNDECIDED = words("ifdim ifvmode ifhmode ifinner ifvoid ifhbox ifvbox ifeof ifcat ifincsname iffontchar if@filesw")
FIXED = {"iftrue": True, "iffalse": False, "ifmmode": True, "ifpdf": True, "ifPDFTeX": True, "ifpdftex": True}
FIXED |= dict.fromkeys(words("ifxetex ifluatex ifXeTeX ifLuaTeX ifmeasuring@ if@twocolumn if@twoside if@fleqn"), False)
FIXED |= dict.fromkeys(words("if@mainmatter if@tempswa if@titlepage if@compatibility if@draft ifdraft ifvtex"), False)
TESTS = words("if ifx ifnum ifodd ifcase ifdefined ifcsname")
CONDITIONALS = TESTS | UNDECIDED | set(FIXED)
# What changes numbers, in a branch of a condition that cannot be decided.
WEIGHTY = words("section chapter part appendix appendices input include import subimport subfile theequation")
WEIGHTY |= words(
    "c@equation numberwithin counterwithin counterwithout @addtoreset newtheorem align equation eqnarray gather"
)
COUNTING = words("setcounter addtocounter stepcounter refstepcounter")
IN_STYLE = words("theequation c@equation numberwithin counterwithin counterwithout @addtoreset")
# Commands of LaTeX and of pdfTeX that exist, for tests whether they do.
KERNEL = words("relax pdfoutput pdftexversion section subsection maketitle title author newcommand emph textbf begin")
KERNEL |= words("label ref frac sqrt par hfill centering small normalsize caption footnote bf rm it mathbf mathrm")
KERNEL |= words("AtBeginDocument RequirePackage usepackage theequation thesection c@equation equation Pr min max item")


def opens(mouth: Mouth, name: str) -> bool:
    r"""Whether this begins what a \fi ends."""
    return name in mouth.flags or name in CONDITIONALS or (name[:2] == "if" and "@" in name)


def known(mouth: Mouth, name: str) -> bool | None:
    """Whether a command exists; None if it may come of a package that is not read."""
    if mouth.macros.get(name) is not None or name in mouth.commands or name in mouth.flags or name in KERNEL:
        return True
    if name in ("chapter", "thechapter", "c@chapter"):
        return "chapter" in mouth.resets
    return None if mouth.packages - mouth.done else False


def meaning(mouth: Mouth, token: Token):
    """What two tokens must have in common for \\ifx."""
    if token.kind != "macro" or token.text in ("undefined", "@undefined"):
        return token[:2] if token.kind != "macro" else None
    found = mouth.macros.get(token.text) or mouth.commands.get(token.text)
    return found or (token[:2] if token.text in KERNEL else None)


def _same(mouth: Mouth) -> bool | None:
    first, second = mouth.raw(), mouth.raw()
    if not first or not second:
        return False
    left, right = meaning(mouth, first), meaning(mouth, second)
    if first[:2] == second[:2]:
        return True
    if (left is None or right is None) and left != right and second[:2] == ("macro", "relax"):
        return left is None  # \expandafter\ifx\csname name\endcsname\relax: there is none
    if left is None and right is None and {"undefined", "@undefined"}.isdisjoint((first.text, second.text)):
        return None
    return left == right


def _compare(mouth: Mouth) -> bool | None:
    left = number(mouth)
    sign = mouth.token()
    right = number(mouth)
    if left is None or right is None or sign is None or sign.text not in "<=>":
        return None
    return {"<": left < right, "=": left == right, ">": left > right}[sign.text]


def decide(mouth: Mouth, name: str) -> bool | None:
    """What a conditional says; None if that cannot be known."""
    if name in mouth.flags:
        return mouth.flags[name]
    if name == "ifdefined":
        token = mouth.raw()
        return known(mouth, token.text) if token else False
    if name == "ifcsname":
        letters = []
        while (token := mouth.token()) is not None and token[:2] != ("macro", "endcsname"):
            letters.append(token)
        return known(mouth, to_latex(letters).replace(" ", ""))
    if name == "ifx":
        return _same(mouth)
    if name == "ifnum":
        return _compare(mouth)
    if name == "ifodd":
        value = number(mouth)
        return None if value is None else value % 2 == 1
    if name == "if":
        first, second = mouth.token(), mouth.token()
        return bool(first and second) and first[:2] == second[:2]
    return FIXED.get(name)


def _condition(mouth: Mouth, opposite: bool = False) -> None:
    token = mouth.raw()
    name = token.text if token else ""
    if name == "ifcase":
        _case(mouth, number(mouth))
        return
    holds = decide(mouth, name)
    if holds is None:
        yes, *others = branches_of(mouth)
        undecided(mouth, name, yes, others[-1][1:] if others else [])
    elif holds == opposite:
        skip_branch(mouth, stop_at_else=True)


def _case(mouth: Mouth, value: int | None) -> None:
    branches = branches_of(mouth)
    if value is None and any(weighs(mouth, branch) for branch in branches):
        mouth.doubt("\\ifcase cannot be decided; it may change numbers")
    others = branches[-1] if branches and branches[-1] and branches[-1][0] == ELSE else []
    cases = branches[:-1] if others else branches
    mouth.push(cases[value or 0] if (value or 0) < len(cases) else others[1:])


ELSE = macro("else")


def branches_of(mouth: Mouth) -> list[Tokens]:
    r"""What stands between \or up to the \fi; the last begins with \else where there is one."""
    found: list[Tokens] = [[]]
    depth = 0
    while (token := mouth.raw()) is not None:
        name = token.text if token.kind == "macro" else ""
        if name == "fi" and depth == 0:
            break
        depth += bool(name and opens(mouth, name)) - (name == "fi")
        if depth == 0 and name in ("or", "else"):
            found.append([ELSE] if name == "else" else [])
        else:
            found[-1].append(token)
    return found


def undecided(mouth: Mouth, name: str, yes: Tokens, no: Tokens) -> None:
    """Take the second branch, and say so if the two may differ in their numbers."""
    if weighs(mouth, yes) or weighs(mouth, no):
        mouth.doubt(f"\\{name} cannot be decided; it may change numbers")
    mouth.push(no)


def weighs(mouth: Mouth, tokens: Tokens, seen: frozenset[str] = frozenset()) -> bool:
    """Whether these may change a number."""
    for i, token in enumerate(tokens):
        if token.kind != "macro":
            continue
        name = token.text
        if name in IN_STYLE or (not mouth.style and (name in WEIGHTY or name == "tag")):
            return True
        if name in (*COUNTING, "begin"):
            text = to_latex(tokens[i + 1 : i + 30]).lstrip("{ ").partition("}")[0]
            if name != "begin" and text in followed(mouth):
                return True
            if name == "begin" and not mouth.style and (text in mouth.environments or text.rstrip("*") in NUMBERED):
                return True
        body = mouth.macros.get(name)
        if body is not None and name not in seen and len(seen) < 20:
            seen |= {name}
            if weighs(mouth, list(body.body), seen):
                return True
    return False


NUMBERED = words("equation align gather multline eqnarray alignat flalign subequations IEEEeqnarray dmath numcases")


def skip_branch(mouth: Mouth, stop_at_else: bool) -> None:
    r"""Leave out a branch, up to its \fi or, if that is wanted, its \else."""
    depth = 0
    while (token := mouth.raw()) is not None:
        if token.kind != "macro":
            continue
        if token.text == "fi":
            if depth == 0:
                return
            depth -= 1
        elif token.text == "else" and depth == 0 and stop_at_else:
            return
        elif opens(mouth, token.text):
            depth += 1


def _newif(mouth: Mouth) -> None:
    token = mouth.raw()
    if token is None or not token.text.startswith("if"):
        return
    name = token.text
    mouth.flags[name] = False
    for value in (True, False):
        setter = f"{name[2:]}{str(value).lower()}"
        mouth.commands[setter] = lambda mouth, value=value: mouth.define(mouth.flags, name, value)


def choose(mouth: Mouth, holds: bool | None, name: str) -> None:
    """Take one of the two arguments that follow."""
    yes, no = mouth.argument(), mouth.argument()
    if holds is None:
        undecided(mouth, name, yes, no)
    else:
        mouth.push(yes if holds else no)


def _loop(mouth: Mouth) -> None:
    r"""\loop ... \ifnum ... \repeat: its text and, while the condition holds, that again."""
    body: Tokens = []
    while (token := mouth.raw()) is not None and token[:2] != ("macro", "repeat"):
        body.append(token)
    again = macro("press@iterate")
    mouth.define(mouth.macros, again.text, Macro(((),), (*body, again, macro("fi"))))
    mouth.push([again])


def begun(name: str) -> Callable[[Mouth], None]:
    """The command of this conditional."""
    return lambda mouth: _condition(mouth.again(macro(name)))


CONDITIONS: dict[str, Callable[[Mouth], None]] = {
    **{name: begun(name) for name in (*TESTS, *FIXED, *UNDECIDED)},
    **{"press@if": _condition, "newif": _newif, "unless": given(_condition, True), "loop": _loop},
    **{"else": given(skip_branch, False), "or": given(skip_branch, False), "fi": lambda mouth: None},
}
