"""Cells that this renderer does not run: diagrams are drawn in the browser, code of other languages is shown.

Their options (`#|`, `//|`, `%%|`, `--|`, or R's in the braces) are honoured as far as they concern what is shown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from press.core.errors import Problem
from press.core.fences import fenced_lines, indent_of, item_indent
from press.renderer import outputs

if TYPE_CHECKING:
    from press.renderer.traced import Document, Origin

CELL = re.compile(r"^\{+\s*([A-Za-z][\w+#-]*)\s*(?:[ ,]\s*([^{}]*?))?\s*\}+\s*(\S*)$")
ROW = re.compile(r"^\s*(?:#|//|%%|--|;|\(\*|!)\s*\| ?")
IN_BRACES = re.compile(r"""([A-Za-z][\w.-]*)\s*=\s*("[^"]*"|'[^']*'|[^,\s]+)""")
MYST_ROW = re.compile(r"^:([\w-]+):\s*(.*)$")
# In a list or a quotation, where a text has no other lines like it.
INNER = re.compile(r"^((?:[ \t]{4,}|\s*[>*+-]|\s*\d+[.)])[\s>]*(?:`{3,}|~{3,}))\{+\s*([A-Za-z][\w+#-]*)[^}]*\}+\s*$")
LABEL = re.compile(r"[a-z]+-[^\s{}]+")
DIAGRAMS = {"mermaid": "mermaid", "dot": "viz"}  # language -> the library that draws it
HIGHLIGHT = {"ojs": "javascript", "node": "javascript", "d3": "javascript", "rcpp": "cpp"}
MYST = "code-cell"  # and its other directives that stand in fences
DIRECTIVES = {"admonition", "attention", "caution", "card", "code", "code-block", "danger", "dropdown", "error"}
DIRECTIVES |= {"eval-rst", "exercise", "figure", "glossary", "grid", "hint", "image", "important", "include", "math"}
DIRECTIVES |= {"note", "proof", "seealso", "solution", "tab-set", "table", "tip", "toctree", "warning"}
BREAK = re.compile(r"^\+\+\+(\s*\{.*\})?\s*$")  # between two cells of MyST
PYTHON = ("python", "python3", "ipython", "ipython3", "")
COLONS = ":" * 11


def show(document: Document, start: int) -> None:
    """Rewrite the cells among the document's lines from `start` on; each gets a problem, or a need of a library."""
    lines, origins = document.lines[start:], document.origins[start:]
    myst = "jupytext" in document.meta or any(line.startswith(f"```{{{MYST}}}") for line in lines)
    done: list[tuple[str, Any]] = []
    cell: tuple[re.Match[str], int] | None = None
    for index, kind, info in fenced_lines(lines):
        match = CELL.match(info) if kind == "open" else None
        if match:
            cell = (match, index)
        elif cell and kind == "close":
            first, indent = cell[1] + 1, indent_of(lines[cell[1]])
            rows = [line[min(len(indent), len(indent_of(line))) :] for line in lines[first:index]]
            body = list(zip(rows, origins[first:index], strict=True))
            shown = _cell(document, cell[0], body, origins[cell[1]] or (document.input, 0))
            within = item_indent(document.lines, start + cell[1])
            done += [(within + line if line else line, origin) for line, origin in shown]
            cell = None
        elif not cell and myst and kind == "text" and BREAK.match(lines[index]):
            done.append(("", origins[index]))
        elif not cell:
            line = _within(document, lines[index], origins[index]) if kind == "text" else lines[index]
            done.append((line, origins[index]))
    if cell:  # never closed
        done += zip(lines[cell[1] :], origins[cell[1] :], strict=True)
    document.lines[start:] = [line for line, _ in done]
    document.origins[start:] = [origin for _, origin in done]


def _within(document: Document, line: str, origin: Origin | None) -> str:
    """The line that opens a cell in a list or a quotation, as one that opens code to show; any other as it is."""
    match = INNER.match(line)
    if match:
        document.not_run.setdefault(match[2].lower(), []).append(origin or (document.input, 0))
        return f"{match[1]}{{.{HIGHLIGHT.get(match[2].lower(), match[2].lower())}}}"
    return line


