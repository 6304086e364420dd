r"""Files that files read, classes and packages, names made of text, and commands that are skipped."""

from __future__ import annotations

from collections.abc import Callable

from press.tex.classes import APPENDIX, CLASSES, LIKE_BOOKS, PACKAGES, appendix_of, family_of, numbers_of
from press.tex.condition import weighs
from press.tex.count import given
from press.tex.lex import Source, Token, macro, to_latex, tokens_of, words
from press.tex.macros import Mouth

PICTURES = (".pgf", ".tikz", ".pdf_tex", ".eps_tex", ".pstex_t", ".pdf_t", ".bbl", ".ind", ".gls", ".aux", ".toc")


def _file_name(mouth: Mouth) -> str:
    token = mouth.peek()
    if token is not None and token.kind == "open":
        return mouth.name()
    letters = []  # \input name
    while (token := mouth.raw()) is not None and token.kind == "char" and not (letters and token.space):
        letters.append(token.text)
    mouth.push([token] if token else [])
    return "".join(letters)


def _input(mouth: Mouth) -> None:
    _read(mouth, _file_name(mouth))


def _include(mouth: Mouth) -> None:
    name = mouth.name()
    if mouth.only is None or name.removesuffix(".tex") in mouth.only:
        _read(mouth, name)


def _include_only(mouth: Mouth) -> None:
    mouth.only = {name.strip().removesuffix(".tex") for name in mouth.name().split(",")}


def _import(mouth: Mouth, below: bool) -> None:
    mouth.star()
    folder, name = mouth.name().strip("/"), mouth.name()
    inner = mouth.folder if below else ""
    folder = f"{inner}{folder}/".lstrip("/").replace("./", "")
    _read(mouth, folder + name if not below else f"{folder.removeprefix(inner)}{name}", folder)


def _read(mouth: Mouth, name: str, folder: str = "") -> None:
    if not mouth.read(name, folder=folder):
        message = f"{name}: not in the archive; went on without it"
        if name.endswith(PICTURES):
            mouth.warn(mouth.place + message)
        else:
            mouth.doubt(message)


def _end_input(mouth: Mouth) -> None:
    if mouth.file:
        mouth.file.end_input()


def _package(mouth: Mouth) -> None:
    options = {option.strip() for option in mouth.given().split(",")}
    mouth.options |= options
    for name in mouth.name().split(","):
        name = name.strip()
        again = name in mouth.packages
        mouth.packages.add(name)
        if name in PACKAGES or again or not mouth.read(name, (".sty",)):
            mouth.done.update([name] if name in PACKAGES else [])
            mouth.push(tokens_of(PACKAGES.get(name, "")))
        else:
            mouth.done.add(name)
    mouth.optional()


def load_class(mouth: Mouth) -> None:
    """The class of a document, or the one that its class is made of."""
    mouth.options |= {option.strip() for option in mouth.given().split(",")}
    name = mouth.name()
    mouth.optional()
    if mouth.family:
        return
    family = family_of(name)
    if family in CLASSES:
        mouth.family = family
        mouth.push(tokens_of(numbers_of(family, mouth.options)))
    elif mouth.read(name, (".cls",)) and isinstance(mouth.stack[-1], Source):
        mouth.stack[-1].after.append(macro("press@class"))
    else:
        _guess(mouth, name)


def _guess(mouth: Mouth, name: str = "") -> None:
    """A class that is neither known nor made of one that is: if there are chapters, it is a book."""
    if mouth.family:
        return
    mouth.family = "report" if any(b"\\chapter{" in data for data in mouth.files.values()) else "article"
    if name:
        guess = f"numbers are guessed from {mouth.family}"
        mouth.doubt(f"document class {name} is neither known nor in the archive; {guess}")
        mouth.push(tokens_of(numbers_of(mouth.family, mouth.options)))
    elif mouth.family == "report":
        mouth.push(tokens_of(LIKE_BOOKS))


def _appendix(mouth: Mouth) -> None:
    mouth.push(tokens_of(appendix_of(mouth.family, mouth.packages)))


def _appendices(mouth: Mouth) -> None:
    if mouth.family == "sn-jnl":  # in its environment only, and numbers go on from one appendix to the next
        once = r"\setcounter{equation}{0}\gdef\theequation{\Alph{section}\arabic{equation}}"
        mouth.push(tokens_of(APPENDIX + once))
    else:
        mouth.push([macro("appendix")])


def _option(mouth: Mouth) -> None:
    r"""\DeclareOption{name}{what it does}."""
    if mouth.star():
        mouth.argument()
        return
    name, code = mouth.name(), mouth.argument()
    if name in mouth.options:
        mouth.push(code)
    elif weighs(mouth, code):
        mouth.commands[f"press@option@{name}"] = lambda mouth: mouth.push(code)


