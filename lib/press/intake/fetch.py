"""`press fetch`: a paper from arXiv -> `papers/<citekey>/` with its numbered equations, ready for notes."""

from __future__ import annotations

import contextlib
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from press.core.disk import create
from press.core.errors import PressError, fail
from press.core.manifest import Manifest, at_work, no_folder
from press.core.project import Project
from press.core.source import relative
from press.intake.arxiv import Arxiv
from press.intake.fetched import equations_toml, facts_toml, toml_text
from press.intake.metadata import Metadata, parse_id, without_version
from press.intake.pdflatex import program
from press.intake.truth import by_html, by_latex, summary
from press.intake.zotero.keys import generated_key, is_legal, letters
from press.tex.data import Paper
from press.tex.paper import read_paper

PARTICLE = re.compile(r"[a-z]")

PAPER_TOML = """\
# What this paper says: its symbols, the equations that matter here, its claims. See CONTRIBUTING.md, "A paper".
# equations.toml beside this file has every numbered equation as the paper prints it, to copy from.
citekey = {citekey}
arxiv = {arxiv}

[symbols]  # this paper's notation = ours, as in the first column of NOTATION.md

# [[equations]]
# number = "1"
# latex = ''
# says = ""
# implemented_by = []  # public functions, such as "diffloop.ddim.ddim_step"
# checked_by = []      # tests, such as "tests/diffloop/test_ddim.py::test_name"

# [[claims]]
# id = ""              # a slug, unique over all papers
# statement = ""
# table = ""           # or "Fig. 4", "Sec. 4.1"
# number = ""          # as the paper prints it
# quantity = ""        # what we measure
# direction = "above"  # or "below", "near"
# than = 1.0
"""
PAPER_QMD = """\
---
title: {title}
---

<!-- Notes on the paper. The parts that are made from paper.toml (equations, claims, links) are added to this page. -->
"""


@dataclass(frozen=True)
class Fetched:
    """What a fetch did.

    Args:
        written: files that are new or changed, relative to the root.
        kept: files that were there and stay as they are.
        paper: what was read from the source.
        notes: what the author should know.
    """

    citekey: str
    metadata: Metadata
    paper: Paper
    written: list[str]
    kept: list[str]
    notes: list[str]


def fetch(
    project: Project,
    text: str,
    say: Callable[[str], None],
    *,
    citekey: str = "",
    main: str = "",
    latex: str = "never",
    html: bool = False,
    facts: bool = False,
    client: Arxiv | None = None,
) -> Fetched:
    """Fetch a paper and write what was read. What an author wrote is never overwritten.

    Args:
        text: arXiv id, with or without version, or an address.
        say: told what is going on.
        citekey: the folder's name; "" takes the one that has this paper, else that of references.bib, else makes one.
        main: the LaTeX file to begin with; "" finds it.
        latex: "auto" runs LaTeX on the source where one is installed, and takes its numbers; "never" does not.
        html: whether to compare with the HTML that arXiv makes of the paper.
        facts: whether equations.toml is to have numbers and labels only.
        client: what asks arXiv, in another's stead.

    Raises:
        PressError: every reason why there is nothing to write; then nothing is written.
    """
    identifier = parse_id(text)
    if citekey and (not is_legal(citekey) or set(":/") & set(citekey)):
        raise fail(
            "",
            0,
            f"--citekey {citekey!r} is not a valid key. Use letters, digits, _ and inner . + -, as in song2021ddim",
        )
    with at_work(project, "arxiv/lock") as manifest:
        asked = client or Arxiv(project.work / "arxiv", say)
        folders = known_papers(project.root)
        mine = [key for key, known in folders.items() if without_version(known) == without_version(identifier)]
        if identifier == without_version(identifier) and mine:
            identifier = folders[mine[0]]  # the version that the author has read
        try:
            metadata = asked.metadata(identifier)
            files = asked.source(metadata.id)
            page = asked.html(metadata.id) if html else None
        finally:
            if client is None:
                asked.close()
        key = citekey or (mine[0] if mine else choose_key(project.root, metadata, folders))
        if without_version(folders.get(key) or metadata.id) != without_version(metadata.id):
            message = f"is about arXiv:{folders[key]}, not {metadata.id}. Give another --citekey"
            raise fail(f"papers/{key}/paper.toml", 0, message)
        say(f"reading {len(files)} files")
        paper = read_paper(files, main)
        if latex == "auto" and program():
            say("running pdflatex")
            paper.warnings += by_latex(paper, files)
        if html:
            paper.warnings += by_html(paper, page) if page else [f"arXiv has no HTML of {metadata.id}"]
        data = (facts_toml if facts else equations_toml)(key, metadata, paper).encode()
        return _write(project, manifest, key, metadata, paper, folders, data)


