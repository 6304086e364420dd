"""Read the LaTeX files of an e-print archive. Nothing is unpacked: what is kept stays in memory, the rest is passed."""

from __future__ import annotations

import io
import posixpath
import tarfile
import unicodedata
import zlib
from collections.abc import Iterator
from pathlib import Path

from press.core.errors import PressError, fail

TEXT = (".tex", ".ltx", ".latex", ".sty", ".cls", ".def", ".inc", ".txt", ".json", ".yaml")
TEXT += (".clo", ".cfg", ".fd", ".rtx", ".bbl", ".tikz", ".pgf")  # what LaTeX itself reads beside those
CHUNK = 1 << 16
HEADERS = 1 << 18  # bytes of headers that one entry may have
MAX_ENTRIES = 5_000
MAX_TOTAL = 600 << 20  # bytes of the unpacked archive, pictures included
MAX_FILE = 4 << 20  # bytes of one file that is kept
MAX_KEPT = 16 << 20  # bytes of all files that are kept
MAX_RATIO = 100  # unpacked to packed; counts once FREE bytes are out
FREE = 8 << 20
MAX_NAME = 500


class NoSource(PressError):
    """The paper has no LaTeX source: PDF or PostScript alone."""


def read_archive(path: Path, name: str) -> dict[str, bytes]:
    """The text files of a gzipped or plain tar archive, or the one file of a gzip.

    Args:
        path: the file as arXiv sends it.
        name: what to call it in messages.

    Returns:
        Path inside the archive, with forward slashes -> content. A single file is called `main.tex`.

    Raises:
        NoSource: a PDF or PostScript file.
        PressError: no archive, damaged, too large, or with entries that no paper needs.
    """
    packed = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(512)
        stream.seek(0)
        try:
            if start[:2] != b"\x1f\x8b":
                return _opened(io.BufferedReader(_Bounded(stream, packed, False, name), CHUNK), start, name)
            plain = io.BufferedReader(_Bounded(stream, packed, True, name), CHUNK)
            return _opened(plain, plain.peek(512)[:512], name)
        except PressError:
            raise
        except (EOFError, tarfile.TarError, zlib.error, OSError, ValueError, OverflowError, RecursionError) as error:
            reason = "it ends too early" if isinstance(error, EOFError) else str(error) or type(error).__name__
            raise fail(name, 0, f"the archive is damaged ({reason}). Try again later") from None


def _opened(stream: io.BufferedReader, start: bytes, name: str) -> dict[str, bytes]:
    if start.startswith((b"%PDF", b"%!PS")):
        kind = "PDF" if start.startswith(b"%PDF") else "PostScript"
        raise NoSource(
            fail(
                name, 0, f"arXiv has this paper as {kind} only, with no LaTeX source. Write its equations by hand"
            ).problems
        )
    if start.lstrip()[:1] == b"<":
        raise fail(name, 0, "the answer is a web page, not an archive. Is the source withdrawn? Try again later")
    if len(start) == 512 and (start[257:262] == b"ustar" or _is_old_tar(start)):
        return _read_tar(_Forward(stream), name)
    if b"\x00" in start or not start.strip():
        raise fail(name, 0, "neither a tar archive nor a LaTeX file. Look at it in the browser, or try again later")
    return {"main.tex": _whole(stream, "main.tex", name)}


