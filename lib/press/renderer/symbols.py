"""What the symbols of formulas mean: NOTATION.md's tables and the papers' aliases, as data for `assets/hints.js`.

A symbol is known by its *form*, a string made of its MathML: `sub(x,t)` for x_t, however the formula around it looks.
`form` here and `form` in hints.js make the same string; a test compares them.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from press.core.pandoc import run_pandoc
from press.renderer import store
from press.renderer.formulas import mathml

FORMAT = 2
MATH = re.compile(r"\$([^$]+)\$")
CELL_END = re.compile(r"(?<!\\)\|")
CODE = re.compile(r"\\mathtt\{[\w\\. ]+\}")
NAME = re.compile(r"`([A-Za-z_]\w*)[^`]*`")
# Bold, italic, sans-serif and typewriter letters are the letters; script, fraktur and double-struck ones are others.
PLAIN = re.compile("[\U0001d400-\U0001d49b\U0001d5a0-\U0001d7ff]")
SAME = str.maketrans({"\u03f5": "\u03b5", "\u03d5": "\u03c6", "\u03d1": "\u03b8", "\u2212": "-", "\u203e": "\u00af"})
KINDS = {"msub": "sub", "msup": "sup", "msubsup": "subsup", "mover": "over", "munder": "under", "munderover": "both"}
INVISIBLE = "\u2061\u2062\u2063\u200b"


@dataclass(frozen=True)
class Symbol:
    """A row of NOTATION.md that has a symbol.

    Args:
        latex: its symbols, as LaTeX.
        says: the meaning, plain text.
        name: our name for it; code between backticks.
        shape: shape or range, plain text.
        names: the identifiers in `name`: a page whose code uses them all is about this.
    """

    latex: tuple[str, ...]
    says: str
    name: str
    shape: str
    names: tuple[str, ...]


def read_symbols(text: str) -> list[Symbol]:
    """The symbols of NOTATION.md: rows of tables that have the columns "meaning", "symbol" and "our name"."""
    found: list[Symbol] = []
    header: list[str] = []
    for line in text.split("\n"):
        if not line.startswith("|"):
            header = []
            continue
        cells = [cell.strip() for cell in CELL_END.split(line)[1:-1]]
        if not header:
            header = [cell.lower() for cell in cells]
            continue
        row = dict(zip(header, cells, strict=False))
        latex = tuple(MATH.findall(row.get("symbol", "")))
        if latex and "our name" in row:
            shape = next((row[key] for key in header if key.startswith(("shape", "range"))), "")
            names = tuple(name for name in NAME.findall(row["our name"]) if len(name) > 1)
            texts = (_plain(row.get("meaning", "")), _plain(row["our name"], "`"), _plain(shape))
            found.append(Symbol(latex, *texts, names))
    return found


def _plain(cell: str, keep: str = "") -> str:
    """A cell's text without Markdown's marks, but for those in `keep`."""
    text = (cell if keep else cell.replace("`", "")).replace("**", "")
    return "" if text in ("\N{EM DASH}", "-") else re.sub(r"\\([|*_\\])", r"\1", text)


def form(element: Any) -> str:
    """The form of an element of MathML.

    Args:
        element: an lxml element; namespaces do not matter.
    """
    tag = str(element.tag).rpartition("}")[2]
    parts = [form(child) for child in element if str(child.tag).rpartition("}")[2] not in ("annotation", "mspace")]
    if not parts:
        text = "".join(character for character in "".join(element.itertext()) if character not in INVISIBLE)
        return PLAIN.sub(lambda match: _letter(match[0]), text).translate(SAME).strip()
    if tag in KINDS:
        return f"{KINDS[tag]}({','.join(parts)})"
    return "".join(parts) if tag in ("mrow", "semantics", "math", "mstyle", "mpadded") else f"{tag}({','.join(parts)})"


def _letter(character: str) -> str:
    import unicodedata

    return unicodedata.normalize("NFKC", character)


def paper_symbols(root: Path) -> dict[str, dict[str, str]]:
    """Citekey -> that paper's notation -> ours, both LaTeX; the schema checks the files elsewhere."""
    found = {}
    for path in sorted(root.glob("papers/*/paper.toml")):
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8")).get("symbols", {})
        except (OSError, ValueError):
            continue
        pairs = {str(key): value for key, value in table.items() if isinstance(value, str)}
        if pairs:
            found[path.parent.name] = pairs
    return found


def stamp(root: Path) -> str:
    """Digest of the files that `data` reads."""
    paths = [root / "NOTATION.md", *sorted(root.glob("papers/*/paper.toml"))]
    present = [path for path in paths if path.is_file()]
    return store.digest(*(part for path in present for part in (str(path.relative_to(root)), path.read_bytes())))


