"""Run a notebook with papermill, in a kernel process of its own.

A run ends in a `Result`, never in an exception: a cell that raises, a kernel that dies and a post that uses too much
are all told with the cell's file and line. Who runs many at a time: `executors.py`.

No clock on the wall ends a run (see `clock.py`), so papermill's own are set to for ever: a kernel on a busy machine may
take minutes to start, and seconds between a cell's reply and its last output.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from press.core.errors import Problem
from press.core.secrets import environment_secrets
from press.posts.clock import watching
from press.posts.kernel import state_of
from press.posts.outcome import last_words, problem_of, ran_through, stopped_at
from press.posts.post import INJECTED
from press.posts.usage import Limits

WIDGET = "application/vnd.jupyter.widget-view+json"
FOR_EVER = 10**9  # seconds
PATIENCE = 120  # seconds for a scheduler's answer, or for the system to bury a killed kernel
KEEP = {"HF_TOKEN"}  # a post may need it to fetch a checkpoint; outputs are scanned for it


@dataclass(frozen=True)
class Task:
    """What a worker needs to run one post. Plain data: it travels to other processes and machines.

    Args:
        folder: in which the kernel works, relative to the root.
        limits: seconds of processor time, and seconds of idleness, that end it.
        warm: sockets of warm processes of which one is to fork the kernel, the best one first.
    """

    slug: str
    file: str
    notebook: str
    parameters: dict[str, Any]
    root: str
    folder: str
    limits: tuple[float, float]
    threads: int
    gpu: bool = False
    warm: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Args:
        notebook: the notebook as far as it got, as JSON.
        reads: files below the root that it opened for reading, relative to the root.
        writes: those that it opened for writing.
        changed: those that were changed after it had read them, and not by itself.
        processor: seconds of processor time that its kernel used.
        problem: None when every cell ran.
        cell: the cell that it stopped in, such as "code-2"; "" if it ran through or no cell is known.
    """

    slug: str
    notebook: dict[str, Any] = field(repr=False)
    reads: tuple[str, ...]
    seconds: float
    problem: Problem | None
    cell: str = ""
    writes: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    processor: float = 0.0


def run_notebook(task: Task) -> Result:
    """Execute one notebook with papermill. Runs in a worker; safe in a thread."""
    import papermill

    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="press-", ignore_cleanup_errors=True) as folder:
        source, target, log = (Path(folder) / name for name in ("in.ipynb", "out.ipynb", "reads"))
        source.write_text(task.notebook, encoding="utf-8")
        manager = _kernel_manager(task, log, folder)
        error: Exception | None = None
        watched = watching(lambda: _pid(manager), Limits(*task.limits), lambda: _kill(manager))
        try:
            with watched as usage:
                papermill.execute_notebook(
                    source,
                    target,
                    parameters=task.parameters,
                    kernel_name="python3",
                    language="python",
                    progress_bar=False,
                    start_timeout=FOR_EVER,
                    iopub_timeout=FOR_EVER,
                    km=manager,
                    resources={"metadata": {"path": str(Path(task.root, task.folder))}},
                )
        except Exception as caught:  # papermill, nbclient and the kernel raise many kinds; each becomes a Problem
            error = caught
        finally:
            _kill(manager)
            manager.context.destroy(linger=0)
        notebook = json.loads((target if target.exists() else source).read_text(encoding="utf-8"))
        reads, writes = _opened(log, task.root, "r"), _opened(log, task.root, "w")
        changed = [name for name, state in reads.items() if state_of(str(Path(task.root, name))) != state]
        words = last_words(Path(folder) / "log")
    if error is not None and getattr(manager.provisioner, "abandoned", False):
        return run_notebook(replace(task, warm=()))
    if error is not None and type(error).__name__ == "PapermillExecutionError" and ran_through(notebook):
        error = None  # papermill counts exceptions that are part of the page
    stopped = stopped_at(notebook, died=error is not None)
    clean(notebook)
    seconds = time.monotonic() - start
    problem, cell = problem_of(task.file, notebook, stopped, error, usage, words)
    changed = tuple(name for name in changed if name not in writes)
    return Result(task.slug, notebook, tuple(reads), seconds, problem, cell, tuple(writes), changed, usage.processor)


