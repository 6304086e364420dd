"""Run notebooks with papermill, each in a kernel process of its own, many at a time.

`execute_all` hands `run_notebook` to any `concurrent.futures.Executor`: local processes by default, a Dask cluster by
address. A run ends in a `Result`, never in an exception: a cell that raises, a kernel that dies and a post that takes
too long are all told with the cell's file and line.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from press.core.errors import Problem, fail
from press.core.secrets import environment_secrets

ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
KEEP = {"HF_TOKEN"}  # a post may need it to fetch a checkpoint; outputs are scanned for it


@dataclass(frozen=True)
class Task:
    """What a worker needs to run one post. Plain data: it travels to other processes and machines."""

    slug: str
    file: str
    notebook: str
    parameters: dict[str, Any]
    root: str
    timeout: float
    threads: int
    gpu: bool = False


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Args:
        notebook: the notebook as far as it got, as JSON.
        reads: files below the root that it opened for reading, relative to the root.
        problem: None when every cell ran.
    """

    slug: str
    notebook: dict[str, Any] = field(repr=False)
    reads: tuple[str, ...]
    seconds: float
    problem: Problem | None


def run_notebook(task: Task) -> Result:
    """Execute one notebook with papermill. Runs in a worker; safe in a thread."""
    import papermill

    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="press-", ignore_cleanup_errors=True) as folder:
        source, target, log = (Path(folder) / name for name in ("in.ipynb", "out.ipynb", "reads"))
        source.write_text(task.notebook, encoding="utf-8")
        manager = _kernel_manager(task, log, folder)
        timed_out = threading.Event()
        timer = threading.Timer(task.timeout, lambda: (timed_out.set(), _kill(manager)))
        timer.daemon = True
        timer.start()
        error: Exception | None = None
        try:
            papermill.execute_notebook(
                source,
                target,
                parameters=task.parameters,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                start_timeout=120,
                km=manager,
                resources={"metadata": {"path": str(Path(task.root, task.file).parent)}},
            )
        except Exception as caught:  # papermill, nbclient and the kernel raise many kinds; each becomes a Problem
            error = caught
        finally:
            timer.cancel()
            _kill(manager)
        notebook = json.loads((target if target.exists() else source).read_text(encoding="utf-8"))
        reads = _reads(log, task.root)
        last_words = _last_words(Path(folder) / "log")
    stopped = _stopped_at(notebook, died=error is not None)
    clean(notebook)
    seconds = time.monotonic() - start
    return Result(
        task.slug, notebook, reads, seconds, _problem(task, notebook, stopped, error, timed_out.is_set(), last_words)
    )


def _kernel_manager(task: Task, log: Path, folder: str):
    """A manager that starts `press.posts.kernel` with this post's environment, whatever kernels are installed."""
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    lib = str(Path(task.root) / "lib")
    press_lib = str(Path(__file__).resolve().parents[2])
    paths = [lib, *(p for p in [press_lib, os.environ.get("PYTHONPATH", "")] if p and p != lib)]
    hidden = {name: "" for name in environment_secrets() if name not in KEEP}
    threads = {f"{name}_NUM_THREADS": str(task.threads) for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")}
    env = hidden | threads
    env |= {"PRESS_WATCH": str(log), "PRESS_ROOT": task.root, "PYTHONPATH": os.pathsep.join(paths)}
    env |= {"PRESS_LOG": str(Path(folder) / "log")}
    env |= {"IPYTHONDIR": str(Path(folder) / "ipython"), "PYTHONHASHSEED": "0", "TQDM_DISABLE": "1"}
    argv = [sys.executable, "-m", "press.posts.kernel", "-f", "{connection_file}"]

    class OneKernel(KernelSpecManager):
        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(argv=argv, env=env, display_name="Python 3", language="python")

    # Sockets in the run's own folder: no port is opened, and nobody else can read the traffic.
    return AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=OneKernel(),
        transport="ipc",
        ip=str(Path(folder) / "socket"),
        connection_file=str(Path(folder) / "kernel.json"),
    )


def _kill(manager) -> None:
    """End the kernel and everything that it started: it leads a process group of its own."""
    pid = getattr(manager.provisioner, "pid", None) if manager.provisioner else None
    if pid:
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(Exception):
        manager.cleanup_connection_file()


def _reads(log: Path, root: str) -> tuple[str, ...]:
    base = os.path.join(os.path.realpath(root), "")
    if not log.exists():
        return ()
    paths = log.read_bytes().decode("utf-8", "surrogateescape").splitlines()
    return tuple(sorted({os.path.realpath(p).removeprefix(base) for p in paths if os.path.isfile(p)}))


def _stopped_at(notebook: dict[str, Any], died: bool) -> dict[str, Any] | None:
    """The cell at which a run ended early; None when all cells ran.

    When the kernel died that is the last cell that papermill noted the start of.
    """
    cells = [c for c in notebook["cells"] if c["cell_type"] == "code" and "".join(c["source"]).strip()]
    if died:
        started = [cell for cell in cells if cell["metadata"].get("papermill", {}).get("start_time")]
        return (started or cells[:1] or [None])[-1]
    return next((cell for cell in cells if cell["execution_count"] is None), None)


