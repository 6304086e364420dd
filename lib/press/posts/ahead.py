"""Which packages posts share, and the warm process that imports them ahead of time: see `warm.py`.

Packages are shared if the closures of two or more of the posts name them. They stand in one row, the most used first; a
post gets as much of the beginning of the row as it names itself, and is forked from the process that has imported just
that. Each package comes with what the closures take from it, as many load their parts only on demand.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from ast import parse
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from press.posts.closure import Library, closure
from press.posts.post import Post
from press.posts.used import dotted, imports_in


def levels_of(posts: Sequence[Post], library: Library) -> tuple[list[list[str]], list[int]]:
    """For each level, the names to import; and for each post, how many levels it may have."""
    closures = [closure(post, library) for post in posts]
    counted = Counter(name for _, external in closures for name in external)
    row = sorted((name for name in counted if counted[name] > 1), key=lambda name: (-counted[name], name))
    depths = [next((n for n, name in enumerate(row) if name not in external), len(row)) for _, external in closures]
    row = row[: sorted([0, 0, *depths])[-2]]  # what lies deeper, one post alone would have
    if not row:
        return [], depths
    names = set().union(*(post.uses.modules for post in posts))
    texts = ["\n".join(cell.code for cell in post.cells) for post in posts]
    for path in {path for modules, _ in closures for path in modules.values()}:
        texts.append(path.read_text(encoding="utf-8"))
        with contextlib.suppress(SyntaxError):  # told by the posts that import it
            names |= dotted(imports_in(parse(texts[-1]), path))
    written = re.compile(rf"\b(?:{'|'.join(row)})(?:\.[A-Za-z_]\w*)+")
    names |= {name for text in texts for name in written.findall(text)}
    levels = [[top, *sorted(name for name in names if name.startswith(f"{top}."))] for top in row]
    return levels, [min(depth, len(row)) for depth in depths]


@contextlib.contextmanager
def warm(posts: Sequence[Post], library: Library, environment: dict[str, str]) -> Iterator[dict[str, tuple[str, ...]]]:
    """Slug -> the sockets at which a kernel for the post can be asked for, the best one first; {} where posts share
    nothing, or where forking is not possible.

    Args:
        environment: of the kernels, apart from what is each one's own.
    """
    levels, depths = levels_of(posts, library)
    paths = environment.get("PYTHONPATH", "").split(os.pathsep)
    if not levels or not hasattr(os, "pidfd_open") or not all(map(os.path.isabs, filter(None, paths))):
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="press-", ignore_cleanup_errors=True) as folder:
        sockets = [f"{folder}/{depth}" for depth in range(len(levels))]
        try:
            process = _start(folder, list(zip(sockets, levels, strict=True)), environment)
        except OSError:  # no memory, or a path too long for a socket
            yield {}
            return
        try:
            yield {post.slug: tuple(sockets[:depth][::-1]) for post, depth in zip(posts, depths, strict=True)}
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # all levels; their kernels have ended with the posts
            process.wait()
            process.stdin.close()


def _start(folder: str, levels: list[tuple[str, list[str]]], environment: dict[str, str]) -> subprocess.Popen:
    """The warm process, with an open standard input, by whose end it knows that of the press. It listens already."""
    with contextlib.ExitStack() as stack:
        numbers = []
        for address, _ in levels:
            listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            listener.bind(address)
            listener.listen(128)
            numbers.append(listener.fileno())
        place = Path(folder, "levels.json")
        place.write_text(json.dumps([[number, names] for number, (_, names) in zip(numbers, levels, strict=True)]))
        # A session of its own, as kernels have: an interrupt from the keyboard is for the press, which then ends it.
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "press.posts.warm", place],
            stdin=subprocess.PIPE,
            cwd=folder,
            env=environment,
            pass_fds=numbers,
            start_new_session=True,
        )
