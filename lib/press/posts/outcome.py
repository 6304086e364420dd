"""How a run ended, in words: the cell, file and line in which it stopped, and why."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from press.core.errors import Problem
from press.posts.usage import Usage

ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def problem_of(
    file: str,
    notebook: dict[str, Any],
    stopped: dict[str, Any] | None,
    error: Exception | None,
    usage: Usage,
    last_words: str,
) -> tuple[Problem | None, str]:
    """What went wrong, and the name of the cell in which it did; None and "" where every cell ran.

    Args:
        file: the post's source, for cells that do not say where they come from.
        notebook: as far as it ran.
        stopped: the cell that `stopped_at` found.
        error: what papermill raised.
        last_words: what `last_words` found.
    """
    for cell in (cell for cell in notebook["cells"] if not _may_fail(cell)):
        for output in cell.get("outputs", ()):
            if output["output_type"] == "error":
                return _cell_problem(file, cell, output), cell["id"]
    if stopped is None and error is None:
        return None, ""
    press = stopped["metadata"].get("press", {}) if stopped else {}
    message, detail = _why(error, usage, last_words)
    place = press.get("file", file), press.get("line", 0)
    return Problem(*place, message, _indent(detail)), stopped["id"] if stopped else ""


def _why(error: Exception | None, usage: Usage, last_words: str) -> tuple[str, str]:
    """Why a run ended early that no cell's output explains, and what helps to find the cause."""
    name = type(error).__name__
    if usage.over:
        return usage.told(), ""
    if error is None:  # papermill takes SystemExit(0) for success
        return "this cell never ran: the notebook stopped early", ""
    if name == "DeadKernelError":
        return "the kernel died while this cell ran (killed, out of memory, or a crash in native code)", last_words
    if name == "PapermillExecutionError":  # the kernel's own report was lost: the text is not Unicode, say
        return "this cell raised an exception whose text cannot be shown", last_words
    return f"{name}: {str(error).strip() or 'no message'}", last_words


def _cell_problem(file: str, cell: dict[str, Any], output: dict[str, Any]) -> Problem:
    trace = ANSI.sub("", "\n".join(output.get("traceback", [])))
    place = cell["metadata"].get("press", {"file": file, "line": 0})
    line = place["line"]
    found = re.search(rf"Cell In\[{cell['execution_count']}\], line (\d+)", trace) or re.search(
        r"^\s*File .*, line (\d+)", trace
    )
    if found and line:
        line += int(found[1]) - 1
    message = f"{cell['id']} raised {output['ename']}: {ANSI.sub('', output['evalue'])}"
    return Problem(place["file"], line, message, _indent(trace))


def _indent(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())


def stopped_at(notebook: dict[str, Any], died: bool) -> dict[str, Any] | None:
    """The cell at which a run ended early; None when all cells ran.

    When the kernel died that is the last cell that papermill noted the start of.
    """
    cells = [c for c in notebook["cells"] if c["cell_type"] == "code" and "".join(c["source"]).strip()]
    if died:
        started = [cell for cell in cells if cell["metadata"].get("papermill", {}).get("start_time")]
        return (started or cells[:1] or [None])[-1]
    return next((cell for cell in cells if cell["execution_count"] is None), None)


def ran_through(notebook: dict[str, Any]) -> bool:
    """Whether every cell ran, and no exception was raised but in cells that may."""
    rest = [cell for cell in notebook["cells"] if not _may_fail(cell)]
    errors = (output["output_type"] == "error" for cell in rest for output in cell.get("outputs", ()))
    lost = (cell["metadata"].get("papermill", {}).get("exception") for cell in rest)  # whose report was lost
    return not any(errors) and not any(lost) and stopped_at(notebook, died=False) is None


def _may_fail(cell: dict[str, Any]) -> bool:
    return "raises-exception" in cell["metadata"].get("tags", ())


def last_words(log: Path) -> str:
    """The end of what the kernel process printed past Jupyter: a crash's trace, say."""
    return log.read_text(encoding="utf-8", errors="replace").strip()[-3000:] if log.exists() else ""
