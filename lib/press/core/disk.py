"""Writing that survives `kill -9`: temp file or folder first, then one atomic rename."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from press.core.errors import fail

RENAME_EXCHANGE = 2
AT_FDCWD = -100


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, whole, whatever happens meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_if_changed(path: Path, data: bytes) -> bool:
    """`write_atomic`, unless the file already holds these bytes. Returns whether it wrote."""
    with contextlib.suppress(OSError):
        if path.read_bytes() == data:
            return False
    write_atomic(path, data)
    return True


def swap_folders(new: Path, old: Path) -> None:
    """Put the folder `new` in the place of `old` and remove what was there.

    On Linux one system call exchanges the two, so that `old` is at every moment a whole folder. Elsewhere there are two
    renames, between which `old` is absent but never half-written; `recover` mends that at the next start.
    """
    if not old.exists():
        os.replace(new, old)
        return
    if not _exchange(new, old):
        aside = new.with_name(new.name + ".old")
        shutil.rmtree(aside, ignore_errors=True)
        os.replace(old, aside)
        os.replace(new, old)
        os.replace(aside, new)
    shutil.rmtree(new, ignore_errors=True)


def recover(new: Path, old: Path) -> None:
    """After a kill between the two renames of `swap_folders`: put the previous folder back."""
    aside = new.with_name(new.name + ".old")
    if aside.exists() and not old.exists():
        os.replace(aside, old)


def _exchange(a: Path, b: Path) -> bool:
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    if libc.renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE) == 0:
        return True
    if ctypes.get_errno() in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(a))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock for one build; the system releases it when the process ends, however it ends.

    Raises:
        PressError: another process holds it; the message gives its process id.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            stream.seek(0)
            raise fail(
                "", 0, f"another press (process {stream.read().strip() or '?'}) is at work here. Wait for it"
            ) from None
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        yield