def data_file(root: Path, cache: Path) -> bytes:
    """The script that gives hints.js the symbols; remembered in the page cache."""
    notation = root / "NOTATION.md"
    symbols = read_symbols(notation.read_text(encoding="utf-8")) if notation.is_file() else []
    papers = paper_symbols(root)
    key = store.digest("symbols", str(FORMAT), repr(symbols), json.dumps(papers))
    record = store.load(cache, key)
    if record is None:
        with store.scratch(cache) as work:
            (work / "entry").mkdir()
            (work / "entry" / "symbols.js").write_bytes(script("", data(symbols, papers)))
            store.save(cache, key, work / "entry", {})
    return (cache / key / "symbols.js").read_bytes()


def script(name: str, value: Any) -> bytes:
    """Data as a script: it loads from a file as well as from a server. `<` is escaped within it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f"pressHints({json.dumps(name)},{text})\n".replace("\u2028", "\\u2028").encode()


def data(symbols: list[Symbol], papers: dict[str, dict[str, str]]) -> dict[str, Any]:
    """{"rows": [[says, name, shape, names]], "forms": {form: row}, "papers": {citekey: {form: what it is here}}}.

    What a paper's symbol is here: the number of a row, else a name of our code, else a formula as MathML.
    """
    own = [latex for symbol in symbols for latex in symbol.latex]
    alias = [latex for pairs in papers.values() for pair in pairs.items() for latex in pair]
    trees = _mathml([*own, *map(_head, alias), *alias])
    forms: dict[str, int] = {}
    for row, symbol in enumerate(symbols):
        for latex in symbol.latex:
            if latex in trees:
                forms.setdefault(form(trees[latex]), row)
    found: dict[str, dict[str, int | str]] = {}
    for citekey, pairs in papers.items():
        heads = [_head(latex) for latex in pairs]
        for (theirs, ours), head in zip(pairs.items(), heads, strict=True):
            # Two functions that differ in their arguments only cannot be told apart by their heads.
            if head in trees and ours in trees and (head == theirs or heads.count(head) == 1):
                meant = _meant(ours, trees[ours], symbols, forms)
                found.setdefault(citekey, {})[form(trees[head])] = meant
    rows = [[symbol.says, symbol.name, symbol.shape, list(symbol.names)] for symbol in symbols]
    return {"rows": rows, "forms": forms, "papers": found}


def _meant(latex: str, tree: Any, symbols: list[Symbol], forms: dict[str, int]) -> int | str:
    written = form(tree)
    if written in forms:
        return forms[written]
    if not CODE.fullmatch(latex.strip()):
        return markup(tree)
    return next((row for row, symbol in enumerate(symbols) if written in symbol.names), written)


def _head(latex: str) -> str:
    """`f(x)` without its arguments: a formula has them as neighbours of the symbol."""
    head, bracket, _ = latex.partition("(")
    return head.strip() if bracket and head.strip() and "{" not in latex[len(head) :].partition(")")[2] else latex


def _mathml(formulas: Iterable[str]) -> dict[str, Any]:
    """LaTeX -> its `math` element, where Pandoc can make one."""
    import lxml.html

    tried = [latex for latex in dict.fromkeys(formulas) if latex.strip()]
    document = json.loads(run_pandoc(["-f", "markdown", "-t", "json"], ""))
    for number, latex in enumerate(tried):
        math = {"t": "Math", "c": [{"t": "InlineMath"}, latex]}
        document["blocks"].append({"t": "Div", "c": [[f"s{number}", [], []], [{"t": "Para", "c": [math]}]]})
    page = run_pandoc(["-f", "json", "-t", "html", "--mathml", "--quiet"], json.dumps(document), timeout=120)
    found = {}
    for div in lxml.html.fromstring(f"<main>{mathml(page)}</main>").iter("div"):
        math = div.find(".//math")
        if math is not None:
            found[tried[int(div.get("id")[1:])]] = math
    return found


def markup(math: Any) -> str:
    """A formula as MathML text, without the LaTeX that Pandoc leaves in it."""
    tag = str(math.tag)
    if tag in ("annotation", "semantics", "math"):
        inner = "".join(markup(child) for child in math) if tag != "annotation" else ""
        return f"<math>{inner}</math>" if tag == "math" else inner
    attributes = "".join(f' {key}="{escape(value)}"' for key, value in math.attrib.items())
    return f"<{tag}{attributes}>{escape(math.text or '')}{''.join(markup(child) for child in math)}</{tag}>"