def tell(document: Document) -> None:
    """A problem for each language of cells that were met and are only shown, with the place of the first one."""
    for language, places in document.not_run.items():
        count = len(places)
        cells, are, them = ("cell", "is", "it") if count == 1 else (f"{count} cells", "are", "them")
        said = f"{cells} {{{language}}} {are} not run here, only shown; Quarto runs {them}"
        said += f". Write ```{language} for code to show"
        if language == MYST:
            said = f"{cells} {{{language}}} of MyST {are} shown as code. Quarto runs cells that begin with {{python}}"
        elif language in DIRECTIVES:
            said = f"{{{language}}} belongs to MyST; Quarto does not support it either. Its content is shown as written"
        document.problems.append(Problem(*places[0], said, check="unsupported"))


def _cell(
    document: Document, head: re.Match[str], body: list[tuple[str, Any]], origin: Origin
) -> list[tuple[str, Any]]:
    """The lines of one cell, with their origins, as they stand in the page."""
    language = head[1].lower()
    options, taken = _options(head[2] or "", [line for line, _ in body])
    code = body[taken:]
    if language in DIAGRAMS:
        message = (
            f"diagram {{{language}}} is shown as source. Quarto draws it, and so does this renderer if npm is installed"
        )
        document.need(DIAGRAMS[language], Problem(*origin, f"{message} at hand", check="unsupported"))
    elif head[0].startswith("{{"):
        pass  # Quarto's escape for a cell that is only shown
    else:
        document.not_run.setdefault(language, []).append(origin)
    if str(options.get("include")).lower() == "false" or not code:
        return []
    return _written(language, head[3], options, code)


def _options(braces: str, lines: list[str]) -> tuple[dict[str, Any], int]:
    """A cell's options, and how many lines they take."""
    options: dict[str, Any] = {}
    for key, value in IN_BRACES.findall(braces):
        options[key.replace(".", "-").lower()] = value.strip("\"'")
    rows: list[str] = []
    if lines[:1] == ["---"] and "---" in lines[1:]:  # as MyST has it
        rows = lines[: lines.index("---", 1) + 1]
        lines = []
    for line in lines:
        if ROW.match(line):
            rows.append(ROW.sub("", line, count=1))
        elif match := MYST_ROW.match(line):
            rows.append(f"{match[1]}: {match[2]}")
        else:
            break
    try:
        found = yaml.safe_load("\n".join(row for row in rows if row != "---"))
    except yaml.YAMLError:
        found = None
    return options | (found if isinstance(found, dict) else {}), len(rows)


def _written(language: str, after: str, options: dict[str, Any], code: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    if language == MYST:
        language = "python" if after.lower() in PYTHON or not after.isalnum() else after.lower()
    elif language in DIRECTIVES:
        language = "markdown"
    classes = [f".{HIGHLIGHT.get(language, language)}"]
    classes += [f".press-diagram .press-{language}"] if language in DIAGRAMS else [".cell-code"]
    label = str(options.get("lst-label") or "").lstrip("#")
    attributes = [f"#{label}"] if label else []
    attributes += classes
    for key in ("lst-cap", "code-fold", "code-summary", "code-overflow", "filename"):
        if key in options:
            value = str(options[key]).lower() if isinstance(options[key], bool) else str(options[key])
            attributes.append(f'{key}="{outputs.quote(value)}"')
    if str(options.get("echo")).lower() == "false" and language not in DIAGRAMS and "code-fold" not in options:
        attributes.append(f'code-fold="true" code-summary="Code ({language}), not run here"')
    fence = outputs.fence("\n".join(line for line, _ in code), f"{{{' '.join(attributes)}}}").rstrip("\n").split("\n")
    shown = [("", None), (fence[0], None), *code, (fence[-1], None), ("", None)]
    name, caption = str(options.get("label") or ""), options.get("fig-cap")
    if not (caption or name.startswith("fig-")):
        return shown
    identifier = f"#{name} " if LABEL.fullmatch(name) else ""
    opened = f"{COLONS} {{{identifier}.press-float}}"
    described = [(f"{COLONS} {{.press-caption}}", None), (" ".join(str(caption or "").split()), None), (COLONS, None)]
    return [("", None), (opened, code[0][1]), *shown, *described, (COLONS, None), ("", None)]
