"""Writing that survives `kill -9`: temp file or folder first, then one atomic rename."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
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


def create(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, whole or not at all.

    Raises:
        FileExistsError: there is something under this name, be it a link that leads nowhere.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    write_atomic(temporary, data)
    try:
        move_new(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def move_new(source: Path, target: Path) -> None:
    """Give a file a name that nothing has; unlike a rename it never replaces what is there.

    Raises:
        FileExistsError: there is something under this name.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        os.replace(source, target)
    else:
        os.unlink(source)


def exchange(a: Path, b: Path) -> bool:
    """Let two files or folders change names in one step. Returns False, and does nothing, where that is impossible."""
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
def locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold an exclusive lock; the system releases it when the process ends, however it ends.

    Args:
        wait: until whoever holds it is done, instead of giving up.

    Raises:
        PressError: another process holds it (the message gives its process id), or the file is not a lock of ours.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    name = f"{path.parent.name}/{path.name}"
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise fail(name, 0, f"cannot be used as the press's lock: {error.strerror}. Move it away") from None
    with os.fdopen(handle, "r+b") as stream:
        if stream.read(32).strip(b"0123456789"):
            raise fail(name, 0, "the press did not make this file, but needs a file of this name. Move it away")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError:
            stream.seek(0)
            holder = stream.read().decode() or "?"
            raise fail("", 0, f"another `press` (process {holder}) is already running here. Wait for it") from None
        stream.seek(0)
        stream.truncate()
        stream.write(str(os.getpid()).encode())
        stream.flush()
        yield
