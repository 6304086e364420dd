r"""Files that files read, names made of text, and commands that a reader of formulas passes over."""

from __future__ import annotations

from collections.abc import Callable

from press.intake.tex.count import given
from press.intake.tex.lex import Token, macro, to_latex
from press.intake.tex.macros import Mouth


def _input(mouth: Mouth, folders: int = 0) -> None:
    folder = "".join(mouth.name().rstrip("/") + "/" for _ in range(folders))
    token = mouth.peek()
    if token is not None and token.kind == "open":
        name = mouth.name()
    else:  # \input name
        letters = []
        while (token := mouth.raw()) is not None and token.kind == "char" and not (letters and token.space):
            letters.append(token.text)
        mouth.push([token] if token else [])
        name = "".join(letters)
    if not mouth.read(folder + name):
        mouth.warn(f"{folder}{name}: not in the archive; went on without it")


def _package(mouth: Mouth) -> None:
    mouth.options |= {option.strip() for option in to_latex(mouth.optional() or []).split(",")}
    for name in to_latex(mouth.argument()).split(","):
        mouth.packages.add(name.strip())
        mouth.read(name, (".sty",))


def _csname(mouth: Mouth) -> None:
    letters: list[Token] = []
    while (token := mouth.token()) is not None and token[:2] != ("macro", "endcsname"):
        letters.append(token)
    mouth.push([macro(to_latex(letters).replace(" ", "") or "relax")])


def _expandafter(mouth: Mouth) -> None:
    first, second = mouth.raw(), mouth.raw()
    if second is not None and second.kind == "macro":
        if found := mouth.macros.get(second.text):
            mouth.use(second.text, found)
        elif second.text in ("csname", "expandafter"):
            (_csname if second.text == "csname" else _expandafter)(mouth)
        else:
            mouth.push([second])
    elif second is not None:
        mouth.push([second])
    mouth.push([first] if first else [])


def _skip_raw(mouth: Mouth) -> None:
    source = mouth.source()
    if source is not None:
        source.skip_delimited()
    else:
        mouth.argument()


def _drop(mouth: Mouth, arguments: int) -> None:
    mouth.star()
    mouth.optional()
    for _ in range(arguments):
        mouth.argument()


def _nothing(mouth: Mouth) -> None:
    pass


def _at(mouth: Mouth, value: bool) -> None:
    mouth.at_letter = value


PASSING: dict[str, Callable[[Mouth], None]] = {
    **dict.fromkeys(("input", "include", "subfile", "@input"), _input),
    **dict.fromkeys(("import", "subimport", "includefrom", "subincludefrom"), given(_input, 1)),
    **dict.fromkeys(("usepackage", "RequirePackage"), _package),
    **{"csname": _csname, "expandafter": _expandafter},
    **dict.fromkeys(("verb", "lstinline", "url", "nolinkurl", "path", "href"), _skip_raw),
    **{"makeatletter": given(_at, True), "makeatother": given(_at, False)},
    **dict.fromkeys(("newtheorem", "newlength", "setlength", "addtolength"), given(_drop, 2)),
    **dict.fromkeys(("protect", "relax", "noexpand", "long", "outer", "global", "leavevmode", "xspace"), _nothing),
    **dict.fromkeys(("AtBeginDocument", "AtEndOfClass"), lambda mouth: mouth.push(mouth.argument())),
}