def environment(root: str, threads: int) -> dict[str, str]:
    """What kernels of a project have in their environment beyond the press's own, all of them alike.

    Args:
        threads: how many each may use.
    """
    lib = str(Path(root) / "lib")
    press_lib = str(Path(__file__).resolve().parents[2])
    more = [press_lib, os.environ.get("PYTHONPATH", "")]
    paths = [lib, *(path for path in more if path and path != lib and not path.endswith("-packages"))]
    hidden = {name: "" for name in environment_secrets() if name not in KEEP}
    numbers = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "MKL", "NUMEXPR")}
    # A thread that spins while it waits for another uses processor time, on a busy machine many times what the work
    # takes. OpenMP's can be told to sleep; OpenBLAS's cannot.
    numbers |= {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_NUM_THREADS": "1"}
    fixed = {"PRESS_ROOT": root, "PYTHONHASHSEED": "0", "TQDM_DISABLE": "1"}
    return hidden | numbers | fixed | {"PYTHONPATH": os.pathsep.join(paths)}


def _kernel_manager(task: Task, log: Path, folder: str):
    """A manager that starts `press.posts.kernel` with this post's environment, whatever kernels are installed."""
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from zmq.asyncio import Context

    from press.posts.forked import provisioner

    own = {"PRESS_WATCH": str(log), "PRESS_LOG": str(Path(folder) / "log"), "IPYTHONDIR": str(Path(folder) / "ipython")}
    env = environment(task.root, task.threads) | own
    # -P: a file beside the post that is called random.py, say, is not what the kernel itself imports.
    argv = [sys.executable, "-P", "-m", "press.posts.kernel", "-f", "{connection_file}"]
    how = provisioner(task.warm, task.limits[1]) if task.warm else {}

    class OneKernel(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(argv=argv, env=env, display_name="Python 3", language="python", metadata=how)

    # Sockets in the run's own folder: no port is opened, and nobody else can read the traffic.
    context = Context()
    context.rcvhwm = 0  # the kernel's messages wait here, however many, until papermill gets to run: see kernel.py
    return AsyncKernelManager(
        context=context,
        kernel_name="python3",
        kernel_spec_manager=OneKernel(),
        transport="ipc",
        ip=str(Path(folder) / "socket"),
        connection_file=str(Path(folder) / "kernel.json"),
    )


def _pid(manager) -> int | None:
    return getattr(manager.provisioner, "pid", None) if manager.provisioner else None


def _kill(manager) -> None:
    """End the kernel and its process group, which it leads."""
    if pid := _pid(manager):
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(AttributeError, subprocess.TimeoutExpired):
            manager.provisioner.process.wait(PATIENCE)  # until it is, the killed process stays in the system's table
    with contextlib.suppress(Exception):
        manager.cleanup_connection_file()


def _opened(log: Path, root: str, kind: str) -> dict[str, str]:
    """The files that the kernel noted to have been opened in this way and that are still there, with their states then;
    relative to the root, but for those that links lead to elsewhere."""
    base = os.path.join(os.path.realpath(root), "")
    lines = log.read_bytes().decode("utf-8", "surrogateescape").split("\0") if log.exists() else []
    noted = [line[1:].partition(" ") for line in lines if line[:1] == kind]
    found = {os.path.realpath(path).removeprefix(base): state for state, _, path in noted if os.path.isfile(path)}
    return dict(sorted(found.items()))


def clean(notebook: dict[str, Any]) -> None:
    """Remove what differs from run to run without meaning: papermill's times and paths, random ids."""
    notebook["metadata"].pop("papermill", None)
    shown = (output.get("data") or {} for cell in notebook["cells"] for output in cell.get("outputs", ()))
    if not any(WIDGET in data for data in shown):
        notebook["metadata"].pop("widgets", None)
    for cell in notebook["cells"]:
        for name in ("papermill", "execution"):
            cell["metadata"].pop(name, None)
        if INJECTED in cell["metadata"].get("tags", []):
            cell["id"] = INJECTED
        for output in cell.get("outputs", []):
            output.pop("metadata", None) if output.get("metadata") == {} and output["output_type"] == "stream" else None