def _last_words(log: Path) -> str:
    """The end of what the kernel process printed past Jupyter: a crash's trace, say."""
    text = log.read_text(encoding="utf-8", errors="replace").strip() if log.exists() else ""
    return "\n" + _indent(text[-3000:]) if text else ""


def clean(notebook: dict[str, Any]) -> None:
    """Remove what differs from run to run without meaning: papermill's times and paths, random ids."""
    notebook["metadata"].pop("papermill", None)
    notebook["metadata"].pop("widgets", None)
    for cell in notebook["cells"]:
        for name in ("papermill", "execution"):
            cell["metadata"].pop(name, None)
        if "injected-parameters" in cell["metadata"].get("tags", []):
            cell["id"] = "injected-parameters"
        for output in cell.get("outputs", []):
            output.pop("metadata", None) if output.get("metadata") == {} and output["output_type"] == "stream" else None


def _problem(
    task: Task,
    notebook: dict[str, Any],
    stopped: dict[str, Any] | None,
    error: Exception | None,
    timed_out: bool,
    last_words: str,
) -> Problem | None:
    codes = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for cell in codes:
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                return _cell_problem(task, cell, output)
    press = stopped["metadata"].get("press", {}) if stopped else {}
    place = (press.get("file", task.file), press.get("line", 0))
    if timed_out:
        return Problem(
            *place, f"timed out: the post ran for over {task.timeout:g} s. Raise timeout: in its front matter"
        )
    if error is not None:
        name = type(error).__name__
        if name == "DeadKernelError":
            return Problem(
                *place, "the kernel died while this cell ran (killed, out of memory, or a crash in native code)"
            )
        return Problem(*place, f"{name}: {str(error).strip() or 'no message'}{last_words}")
    if stopped is not None:  # papermill takes SystemExit(0) for success
        return Problem(*place, "this cell never ran: the notebook stopped early")
    return None


def _cell_problem(task: Task, cell: dict[str, Any], output: dict[str, Any]) -> Problem:
    trace = ANSI.sub("", "\n".join(output.get("traceback", [])))
    place = cell["metadata"].get("press", {"file": task.file, "line": 0})
    line = place["line"]
    found = re.search(rf"Cell In\[{cell['execution_count']}\], line (\d+)", trace) or re.search(
        r"^\s*File .*, line (\d+)", trace
    )
    if found and line:
        line += int(found[1]) - 1
    title = f"{cell['id']} raised {output['ename']}: {ANSI.sub('', output['evalue'])}"
    return Problem(place["file"], line, f"{title}\n{_indent(trace)}")


def _indent(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())


def execute_all(
    tasks: list[Task],
    executor: concurrent.futures.Executor,
    on_start: Callable[[str], None],
    on_tick: Callable[[], None],
) -> Iterator[Result]:
    """Results in the order in which they come. Tasks on the GPU run one at a time, beside those that need none.

    Args:
        on_start: called with the slug when a task is handed to the executor.
        on_tick: called about once a second while nothing comes.
    """
    waiting = [task for task in tasks if task.gpu]
    pending: dict[concurrent.futures.Future, Task] = {}

    def submit(task: Task) -> None:
        pending[executor.submit(run_notebook, task)] = task
        on_start(task.slug)

    if waiting:
        submit(waiting.pop(0))
    for task in tasks:
        if not task.gpu:
            submit(task)
    while pending:
        done, _ = concurrent.futures.wait(pending, timeout=1.0, return_when=concurrent.futures.FIRST_COMPLETED)
        on_tick()
        for future in done:
            task = pending.pop(future)
            if task.gpu and waiting:
                submit(waiting.pop(0))
            yield _outcome(future, task)


def _outcome(future: concurrent.futures.Future, task: Task) -> Result:
    try:
        return future.result()
    except Exception as error:  # the worker itself died: BrokenProcessPool, a lost Dask worker
        message = f"the worker that ran this post died: {type(error).__name__}: {error}"
        return Result(task.slug, json.loads(task.notebook), (), 0.0, Problem(task.file, 0, message))


@contextlib.contextmanager
def open_executor(jobs: int, dask: str | None) -> Iterator[concurrent.futures.Executor]:
    """Local worker processes, or the Dask cluster at an address such as tcp://host:8786.

    Raises:
        PressError: Dask is not installed, or nothing answers at the address.
    """
    if dask is None:
        # Spawned, not forked: a worker starts clean, and ends by itself when the press is killed.
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(jobs, context, _die_with_parent, (os.getpid(),)) as executor:
            yield executor
        return
    try:
        from distributed import Client
    except ImportError:
        raise fail("", 0, "--dask needs Dask: pip install 'executable-papers[dask]'") from None
    try:
        client = Client(dask, timeout="10s")
    except (OSError, ValueError) as error:
        raise fail("", 0, f"no Dask scheduler at {dask!r}: {error}") from None
    with client, client.get_executor(pure=False, retries=0) as executor:
        yield executor


def _die_with_parent(parent: int) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
