"""The kernel that executes posts: ipykernel, watched.

`python -m press.posts.kernel` notes every file below the project root that the notebook opens for reading, one path a
line, in the file that `PRESS_WATCH` names. After the run the press compares that with what the key was made of: a
module or data file that was read but is not in the key makes the run an error, so that a wrong "up to date" cannot
arise.
(Not seen: files that a subprocess, or a library in another language, opens by itself.)
"""

from __future__ import annotations

import faulthandler
import os
import sys
import warnings

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def watch_reads(root: str, log: str) -> None:
    """Install an audit hook that appends each path opened for reading below `root` to the file `log`, once."""
    root = os.path.join(os.path.realpath(root), "")
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    seen: set[str] = set()  # what was read, and what the notebook itself wrote: that is no input

    def hook(event: str, args: tuple) -> None:
        if event != "open" or not isinstance(args[0], (str, bytes, os.PathLike)):
            return
        try:
            path = os.path.abspath(os.fsdecode(args[0]))
            mode, flags = args[1], args[2]
            writing = any(c in mode for c in "wax") if isinstance(mode, str) else bool((flags or 0) & WRITING)
            if not path.startswith(root) or path in seen:
                return
            seen.add(path)
            if not writing:
                os.write(handle, path.encode("utf-8", "surrogateescape") + b"\n")
        except (ValueError, OSError, TypeError):
            return

    sys.addaudithook(hook)


def main() -> None:
    """Entry point of the kernel process."""
    log, root = os.environ.pop("PRESS_WATCH", ""), os.environ.pop("PRESS_ROOT", "")
    if console := os.environ.pop("PRESS_LOG", ""):
        handle = os.open(console, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        faulthandler.enable()
    if log:
        watch_reads(root, log)
    from ipykernel.kernelapp import IPKernelApp

    class PatientKernel(IPKernelApp):
        """One whose outputs wait for a reader that is slow; ZeroMQ would drop what exceeds a thousand messages."""

        def init_iopub(self, context) -> None:
            context.sndhwm = 0
            super().init_iopub(context)

    # tqdm's, where no widgets are installed: it would stand on the page, with a path of this machine
    warnings.filterwarnings("ignore", message="IProgress not found")
    PatientKernel.launch_instance()


if __name__ == "__main__":
    main()
