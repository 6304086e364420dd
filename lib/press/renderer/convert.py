"""Run Pandoc on one document; every warning of Pandoc or of our filters becomes a problem with file and line."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from press.core import templates
from press.core.command import OverLimit, run_within
from press.core.errors import PressError, Problem
from press.core.pandoc import binary
from press.renderer import outputs, rescue
from press.renderer.traced import Document

HERE = Path(__file__).parent
UNREADABLE = re.compile(r"bibliography|\bCSL\b|citeproc", re.IGNORECASE)  # what Pandoc says of a file that is none
FILTERS = ("visible", "unsupported", "tex", "diagram", "contents", "annotate", "extras")
FILTERS += ("cells", "theorem", "callout", "tabset", "crossref", "layout")
EARLY = ("visible", "unsupported", "tex", "tabset")  # of those, what needs no outputs
# A `---` in the middle of a text is a rule here, never metadata: what looks like a mapping would vanish from the page.
READER = "markdown-yaml_metadata_block-pandoc_title_block"

# What Pandoc writes, in the order of parts.html. Its own templates are slow to read: ours is filled here.
PARTS = ("pagetitle", "description_meta", "title", "subtitle", "description", "abstract", "toc", "body")
LISTS = ("author", "author_meta", "keywords")
PARTS += LISTS

NO_MATH = "CouldNotConvertTeXMath"  # in Pandoc's log
ANNOTATIONS = 0x10F100  # as in annotate.lua
ANNOTATION = re.compile(f"[{chr(ANNOTATIONS)}-{chr(ANNOTATIONS + 255)}]")
# TeX puts a thin space between an operator's name and what it is applied to without brackets; browsers put none.
OPERATOR = re.compile(r"(</mi><mo>&#8289;</mo></mrow>)(?=<m(?:i|n|sub|sup|subsup|frac|sqrt|over|under)\b)")


def render(
    document: Document,
    work: Path,
    *,
    meta: dict[str, Any],
    variables: dict[str, Any],
    options: dict[str, Any],
    bibliography: str,
    others: list[Path],
    csl: Path | None,
    toc_depth: int,
) -> str:
    """The page's HTML from our template. Problems are added to the document.

    Args:
        work: an empty directory for the input, log and settings of this run.
        meta: what is parsed as Markdown (title, author, abstract ...).
        variables: what else goes into the template.
        options: what the Lua filters read.
        bibliography: BibTeX of the entries that the page cites.
        others: bibliographies in other formats.
    """
    cites = any("@" in line for line in document.lines) or bool(meta.get("nocite"))
    (work / "meta.json").write_text(json.dumps(meta, ensure_ascii=False), encoding="utf-8")
    (work / "refs.bib").write_text(bibliography, encoding="utf-8")
    defaults = _defaults(work, cites, toc_depth) | ({"csl": str(csl)} if csl else {})
    defaults["bibliography"] += [str(path) for path in others] if cites else []
    plainer = _without_macros(defaults)
    for attempt in (defaults, plainer, _without_citations(plainer), _as_it_stands(document, defaults)):
        if found := _pandoc(document, work, attempt, options):
            page = rescue.put((work / "page.html").read_text(encoding="utf-8"), found.formulas)
            page = OPERATOR.sub(r'\1<mspace width="0.167em"></mspace>', ANNOTATION.sub(_annotation, page))
            return _framed(page, variables | {"lang": meta["lang"]}, defaults["variables"], document.large)
    raise PressError(document.problems)


def _framed(page: str, variables: dict[str, Any], marks: dict[str, str], large: dict[str, str]) -> str:
    """The parts that Pandoc wrote, within what stands around them."""
    parts = [Markup(part.strip("\n")) for part in page.split(marks["part"])]
    found: dict[str, Any] = dict(zip(PARTS, parts, strict=True))
    for name in LISTS:
        found[name] = [Markup(item) for item in found[name].split(marks["item"]) if item]
    for marker, markup in large.items():
        found["body"] = Markup(found["body"].replace(marker, Markup(markup)))
    variables = {name.replace("-", "_"): value for name, value in variables.items()}
    return str(templates.render("renderer/template.html", **variables, **found))


def _annotation(match: re.Match[str]) -> str:
    """The number of a line that is explained below: drawn by the style, so that who copies the code does not get it."""
    return f'<span class="code-annotation-anchor" data-annotation="{ord(match[0]) - ANNOTATIONS}"></span>'


def look(document: Document, work: Path) -> None:
    """Add to the document's problems what can be told of its text alone: what we refuse, math, what Pandoc repairs.

    Cross references, captions and citations are left out: they depend on what its cells will show.

    Args:
        work: an empty directory.
    """
    # Without colours: Pandoc would read all its languages to find that an output is in none of them.
    defaults = _basis(work, EARLY) | {"syntax-highlighting": "none"}
    _pandoc(document, work, defaults, {})


@dataclass(frozen=True)
class _Done:
    """A run of Pandoc that succeeded, and what it could not convert in the words that it could not read."""

    formulas: dict[tuple[str, str], str]


def _without_macros(defaults: dict[str, Any]) -> dict[str, Any]:
    """For macros of TeX that expand forever."""
    return defaults | {"reader": f"{defaults['reader']}-latex_macros"}


def _without_citations(defaults: dict[str, Any]) -> dict[str, Any]:
    """For a bibliography or a citation style that cannot be read."""
    kept = [name for name in defaults["press-filters"] if name != "citeproc"]
    return defaults | _filtered(kept) | {"bibliography": [], "csl": None}


def _as_it_stands(document: Document, defaults: dict[str, Any]) -> dict[str, Any]:
    """For a text that Pandoc cannot read: all of it as code."""
    text = outputs.fence(
        "\n".join(line for line, origin in zip(document.lines, document.origins, strict=True) if origin)
    )
    return _without_citations(defaults) | _filtered(("finish",)) | {"press-text": text}


def _pandoc(document: Document, work: Path, defaults: dict[str, Any], options: dict[str, Any]) -> _Done | None:
    """Run Pandoc in this directory; None, and a problem, where it fails."""
    text = defaults.get("press-text") or "\n".join(document.lines) + "\n"
    options = {key: value for key, value in options.items() if value is not None}
    (work / "options.json").write_text(json.dumps(options | {"filters": defaults["press-filters"]}), encoding="utf-8")
    defaults = {key: value for key, value in defaults.items() if key[:6] != "press-" and value is not None}
    (work / "page.md").write_text(text, encoding="utf-8", errors="replace")
    (work / "defaults.json").write_text(json.dumps(defaults), encoding="utf-8")
    environment = os.environ | {"PRESS_OPTIONS": str(work / "options.json")}
    # A page that needs more than this is broken; without the limits it could take the machine with it.
    # In memory by the 32 MB it collects its garbage once or never on most pages, and touches less of it.
    command = [binary(), "+RTS", "-M900m", "-A32m", "-RTS", "--defaults", str(work / "defaults.json")]
    try:
        run = run_within(command, 300, env=environment)
        failure = _last_said(run.stderr) if run.returncode else ""
    except OverLimit as error:
        failure = f"{error}. Make the page smaller"
    if failure:
        cited = UNREADABLE.search(failure)  # the page then stands without what is cited
        said = "no citation is resolved. " if cited else ""
        message = f"{said}Pandoc failed: {failure}. The page is shown without the failing part, or as it is written"
        if not any("Pandoc failed: " in problem.message for problem in document.problems):
            check = "references" if cited else "markdown"
            document.problems.append(Problem(document.input, 0, message, check=check))
        return None
    return _done(document, work / "log.json")


def _defaults(work: Path, cites: bool, toc_depth: int) -> dict[str, Any]:
    """Pandoc's defaults file: all options of the run."""
    return _basis(work, (*FILTERS, *(["citeproc"] if cites else []), "finish")) | {
        "metadata-files": [str(work / "meta.json")],
        "template": str(HERE / "parts.html"),
        "variables": {name: f"<!--{name} {secrets.token_hex(16)}-->" for name in ("part", "item")},
        "bibliography": [str(work / "refs.bib")] if cites else [],
        "section-divs": True,
        "table-of-contents": toc_depth > 0,
        "toc-depth": toc_depth or 1,
        "wrap": "preserve",
        "standalone": True,
    }


