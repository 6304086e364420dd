"""Who runs notebooks: local worker processes, or a Dask cluster by address; many at a time, as results come.

`execute_all` hands `run_notebook` to any `concurrent.futures.Executor`. A worker that dies is a `Result` too.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import multiprocessing
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator

from press.core.errors import Problem, fail
from press.posts.execute import PATIENCE, Result, Task, run_notebook


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
        from distributed.comm import get_address_host_port
    except ImportError:
        raise fail("", 0, "--dask needs Dask: pip install 'executable-papers[dask]'") from None
    try:
        # What listens there may be slow to answer on a busy machine; that nothing listens is known at once.
        host, port = get_address_host_port(dask)
        socket.create_connection((host, port), timeout=PATIENCE).close()
        client = Client(dask, timeout=PATIENCE)
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
