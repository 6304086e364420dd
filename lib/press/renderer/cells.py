"""A code cell of the notebook as Markdown: its code, its outputs, its captions, for the Lua filters to arrange."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from press.core import supported
from press.core.celloptions import option_rows, read_options
from press.core.errors import Problem, collected
from press.core.yamlfile import Map
from press.renderer import outputs

if TYPE_CHECKING:
    from press.renderer.traced import Document, Origin

# Tags that Quarto reads as options.
TAGS = {
    "hide-cell": {"include": False},
    "remove-cell": {"include": False},
    "hide-code": {"echo": False},
    "hide-output": {"output": False},
    "hide-warnings": {"warning": False},
    "show-code": {"echo": True},
    "show-output": {"output": True},
    "show-warnings": {"warning": True},
}
LAYOUT = ("layout", "layout-ncol", "layout-nrow", "layout-valign", "layout-align")
LAYOUT += ("fig-cap-location", "tbl-cap-location")
COLONS = ":" * 12


def add(document: Document, cell: dict[str, Any], source: str, origin: Origin, *, number: int, language: str) -> None:
    """Append the cell to the document. Figures are named as Quarto names them (its first code cell is cell-2)."""
    given, code = _options(document, source, origin)
    lines = {key: place[1] for key, place in given.places.items()}
    options: dict[str, Any] = given
    tags = list(cell.get("metadata", {}).get("tags") or [])
    for tag in tags:
        options = TAGS.get(tag, {}) | options
    options = _defaults(document, options)
    if options.get("include") is False:
        return
    _check(document, options, lines, origin, source)
    label = str(options.get("label") or "")
    stem = re.sub(r"[^\w.-]+", "-", label.replace(":", "-")).lower() if label else f"cell-{number + 1}"
    folder = document.input.rpartition("/")[2].rpartition(".")[0] + "_files"
    settings = outputs.Options(
        name=stem,
        directory=folder,
        alts=_texts(options.get("fig-alt")),
        warning=options.get("warning", True) is not False,
        align=str(options.get("fig-align") or ""),
        classes=["lightbox"] if options.get("lightbox") else [],
        link=str(options.get("fig-link") or ""),
        state=document.widgets,
    )
    results = outputs.convert(cell.get("outputs") or [], settings) if options.get("output", True) is not False else []
    _needs(document, results, origin)
    results = [result for result in results if result.markdown]
    displays = sum(result.kind == "display" for result in results)
    _check_captions(document, options, lines, origin, displays if document.ran else None)
    shown = options.get("echo", True) is not False and code.strip()
    if not shown and not results:
        return
    start = origin[1] + source.count("\n", 0, max(source.find(code), 0)) if origin[1] else 0
    write(document, options, lines, code if shown else "", results, (origin[0], start), language)


def _needs(document: Document, results: list[outputs.Output], origin: Origin) -> None:
    """What outputs ask for: libraries, and to be told of."""
    for result in results:
        problem = Problem(*origin, result.problem, check="outputs") if result.problem else None
        if result.library:
            document.need(result.library, problem)
        elif problem and problem.message not in {known.message for known in document.problems}:
            document.problems.append(problem)
        if result.large:
            document.large[result.large[0]] = result.large[1]


def _options(document: Document, source: str, origin: Origin) -> tuple[Map, str]:
    options = Map()
    with collected(document.problems):
        parsed = read_options(source, *origin)
        options = parsed.data
        document.problems += parsed.problems + parsed.unknown
    return options, "\n".join(source.split("\n")[len(option_rows(source)) :]).strip("\n")


def _defaults(document: Document, options: dict[str, Any]) -> dict[str, Any]:
    execute = document.meta.get("execute") or {}
    inherited = {key: execute[key] for key in ("echo", "output", "warning", "include") if key in execute}
    return inherited | options


def _texts(value: Any) -> list[str]:
    return (
        []
        if value is None or value is True
        else [str(item) for item in (value if isinstance(value, list) else [value])]
    )


def _check(document: Document, options: dict, lines: dict, origin: Origin, source: str) -> None:
    def refuse(key: str, message: str) -> None:
        document.problems.append(Problem(origin[0], lines.get(key, origin[1]), message, check="unsupported"))

    if options.get("echo") == "fenced":
        refuse("echo", "echo: fenced is not supported by the embedded renderer. Use echo: true")
    column = options.get("column")
    if column and column not in supported.COLUMNS:
        refuse("column", f"column {column!r} is not supported. Choose from: {', '.join(supported.COLUMNS)}")
    if options.get("output") not in (None, True, False, "asis"):
        refuse("output", f"output: {options['output']!r} is not supported. Choose from: true, false, asis")


def _check_captions(
    document: Document, options: dict[str, Any], lines: dict[str, int], origin: Origin, displays: int | None
) -> None:
    """Each caption must find its output, each labelled figure must be there: nothing is dropped in silence.

    Args:
        displays: how many outputs the cell displayed; None before it has run.
    """

    def refuse(key: str, message: str) -> None:
        document.problems.append(Problem(origin[0], lines.get(key, origin[1]), message, check="outputs"))

    label = str(options.get("label") or "")
    kind = label.partition("-")[0] if label.startswith(("fig-", "tbl-")) else ""
    for name in ("fig", "tbl"):
        captions, parts = _texts(options.get(f"{name}-cap")), _texts(options.get(f"{name}-subcap"))
        if kind and kind != name and (captions or parts):
            refuse(f"{name}-cap", f"label {label!r} wants {kind}-cap, not {name}-cap")
        if displays is None:
            continue
        if len(captions) > 1 and (kind or len(captions) != displays):
            found = f"{len(captions)} captions for {displays} outputs" + (f" and one label, {label!r}" if kind else "")
            refuse(
                f"{name}-cap",
                f"{found}. Give one caption each, or with a label one {name}-cap and a list {name}-subcap",
            )
        if parts and len(parts) != displays:
            refuse(f"{name}-subcap", f"{len(parts)} captions for {displays} outputs in {name}-subcap")
        if captions and not displays:
            refuse(f"{name}-cap", f"{name}-cap: the cell displayed nothing that could take a caption")
    if kind and displays == 0 and not any(f"{name}-cap" in options for name in ("fig", "tbl")):
        refuse("label", f"label {label!r}: the cell displayed no figure or table")
    if options.get("lst-cap") and not str(options.get("lst-label", "")).lstrip("#").startswith("lst-"):
        refuse("lst-cap", "lst-cap needs a label such as lst-label: lst-name")


def write(
    document: Document,
    options: dict[str, Any],
    lines: dict[str, int],
    code: str,
    results: list[outputs.Output],
    place: Origin,
    language: str,
) -> None:
    """Append the cell's Div: captions, code, outputs.

    Args:
        lines: option -> its line in the source.
        place: file and line of the code's first line.
    """
    label = str(options.get("label") or "")
    document.add("")
    document.add(f"{COLONS} {{{_attributes(options, label)}}}", (place[0], lines.get("label", place[1])))
    document.add("")
    kind = "tbl" if label.startswith("tbl-") or "tbl-cap" in options else "fig"
    for name in ("cap", "subcap"):
        key = f"{kind}-{name}"
        for text in _texts(options.get(key)) or (["\\ "] * len(results) if options.get(key) is True else []):
            document.add(f"{COLONS} {{.press-{name}}}")
            document.add(" ".join(text.split()), (place[0], lines.get(key, place[1])))
            document.add(f"{COLONS}\n")
    if code:
        text = outputs.fence(code, f"{{{_code_attributes(options, language)}}}").rstrip("\n").split("\n")
        document.add(text[0])
        document.add("\n".join(text[1:-1]), place)
        document.add(text[-1] + "\n")
    for result in results:
        document.files |= result.files
        if options.get("output") == "asis" and result.kind == "stdout":
            document.add(outputs.fence(result.raw, "{.press-markdown}"))
            continue
        document.add(f"{COLONS} {{.cell-output .cell-output-{result.kind}}}\n{result.markdown}\n{COLONS}\n")
    document.add(f"{COLONS}\n")


def _attributes(options: dict[str, Any], label: str) -> str:
    classes = options.get("classes") or []
    parts = [".cell"] + [f".{name}" for name in (classes.split() if isinstance(classes, str) else classes)]
    if options.get("column"):
        parts.append(f".column-{options['column']}")
    if label:
        parts.append(f'press-label="{outputs.quote(label)}"')
    for key in LAYOUT:
        if key in options:
            value = options[key] if isinstance(options[key], str) else json.dumps(options[key])
            parts.append(f'{key}="{outputs.quote(value)}"')
    return " ".join(parts)


def _code_attributes(options: dict[str, Any], language: str) -> str:
    parts = [f".{language}", ".cell-code"]
    if options.get("lst-label"):
        parts.insert(0, f"#{str(options['lst-label']).lstrip('#')}")
    for key in ("lst-cap", "code-fold", "code-summary", "code-overflow", "code-line-numbers", "filename"):
        if key in options:
            value = str(options[key]).lower() if isinstance(options[key], bool) else str(options[key])
            parts.append(f'{key}="{outputs.quote(value)}"')
    return " ".join(parts)