def _basis(work: Path, filters: tuple[str, ...]) -> dict[str, Any]:
    return _filtered(filters) | {
        "reader": READER,
        "writer": "html5",
        "input-files": [str(work / "page.md")],
        "log-file": str(work / "log.json"),
        "output-file": str(work / "page.html"),
        "html-math-method": {"method": "mathml"},
    }


def _filtered(names: Sequence[str]) -> dict[str, Any]:
    """These filters as Pandoc wants them: ours in one script, but what comes after its own."""
    rest = names[names.index("citeproc") :] if "citeproc" in names else ()
    after = [name if name == "citeproc" else f"{HERE}/filters/{name}.lua" for name in rest]
    return {"filters": [f"{HERE}/filters/all.lua", *after], "press-filters": names}


def _last_said(stderr: str) -> str:
    """What Pandoc ended with: the lines after its last warning, else all."""
    text = stderr.strip()
    error = text.rfind("\nError")
    said = text[error:] if error >= 0 else text.rpartition("\n[WARNING]")[2].partition("\n")[2] or text
    return said.strip()[-1000:]


def _done(document: Document, log: Path) -> _Done:
    """What Pandoc's log says: problems, which are added to the document's, and formulas, which are read again."""
    entries = json.loads(log.read_text(encoding="utf-8") or "[]")
    entries = [entry for entry in entries if entry.get("verbosity") in ("WARNING", "ERROR")]
    formulas = rescue.rescued(str(entry.get("contents", "")) for entry in entries if entry["type"] == NO_MATH)
    saved = {tex for tex, _ in formulas}
    found: list[Problem] = []
    for entry in entries:
        if entry["type"] != NO_MATH or entry.get("contents") not in saved:
            found += _problem(document, entry)
    document.problems += dict.fromkeys(found)
    if any(entry["type"] == NO_MATH and entry.get("contents") not in saved for entry in entries):
        document.need("katex")
    return _Done(formulas)


