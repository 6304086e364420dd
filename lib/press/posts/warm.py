"""The warm process: it imports once what many posts import, and forks their kernels.

`python -P -m press.posts.warm FILE` becomes a chain of processes, each forked from the one before it with one package
more. Each listens at a socket of its own, so that a post is forked from the one that holds only what the post's closure
names. What `importing.py` finds not to be clean is not held. All of them end when standard input does, whoever held its
other end, and take with them what they forked.

A forked kernel shows what a fresh one shows: it is set up by the same code, has the same environment, streams, argv and
working folder, leads a session of its own, and has drawn no random number. Where that cannot be had, it becomes a fresh
one.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

from press.posts import kernel
from press.posts.importing import Held, as_in_a_cell, import_ahead, places, put_back, set_aside, stream_of

# What differs between the kernels of one build; the last two are readline's, which sets them unseen by Python.
PER_RUN = ("PRESS_WATCH", "PRESS_LOG", "IPYTHONDIR", "JPY_PARENT_PID", "LINES", "COLUMNS")
SETTINGS = ("matplotlibrc", ".numba_config.yaml")  # what packages read in the working folder as they are imported
REQUEST = 1 << 20  # bytes, at most


def main() -> None:
    """Entry point: FILE has, for each level, the number of its listening socket, and the names to import there."""
    with open(sys.argv[1], encoding="utf-8") as stream:
        levels = [(socket.socket(fileno=number), names) for number, names in json.load(stream)]
    output = os.memfd_create("output")
    os.dup2(output, 1)
    os.dup2(output, 2)
    held = as_in_a_cell()
    try:
        request = _serve(_import_levels(levels, held, output))
        _become(request, held)
    except BaseException:
        os._exit(1)  # whatever it is, a copy of this process does not go on as another
    kernel.main(lambda: put_back(held), outstream_class=f"{stream_of.__module__}.{stream_of.__name__}")


def _import_levels(levels: list[tuple[socket.socket, list[str]]], held: Held, output: int) -> socket.socket | None:
    """Fork a process for each level in turn. Returns, in each, the socket that is its own; None in the first."""
    mine = None
    for depth, (listener, names) in enumerate(levels, start=1):
        told, tell = os.pipe()
        if os.fork():
            os.close(tell)
            if 0 in select.select([0, told], [], [])[0]:
                os.killpg(0, signal.SIGKILL)  # that of all levels: this import may never end
            clean = os.read(told, 1)
            os.close(told)
            listener.close()
            if clean:  # the other levels are forked from that one
                for other, _ in levels[depth:]:
                    other.close()
                break
            os.wait()
            continue
        if mine:
            mine.close()
        os.close(told)
        if not import_ahead(names, held) or os.fstat(output).st_size:
            os._exit(1)
        os.write(tell, b"1")
        os.close(tell)
        mine = listener
    return mine


def _serve(listener: socket.socket | None) -> dict[str, Any]:
    """Fork a kernel for each request. Returns the request, in the kernel's process, and never in this one."""
    polled = select.poll()
    polled.register(0, select.POLLIN)
    if listener:
        polled.register(listener, select.POLLIN)
    kernels: dict[int, tuple[int, socket.socket]] = {}  # pidfd of a kernel -> its pid, and who asked for it
    while True:
        number = polled.poll()[0][0]  # one at a time: a number is used again once it is closed
        if number == 0:
            _end(pid for pid, _ in kernels.values())
        elif listener and number == listener.fileno():
            asking = listener.accept()[0]
            request = json.loads(asking.recv(REQUEST) or "null")
            pid = os.fork() if request else None
            if pid == 0:
                _leave(request, asking, [listener, *(other for _, other in kernels.values())])
                return request
            if pid:
                kernels[ended := os.pidfd_open(pid)] = pid, asking
                polled.register(ended, select.POLLIN)
                polled.register(asking, 0)  # to be told when the other end closes
        elif number in kernels:
            pid, asking = kernels.pop(number)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            with contextlib.suppress(OSError):
                asking.send(f"ended {status}".encode())
            polled.unregister(number)
            os.close(number)
            with contextlib.suppress(KeyError):
                polled.unregister(asking)
            asking.close()
        else:
            polled.unregister(number)
            _kill(pid for pid, asking in kernels.values() if asking.fileno() == number)


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)


def _end(pids: Iterable[int]) -> NoReturn:
    """End this process once the kernels and the processes of the deeper levels, which see the same, have ended."""
    _kill(pids)
    with contextlib.suppress(ChildProcessError):
        while True:
            os.wait()
    os._exit(0)


def _leave(request: dict[str, Any], asking: socket.socket, others: list[socket.socket]) -> None:
    """Cut what ties a kernel's new process to the warm one, and tell its number."""
    os.setsid()
    os.chdir(request["cwd"])
    asking.send(f"kernel {os.getpid()}".encode())
    for other in (asking, *others):
        other.close()
    reading, _ = os.pipe()
    os.dup2(reading, 0)  # standard input: nobody will write
    os.closerange(3, 1 + max(map(int, os.listdir("/proc/self/fd"))))


def _become(request: dict[str, Any], held: Held) -> None:
    """Make this process what a kernel is when it has been started by the request's command."""
    command, environment = request["command"], request["environment"] | {"JPY_PARENT_PID": str(os.getppid())}
    same = _lasting(environment) == _lasting(held.environment) and places() == held.places
    os.environ.clear()
    os.environ.update(environment)
    if not same or any(map(os.path.lexists, SETTINGS)):
        os.execve(command[0], command, environment)
    os.environ.update(held.added)
    sys.argv, sys.orig_argv = [kernel.__file__, *command[command.index(kernel.__name__) + 1 :]], command
    set_aside(held)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()  # else all kernels would draw the same; `random` does so by itself


def _lasting(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in PER_RUN}


if __name__ == "__main__":
    main()
