"""The kernel that executes posts: ipykernel, watched.

`python -m press.posts.kernel` notes in the file that `PRESS_WATCH` names every file below the project root that the
notebook opens: "r" or "w", its state, its path. After the run the press compares that with what the key was made of: a
module or data file that was read but is not in the key becomes part of it, or makes the run an error, so that a wrong
"up to date" cannot arise.
(Not seen: files that a subprocess, or a library in another language, opens by itself.)
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import warnings
from collections.abc import Callable
from importlib.util import source_from_cache
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
EVENTS = {"open": "", "sqlite3.connect": "r", "os.rename": "w"}  # and what they do with a file, where that is known


def state_of(path: str) -> str:
    """What tells whether a file was changed or replaced; "" if there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return ""
    return f"{found.st_ino}.{found.st_size}.{found.st_mtime_ns}"


def watch_opens(root: str, log: str) -> None:
    """Install an audit hook that appends each file below `root` that is opened to the file `log`, once for reading and
    once for writing; what the notebook itself wrote before it read it is not an input."""
    root = os.path.join(os.path.realpath(root), "")
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    seen: set[tuple[str, str]] = set()

    def hook(event: str, args: tuple) -> None:
        if event not in EVENTS:
            return
        try:
            kinds = EVENTS[event] or _kinds(*args[1:3])
            path = os.path.abspath(os.fsdecode(args[1 if event == "os.rename" else 0]))
            if not path.startswith(root):
                return
            if path.endswith(".pyc"):
                with contextlib.suppress(ValueError):
                    path = source_from_cache(path)
            for kind in kinds:
                if not {(kind, path), ("w", path)} & seen:
                    seen.add((kind, path))
                    os.write(handle, f"{kind}{state_of(path)} {path}\0".encode("utf-8", "surrogateescape"))
        except (ValueError, OSError, TypeError):
            return  # a number of an open file, for one

    sys.addaudithook(hook)


def _kinds(mode: str | None, flags: int | None) -> str:
    if mode is None:
        flags = flags or 0
        both = flags & os.O_RDWR and not flags & (os.O_CREAT | os.O_TRUNC)
        return "rw" if both else "w" if flags & WRITING else "r"
    return "w" if any(c in mode for c in "wax") else "rw" if "+" in mode else "r"


def find_beside() -> None:
    """Have modules beside the notebook found, where Jupyter has its folder: after Python's own modules, before what is
    installed."""
    if "" not in sys.path:
        installed = (index for index, folder in enumerate(sys.path) if folder.endswith("-packages"))
        sys.path.insert(next(installed, len(sys.path)), "")


def quieten() -> None:
    """Ignore tqdm's warning where no widgets are installed: it would stand on the page, with a path of this machine."""
    warnings.filterwarnings("ignore", message="IProgress not found")


def main(ready: Callable[[], None] = lambda: None, **options: Any) -> None:
    """Entry point of the kernel process.

    Args:
        ready: called when all is set up, before the first cell.
        options: of `IPKernelApp`.
    """
    log, root = os.environ.pop("PRESS_WATCH", ""), os.environ.pop("PRESS_ROOT", "")
    if console := os.environ.pop("PRESS_LOG", ""):
        handle = os.open(console, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        faulthandler.enable()
    if log:
        watch_opens(root, log)
    from ipykernel.kernelapp import IPKernelApp

    find_beside()

    class PatientKernel(IPKernelApp):
        """One whose outputs wait for a reader that is slow; ZeroMQ would drop what exceeds a thousand messages."""

        def init_iopub(self, context) -> None:
            context.sndhwm = 0
            super().init_iopub(context)

        def initialize(self, argv=None) -> None:
            super().initialize(argv)
            ready()

    quieten()
    PatientKernel.launch_instance(**options)


if __name__ == "__main__":
    main()