def _problem(document: Document, entry: dict[str, Any]) -> list[Problem]:
    pretty, kind = str(entry.get("pretty") or ""), entry["type"]
    message = str(entry.get("message") or pretty)
    if message.startswith("press\t"):
        _, check, needle, text = message.split("\t", 3)
        return document.blame(needle, text, check)[: 1 if text.startswith("unknown citation") else None]
    if kind == NO_MATH:
        tex = [line.strip() for line in str(entry.get("contents", "")).strip().splitlines()] or [""]
        reason = "; ".join(line.strip() for line in message.splitlines()[2:])
        tried = (
            f"math `{tex[0][:80]}` cannot become MathML: {reason}. KaTeX is tried; failing that, it is shown as written"
        )
        return document.blame(max(tex, key=len), tried, "math")
    if re.search(r"citation (\S+) not found", pretty):
        return []  # crossref.lua says it, with the nearest name
    place = entry.get("openpos") or entry
    if "source" in place and not place["source"]:
        # Within what a cell printed as Markdown: parsed by itself, so Pandoc's repair cannot reach the page around it.
        return []
    text = "Pandoc: " + re.sub(r"(?: at)? \S*page\.md line \d+ column \d+", "", pretty)
    if str(place.get("source", "")).endswith("page.md"):
        line = min(int(place.get("line", 1)), len(document.lines))
        origin = next((o for o in reversed(document.origins[:line]) if o), (document.input, 0))
        return [Problem(*origin, text, check="markdown")]
    return [Problem(document.input, 0, text, check="markdown")]