def known_papers(root: Path) -> dict[str, str]:
    """Folders of papers -> the arXiv id in their `paper.toml`; "" if there is none."""
    found = {path.name: "" for path in sorted((root / "papers").glob("*")) if path.is_dir()}
    for key in found:
        with contextlib.suppress(OSError, ValueError):  # what is broken there is for `press check` to say
            found[key] = str(
                tomllib.loads((root / "papers" / key / "paper.toml").read_text(encoding="utf-8")).get("arxiv", "")
            )
    return found


def choose_key(root: Path, metadata: Metadata, folders: dict[str, str]) -> str:
    """The citation key of this paper in references.bib, by arXiv id or DOI; else one made like those of the sync."""
    from press.core.pandoc import run_pandoc
    from press.intake.zotero.report import arxiv_of

    text, sources = _bibliography(root)
    taken = set(folders) | set(sources)
    if sources:
        try:
            records = json.loads(run_pandoc(["-f", "biblatex", "-t", "csljson"], text))
        except RuntimeError:
            raise fail("references.bib", 0, "cannot be read; `press check` says where it is wrong") from None
        for record in records:
            same = arxiv_of(record, sources) == without_version(metadata.id).lower()
            same |= bool(metadata.doi) and record.get("DOI", "").lower() == metadata.doi.lower()
            if same and not set(":/") & set(record["id"]):
                return record["id"]
    first = metadata.authors[0].split()
    start = next((i for i, word in enumerate(first[:-1]) if i and PARTICLE.match(word)), len(first) - 1)
    data = {"creators": [{"lastName": " ".join(first[start:])}], "title": metadata.title, "date": str(metadata.year)}
    key = generated_key({"data": data})
    folded = {other.casefold() for other in taken}
    return next(name for name in (key, *map(key.__add__, _few(letters()))) if name.casefold() not in folded)


def _bibliography(root: Path) -> tuple[str, dict[str, str]]:
    """The text of references.bib, and its entries by key."""
    from press.core.bib import entries

    path = root / "references.bib"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return text, entries(text)[0]


def _few(names) -> list[str]:
    return [next(names) for _ in range(1000)]


def _write(
    project: Project,
    manifest: Manifest,
    key: str,
    metadata: Metadata,
    paper: Paper,
    folders: dict[str, str],
    data: bytes,
) -> Fetched:
    root, written, kept, notes = project.root, [], [], list(paper.warnings)
    name = f"papers/{key}/equations.toml"
    if problem := no_folder(root, name):
        raise PressError(problem)
    (written if manifest.write({name: data}) else kept).append(name)
    texts = {
        "paper.toml": PAPER_TOML.format(citekey=toml_text(key), arxiv=toml_text(metadata.id)),
        "paper.qmd": PAPER_QMD.format(title=json.dumps(metadata.title, ensure_ascii=False)),
    }
    for name, text in texts.items():
        path = root / "papers" / key / name
        try:
            create(path, text.encode())
            written.append(relative(path, root))
        except FileExistsError:
            kept.append(f"papers/{key}/{name}")
    if (folders.get(key) or metadata.id) != metadata.id:
        notes.append(f"papers/{key}/paper.toml says {folders[key]}; equations.toml is now of {metadata.id}")
    if key not in _bibliography(root)[1]:
        notes.append(f"references.bib has no {key}. Add the paper in Zotero with this citation key, then `press sync`")
    if paper.title and _letters(paper.title) != _letters(metadata.title):
        notes.append(f"the source's title is {paper.title!r}")
    return Fetched(key, metadata, paper, written, kept, notes)


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def tell(done: Fetched) -> list[str]:
    """The result in lines."""
    bad = [equation.number for equation in done.paper.equations if not equation.mathml]
    count = len(done.paper.equations)
    lines = [f"{done.citekey}: arXiv:{done.metadata.id}, {done.metadata.title}"]
    lines += [f"wrote {name}" for name in done.written] + [f"kept {name}" for name in done.kept]
    lines.append(f"{count} numbered {'equation' if count == 1 else 'equations'} in {done.paper.main}")
    lines += summary(done.paper)
    if bad:
        lines.append(f"{len(bad)} of them cannot become MathML and are kept as they are: {', '.join(bad)}")
    return lines
