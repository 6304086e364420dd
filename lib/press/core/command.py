"""Run another program with a limit on the processor time that it may use, and none on the wall."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

LOOK = 5.0  # seconds between two looks


class OverLimit(Exception):
    """The program used more processor time than it may, and was ended."""


def run_within(
    command: Sequence[str], seconds: float, *, text: str = "", env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What the program printed, and its exit status; both decoded as UTF-8.

    Args:
        seconds: of processor time, of the program's own process.
        text: what it reads from standard input.

    Raises:
        OverLimit: it used more.
    """
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=env) as process:
        given: bytes | None = text.encode()
        try:
            while True:
                try:
                    out, err = process.communicate(given, timeout=LOOK)
                    break
                except subprocess.TimeoutExpired:
                    given = None  # it has been handed over
                    if _used(process.pid) > seconds:
                        raise OverLimit(f"it used over {seconds:.0f} s of processor time") from None
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(
        command, process.returncode, out.decode(errors="replace"), err.decode(errors="replace")
    )


def git(root: Path, *arguments: str) -> str:
    """What git prints about the project in this folder; "" if there is no git, no repository, or no answer."""
    try:
        done = run_within(["git", "-C", str(root), *arguments], 20)
    except (OSError, OverLimit):
        return ""
    return "" if done.returncode else done.stdout.strip()


def _used(pid: int) -> float:
    import psutil  # only the few programs that run for long come here

    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system