def _is_old_tar(header: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _read_tar(stream: _Forward, name: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    seen: dict[str, str] = {}
    kept = 0
    for member in _members(stream, name):
        safe = _safe_name(member.name, name)
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            kind = "link" if member.islnk() or member.issym() else "special file"
            raise fail(name, 0, f"{_show(member.name)} is a {kind}; an archive with those is refused")
        if not safe.lower().endswith(TEXT):
            continue
        # Only among what is kept: Fig1.pdf beside fig1.pdf is common and does no harm here.
        folded = unicodedata.normalize("NFC", safe).casefold()
        if folded in seen:
            raise fail(name, 0, f"{_show(safe)} and {_show(seen[folded])} have the same name; which one counts?")
        seen[folded] = safe
        if member.size > MAX_FILE:
            raise _too_large(name, f"{_show(safe)} has {member.size} bytes, {MAX_FILE} are allowed")
        kept += member.size
        if kept > MAX_KEPT:
            raise _too_large(name, f"its LaTeX files have over {MAX_KEPT} bytes")
        files[safe] = stream.content(member)
    for path in files:
        if any(parent in seen for parent in _parents(unicodedata.normalize("NFC", path).casefold())):
            raise fail(name, 0, f"{_show(path)} lies in what is a file too")
    if not any(path.lower().endswith((".tex", ".ltx", ".latex", ".txt")) for path in files):
        raise NoSource(fail(name, 0, "the archive contains no LaTeX file. Write the equations by hand").problems)
    return files


def _members(stream: _Forward, name: str) -> Iterator[tarfile.TarInfo]:
    with tarfile.open(fileobj=stream, mode="r:", errorlevel=2) as archive:
        for count in range(1, MAX_ENTRIES + 2):
            member = archive.next()
            if member is None:
                if stream.last.strip(b"\0"):  # tarfile takes a broken header for the end
                    raise tarfile.TarError(f"entry {count} has a broken header")
                stream.finish()
                return
            yield member
            archive.members.clear()  # tarfile remembers each, and all global headers
            archive.pax_headers.clear()
            stream.budget = HEADERS
    raise _too_large(name, f"over {MAX_ENTRIES} entries")


def _safe_name(entry: str, name: str) -> str:
    """The normal form of an entry's path.

    Raises:
        PressError: it leads outside, or is no path at all.
    """
    bad = entry.startswith("/") or "\\" in entry or (entry[1:2] == ":" and entry[:1].isalpha())
    bad |= ".." in entry.split("/") or any(unicodedata.category(c) == "Cc" for c in entry)
    if bad or not entry or len(entry) > MAX_NAME:
        raise fail(name, 0, f"the entry {_show(entry)} does not have a safe name; the archive is refused")
    return posixpath.normpath(entry)


def _parents(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path


def _whole(stream: io.BufferedReader, entry: str, name: str) -> bytes:
    data = stream.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise _too_large(name, f"{entry} has over {MAX_FILE} bytes")
    return data


def _too_large(name: str, reason: str) -> PressError:
    return fail(name, 0, f"the archive is too large for a paper: {reason}. It is refused")


def _show(entry: str) -> str:
    text = entry.encode("utf-8", "backslashreplace").decode()
    return repr(text if len(text) <= 80 else text[:80] + "...")


class _Bounded(io.RawIOBase):
    """The plain bytes of a file, gzipped or not, as far as they stay within the limits."""

    def __init__(self, stream: io.BufferedReader, packed: int, zipped: bool, name: str):
        self.stream, self.packed, self.zipped, self.archive = stream, packed, zipped, name
        self.gunzip = zlib.decompressobj(31)
        self.waiting = b""
        self.out = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        data = self._gunzipped(len(buffer)) if self.zipped else self.stream.read(len(buffer))
        self.out += len(data)
        if self.out > MAX_TOTAL or (self.out > FREE and self.out > MAX_RATIO * self.packed):
            raise _too_large(self.archive, f"{self.packed} bytes unpack to over {self.out}")
        buffer[: len(data)] = data
        return len(data)

    def _gunzipped(self, size: int) -> bytes:
        while True:
            self.waiting = self.waiting or self.stream.read(CHUNK)
            if self.gunzip.eof:  # another gzip file may follow, or zeros that pad the end
                if not self.waiting:
                    return b""
                self.waiting = self.waiting.lstrip(b"\0")
                if not self.waiting:
                    continue
                self.gunzip = zlib.decompressobj(31)
            ended = not self.waiting
            data = self.gunzip.decompress(self.waiting, size)
            self.waiting = self.gunzip.unused_data if self.gunzip.eof else self.gunzip.unconsumed_tail
            if data:
                return data
            if ended and not self.gunzip.eof:
                raise EOFError


class _Forward:
    """What tarfile reads headers from. It goes forward only, and between two members gives a budget of bytes: a header
    that claims a gigabyte, or an endless chain of them, would otherwise be held in memory."""

    def __init__(self, stream: io.BufferedReader):
        self.stream, self.here, self.budget, self.last = stream, 0, HEADERS, b""

    def tell(self) -> int:
        return self.here

    def read(self, size: int) -> bytes:
        self.budget -= size
        if size < 0 or self.budget < 0:
            raise ValueError(f"headers of over {HEADERS} bytes")
        self.last = self._take(size)
        return self.last

    def seek(self, target: int) -> int:
        if target < self.here:
            raise ValueError("a header points backwards")
        while self.here < target:
            self._take(min(CHUNK, target - self.here), must=True)
        return self.here

    def content(self, member: tarfile.TarInfo) -> bytes:
        """A member's content, whose size has been judged; tarfile stands right before it."""
        self.seek(member.offset_data)
        return self._take(member.size, must=True)

    def finish(self) -> None:
        """Read what pads the end: the checksum comes after it."""
        while self._take(CHUNK):
            pass

    def _take(self, size: int, must: bool = False) -> bytes:
        data = self.stream.read(size)
        self.here += len(data)
        if must and len(data) < size:
            raise EOFError
        return data