def _execute(mouth: Mouth) -> None:
    mouth.push([macro(f"press@option@{name.strip()}") for name in mouth.name().split(",")])


def _pass_options(mouth: Mouth) -> None:
    mouth.options |= {option.strip() for option in mouth.name().split(",")}
    mouth.argument()


def _at_begin(mouth: Mouth) -> None:
    mouth.hooks.setdefault("document", []).extend(mouth.argument())


def _at_end(mouth: Mouth) -> None:
    source = next((part for part in reversed(mouth.stack) if isinstance(part, Source)), None)
    tokens = mouth.argument()
    if source:
        source.after += tokens


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
        elif second.text in ("csname", "expandafter", "the", "number", "romannumeral"):
            mouth.commands[second.text](mouth)
        else:
            mouth.push([second])
    elif second is not None:
        mouth.push([second])
    mouth.push([first] if first else [])


def _skip_raw(mouth: Mouth, only: str = "", options: bool = False) -> None:
    if options:
        mouth.optional()
    source = mouth.source()
    if source is not None:
        source.skip_delimited(only)
    elif (token := mouth.peek()) is not None and token.kind == "open":
        mouth.argument()


def _minted(mouth: Mouth) -> None:
    mouth.optional()
    mouth.argument()
    _skip_raw(mouth)


def _drop(mouth: Mouth, arguments: int) -> None:
    mouth.star()
    mouth.optional()
    for _ in range(arguments):
        mouth.argument()


def _raw_environment(mouth: Mouth, suffix: str = "") -> None:
    mouth.optional()
    mouth.raws.add(mouth.name() + suffix)
    for _ in range(0 if suffix else 2):
        if (token := mouth.peek()) is not None and token.kind == "open":
            mouth.argument()


def _include_comment(mouth: Mouth) -> None:
    mouth.raws.discard(mouth.name())


def _nothing(mouth: Mouth) -> None:
    pass


def _at(mouth: Mouth, value: bool) -> None:
    mouth.at_letter = value


NOTHING = words("protect relax noexpand long outer global leavevmode xspace ProcessOptions makeindex")
TWO = words("newlength setlength addtolength PackageWarning PackageInfo ClassWarning ClassInfo PackageWarningNoLine")
TWO |= words("ClassWarningNoLine")
ONE = words("typeout wlog message errmessage titleformat titlespacing titlecontents assignpagestyle")
THREE = words("PackageError ClassError GenericWarning DeclareFieldFormat")
PASSING: dict[str, Callable[[Mouth], None]] = {
    **dict.fromkeys(("input", "subfile", "@input", "@@input"), _input),
    **{"include": _include, "includeonly": _include_only, "endinput": _end_input},
    **dict.fromkeys(("import", "includefrom", "inputfrom"), given(_import, False)),
    **dict.fromkeys(("subimport", "subincludefrom", "subinputfrom"), given(_import, True)),
    **dict.fromkeys(("usepackage", "RequirePackage", "RequirePackageWithOptions"), _package),
    **dict.fromkeys(("documentclass", "documentstyle", "LoadClass", "LoadClassWithOptions"), load_class),
    **{"press@class": _guess, "appendix": _appendix, "press@appendices": _appendices},
    **{"DeclareOption": _option, "ExecuteOptions": _execute},
    **dict.fromkeys(("PassOptionsToPackage", "PassOptionsToClass"), _pass_options),
    **dict.fromkeys(("AtBeginDocument", "AtEndPreamble", "AfterEndPreamble"), _at_begin),
    **dict.fromkeys(("AtEndOfClass", "AtEndOfPackage"), _at_end),
    **{"csname": _csname, "expandafter": _expandafter, "mintinline": _minted},
    **{"verb": _skip_raw, "lstinline": given(_skip_raw, "", True), "path": given(_skip_raw, "{|")},
    **dict.fromkeys(("url", "nolinkurl", "href"), _skip_raw),
    **{"makeatletter": given(_at, True), "makeatother": given(_at, False)},
    **dict.fromkeys(TWO, given(_drop, 2)),
    **dict.fromkeys(THREE, given(_drop, 3)),
    **dict.fromkeys(ONE, given(_drop, 1)),
    **dict.fromkeys(NOTHING, _nothing),
    **dict.fromkeys(("lstnewenvironment", "DefineVerbatimEnvironment"), _raw_environment),
    **{"excludecomment": _raw_environment, "includecomment": _include_comment, "specialcomment": _include_comment},
    "newminted": given(_raw_environment, "code"),
}
