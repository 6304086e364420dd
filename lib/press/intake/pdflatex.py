r"""What LaTeX itself prints: a paper's source run through pdflatex, fenced in, with a hook that notes each number.

Only pdflatex is run. It cannot start programs without \write18, and reads and writes only below its own folder;
lualatex's Lua can do more than that, and is not trusted with what strangers wrote.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from press.intake.auxfile import Printed, printed_in, read_aux

PROCESSOR = 60  # seconds of processor time for one pass
WALL = 600  # seconds after which a pass is ended whatever it does
MEMORY = 2 << 30
ONE_FILE = 32 << 20  # bytes of one file
ALL_FILES = 200 << 20  # bytes of all files together
PASSES = 2
POLL = 0.1
HOOK = r"""\makeatletter
\def\presseq#1#2#3#4{}\def\pressend{}\gdef\press@start{0}
\def\press@file{\ifx\CurrentFile\undefined\else\CurrentFilePath/\CurrentFile\fi}
\def\press@note#1{\begingroup\let\ref\relax\let\eqref\relax\let\cref\relax\let\autoref\relax\let\Hy@make@anchor\relax
\protected@edef\press@x{#1}\edef\press@f{\press@file}\edef\press@y{\noexpand\write\@auxout
{\string\presseq{\detokenize\expandafter{\press@x}}{\detokenize\expandafter{\press@f}}{\press@start}{\the\inputlineno}}}%
\press@y\endgroup}
\def\press@quiet#1#2{\begingroup\let\press@note\@gobble\press@eqref#1{#2}\endgroup}
\def\press@patch{%
  \everydisplay\expandafter{\the\everydisplay\xdef\press@start{\the\inputlineno}}%
  \let\press@eqnnum\@eqnnum
  \def\@eqnnum{\press@note{\theequation}\begingroup\let\press@note\@gobble\press@eqnnum\endgroup}%
  \ifx\maketag@@@\undefined\else\let\press@tag\maketag@@@
    \def\maketag@@@##1{\press@note{##1}\begingroup\let\press@note\@gobble\press@tag{##1}\endgroup}\fi
  \ifx\eqref\undefined\else\let\press@eqref\eqref
    \protected\def\eqref{\@ifstar{\press@quiet*}{\press@quiet{}}}\fi
  \ifx\theequationdis\undefined\else\let\press@dis\theequationdis
    \def\theequationdis{\press@note{\theequation}\press@dis}%
    \let\press@subdis\theIEEEsubequationdis
    \def\theIEEEsubequationdis{\press@note{\theIEEEsubequation}\press@subdis}\fi
}
\ifx\AddToHook\undefined\AtBeginDocument{\press@patch}\else\AddToHook{begindocument/end}{\press@patch}\fi
\AtEndDocument{\clearpage\immediate\write\@mainaux{\string\pressend}}
\makeatother
"""


def program() -> str:
    """The LaTeX that is installed; "" for none."""
    return shutil.which("pdflatex") or ""


def run_latex(files: dict[str, bytes], main: str, *, processor: int = PROCESSOR) -> tuple[list[Printed], str]:
    """Run LaTeX on a paper.

    Args:
        files: path in the archive -> content.
        main: the file to begin with.
        processor: seconds of processor time for each of its passes.

    Returns:
        What it printed, in order, and why that is not to be used; "" if it is.
    """
    latex = program()
    if not latex:
        return [], "pdflatex is not installed"
    with tempfile.TemporaryDirectory(prefix="press-latex-") as name:
        folder = Path(name)
        for path, data in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        (folder / "press-hook.tex").write_text(HOOK, encoding="ascii")
        job = re.sub(r"[^\w.-]", "_", Path(main).stem)
        command = [latex, "-no-shell-escape", "-interaction=nonstopmode", "-draftmode", "-no-mktex=tfm", "-no-mktex=pk"]
        command += [f"-jobname={job}", f"\\input{{press-hook}}\\input{{{main}}}"]
        for _ in range(PASSES):
            reason = _fenced(command, folder, processor)
            if reason:
                return [], f"pdflatex was stopped: {reason}"
        entries, ended = read_aux(folder, f"{job}.aux")
        found = printed_in(entries)
        return (found, "") if ended else (found, f"pdflatex did not reach the end of the document{_error(folder, job)}")


def _fenced(command: list[str], folder: Path, processor: int) -> str:
    """Run a program that may write below this folder only; why it was ended, "" if it ended by itself."""
    keep = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    fence = {"openin_any": "p", "openout_any": "p", "shell_escape": "f", "MKTEXTFM": "0", "MKTEXPK": "0"}
    places = dict.fromkeys(("HOME", "TEXMFHOME", "TEXMFVAR", "TEXMFCONFIG", "TMPDIR"), str(folder))
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=keep | fence | places,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: _limit(processor),
    )
    try:
        return _watch(process, folder)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _limit(processor: int) -> None:
    import resource

    limits = {"CPU": processor, "AS": MEMORY, "FSIZE": ONE_FILE, "NPROC": 0, "CORE": 0}
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value + (name == "CPU")))


def _watch(process: subprocess.Popen, folder: Path) -> str:
    start = time.monotonic()
    while True:
        try:
            code = process.wait(POLL)
        except subprocess.TimeoutExpired:
            if _size(folder) > ALL_FILES:
                return f"over {ALL_FILES >> 20} MiB of files"
            if time.monotonic() - start > WALL:
                return f"over {WALL} s"
            continue
        reasons = {signal.SIGXCPU: "too much processor time", signal.SIGXFSZ: f"a file of over {ONE_FILE >> 20} MiB"}
        return reasons.get(-code, f"signal {-code}") if code < 0 else ""


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size
    return total


def _error(folder: Path, job: str) -> str:
    log = folder / f"{job}.log"
    text = log.read_bytes()[-200_000:].decode("utf-8", "replace") if log.is_file() else ""
    found = [line for line in re.findall(r"^! (.*)", text, re.MULTILINE) if line not in ENDINGS]
    return f" ({found[-1][:120]})" if found else ""


ENDINGS = ("Emergency stop.", " ==> Fatal error occurred, no output PDF file produced!")
