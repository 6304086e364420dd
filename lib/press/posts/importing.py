"""Imports made ahead of a cell, under the conditions of a cell, and whether they left traces that a post would notice.

A package sees the streams, the shell, the environment and the filters of warnings that it would see in a kernel. What
warns, prints, raises, starts a thread, opens a file, touches a GPU or changes the process in another way is found,
and so is code that lies elsewhere than where packages are installed.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any, NoReturn

import IPython
from ipykernel.iostream import OutStream
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.interactiveshell import InteractiveShell

from press.posts import kernel
from press.posts.installed import installations

# Packages keep them, in handlers of logs say, until a kernel sets them up. Before that, writing to one raises.
STREAMS = {name: OutStream.__new__(OutStream) for name in ("stdout", "stderr")}


@dataclass
class Held:
    """What this process was started with, and what the imports made of it.

    Args:
        environment: as it was started with.
        added: what imports set in the environment.
        filters: of warnings, set by imports.
        handlers: of logs, that imports made.
        places: top-level module -> where it is found.
    """

    environment: dict[str, str]
    added: dict[str, str] = field(default_factory=dict)
    filters: list[Any] = field(default_factory=list)
    handlers: list[Any] = field(default_factory=list)
    places: dict[str, str | None] = field(default_factory=dict)


def as_in_a_cell() -> Held:
    """Make this process look as a kernel does while it runs a cell."""
    held = Held(dict(os.environ))
    for name, stream in STREAMS.items():
        stream._isatty = False
        setattr(sys, name, stream)
    ZMQInteractiveShell.init_environment(None)
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    kernel.find_beside()
    sys.argv = [kernel.__file__]
    sys.modules["__main__"] = ModuleType("__main__")
    return held


class _Shell:
    """For packages that look at the class of `get_ipython()`; what else they ask is noted."""

    asked = False

    @property
    def __class__(self) -> type:
        return ZMQInteractiveShell

    def __getattr__(self, name: str) -> NoReturn:
        _Shell.asked = True
        raise AttributeError(name)


_Shell.__name__ = ZMQInteractiveShell.__name__


@contextlib.contextmanager
def _shell() -> Iterator[None]:
    InteractiveShell._instance = _Shell()
    builtins.get_ipython = IPython.get_ipython
    try:
        yield
    finally:
        InteractiveShell._instance = None
        del builtins.get_ipython


def import_ahead(names: list[str], held: Held) -> bool:
    """Import these, with what they load lazily. Returns whether a post would find all as if it had done so itself."""
    before, modules = dict(os.environ), set(sys.modules)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        kernel.quieten()
        ours, state = warnings.filters[0], _state()
        with _shell():
            for name in names:
                _load(name)
        clean = state == _state() and not told and not _Shell.asked
        held.filters[:0] = warnings.filters[: warnings.filters.index(ours)]
    held.added |= {name: value for name, value in os.environ.items() if before.get(name) != value}
    held.places = places()
    return clean and before.keys() <= os.environ.keys() and all(map(_is_installed, set(sys.modules) - modules))


def _is_installed(name: str) -> bool:
    spec = getattr(sys.modules[name], "__spec__", None)
    if spec is None or not spec.has_location:
        return True  # made by a module that is
    return os.path.realpath(spec.origin).startswith(tuple(os.path.join(folder, "") for folder in installations()))


def _load(dotted: str) -> None:
    """Import a module, or what a module gives under this name; what is neither is skipped."""
    name, *parts = dotted.split(".")
    found = importlib.import_module(name)
    for part in parts:
        name = f"{name}.{part}"
        if not isinstance(found, ModuleType):
            return
        if not hasattr(found, part):
            try:
                importlib.import_module(name)
            except ModuleNotFoundError:
                return
        found = getattr(found, part, None)


def _state() -> tuple:
    """What an import should leave as it is: open files, threads, signals, hooks, streams, logging, paths."""
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    hooks = sys.excepthook, sys.displayhook, threading.excepthook, sys.stdout, sys.stderr, warnings.showwarning
    lists = list(sys.path), list(logging.root.handlers), list(sys.argv), os.getcwd()
    return sorted(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")), handlers, hooks, lists


def places() -> dict[str, str | None]:
    """Where each top-level module that is loaded would be found now."""
    specs = {name: PathFinder.find_spec(name) for name in sys.modules if "." not in name}
    return {name: spec.origin for name, spec in specs.items() if spec}


def stream_of(session: Any, thread: Any, name: str, **options: Any) -> OutStream:
    """What a kernel gets that asks for a new stream of this name."""
    STREAMS[name].__init__(session, thread, name, **options)
    return STREAMS[name]


def set_aside(held: Held) -> None:
    """Put away what a kernel would touch as it sets itself up, in the belief that no package has been imported yet."""
    held.handlers = logging._handlerList[:]  # all would be closed
    del logging._handlerList[:]
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__


def put_back(held: Held) -> None:
    """Have it again, as if packages were imported only now: their filters of warnings before those of the kernel."""
    logging._handlerList.extend(held.handlers)
    with warnings.catch_warnings():  # leaving it also tells modules that filters have changed
        pass
    again = [found for found in warnings.filters if found not in held.filters]
    warnings.filters[:] = held.filters + again
