"""Archives that no paper needs. Each is (name, bytes, a part of the error)."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile

from tests.press.intake.eprints import eprint, tar

DOCUMENT = b"\\documentclass{article}\\begin{document}x\\end{document}"
END = bytes(1024)
ZEROS = gzip.compress(bytes(32 << 20), 9)


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", data: bytes = DOCUMENT, **pax: str) -> bytes:
    """One entry of a tar archive with whatever name and type."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, len(data)
    info.pax_headers = pax
    form = tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT
    return info.tobuf(form, "utf-8", "surrogateescape") + data + bytes(-len(data) % 512)


def special(name: str, kind: bytes, link: str = "") -> bytes:
    return gzip.compress(member(name, kind, link, b"") + END)


def header(name: str, kind: bytes, size: int) -> bytes:
    """A header that claims a size, whatever follows."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")


def zeros(mebibytes: int) -> bytes:
    """Gzipped zeros, in pieces that follow each other."""
    return ZEROS * (mebibytes // 32)


def with_checksum(block: bytes) -> bytes:
    total = 256 + sum(block[:148]) + sum(block[156:512])
    return block[:148] + b"%06o\0 " % total + block[156:]


def negative_size() -> bytes:
    block = bytearray(header("a.tex", b"0", 0))
    block[124:136] = b"\xff" * 11 + b"\x00"
    return gzip.compress(with_checksum(bytes(block)) + member("b.tex") + END)


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("main.tex", DOCUMENT)
    return out.getvalue()


def broken_checksum() -> bytes:
    second = bytearray(member("b.tex"))
    second[150] ^= 1
    return gzip.compress(member("main.tex") + bytes(second) + END)


def wrong_crc() -> bytes:
    data = bytearray(eprint({"main.tex": DOCUMENT}))
    data[-6] ^= 255
    return bytes(data)


def archives() -> list[tuple[str, bytes, str]]:
    """All of them."""
    whole = eprint({"main.tex": DOCUMENT, "fig.png": bytes(range(256)) * 400})
    many = member("fig.png", data=b"")
    unsafe, link, device, large, damaged = (
        "does not have a safe name",
        "is a link",
        "is a special file",
        "too large",
        "damaged",
    )
    found = [
        ("escape", eprint({"../evil.tex": DOCUMENT}), unsafe),
        ("escape inside", eprint({"a/../../evil.tex": DOCUMENT}), unsafe),
        ("escape of a picture", eprint({"main.tex": DOCUMENT, "../evil.png": b"x"}), unsafe),
        ("absolute", gzip.compress(member("/tmp/evil.tex") + END), unsafe),
        ("drive", eprint({"C:/evil.tex": DOCUMENT}), unsafe),
        ("backslashes", eprint({"..\\evil.tex": DOCUMENT}), unsafe),
        ("line break in a name", eprint({"a\nb.tex": DOCUMENT}), unsafe),
        ("escape sequence in a name", eprint({"\x1b[2Ja.tex": DOCUMENT}), unsafe),
        ("long name", eprint({"a/" * 300 + "b.tex": DOCUMENT}), unsafe),
        ("pax path", gzip.compress(member("main.tex", path="../evil.tex") + END), unsafe),
        ("pax path with NUL", gzip.compress(member("main.tex", path="a\0b.tex") + END), unsafe),
        (
            "global pax path",
            gzip.compress(tarfile.TarInfo.create_pax_global_header({"path": "/evil.tex"}) + member("main.tex") + END),
            unsafe,
        ),
        ("symbolic link", special("main.tex", tarfile.SYMTYPE, "/etc/passwd"), link),
        (
            "through a link",
            gzip.compress(member("d", tarfile.SYMTYPE, "/tmp", b"") + member("d/evil.tex") + END),
            link,
        ),
        ("relative link", special("main.tex", tarfile.SYMTYPE, "../../secret.tex"), link),
        ("hard link", special("main.tex", tarfile.LNKTYPE, "/etc/passwd"), link),
        ("character device", special("main.tex", tarfile.CHRTYPE), device),
        ("block device", special("main.tex", tarfile.BLKTYPE), device),
        ("fifo", special("main.tex", tarfile.FIFOTYPE), device),
        ("unknown type", special("main.tex", b"Z"), device),
        ("sparse file", gzip.compress(header("main.tex", tarfile.GNUTYPE_SPARSE, 0) + END), device),
        ("twice", gzip.compress(member("main.tex") + member("main.tex") + END), "the same name"),
        ("twice by another path", gzip.compress(member("main.tex") + member("./a/..b/../main.tex") + END), unsafe),
        ("twice with a dot", gzip.compress(member("main.tex") + member("./main.tex") + END), "the same name"),
        ("case", eprint({"main.tex": DOCUMENT, "Main.TEX": DOCUMENT}), "the same name"),
        ("normal forms", eprint({"\u00e9.tex": DOCUMENT, "e\u0301.tex": DOCUMENT}), "the same name"),
        ("file and folder", eprint({"a.tex": DOCUMENT, "a.tex/b.tex": DOCUMENT}), "lies in what is a file"),
        ("bomb in one file", zeros(512), "neither a tar archive"),
        ("bomb of text", gzip.compress(b"\\documentclass{article}" + bytes([37]) * (64 << 20), 9), large),
        ("bomb in a picture", gzip.compress(header("fig.png", b"0", 8 << 30)) + zeros(512), large),
        ("bomb in a text", gzip.compress(header("main.tex", b"0", 8 << 30)) + zeros(64), large),
        ("many texts", eprint({f"{i}.tex": b"%" * (3 << 20) for i in range(6)}), large),
        ("100000 entries", gzip.compress(many * 100_000 + END), large),
        ("truncated gzip", whole[: len(whole) // 2], damaged),
        ("gzip header only", whole[:12], damaged),
        ("truncated tar", tar({"main.tex": DOCUMENT * 40})[:1500], damaged),
        ("truncated tar header", tar({"main.tex": DOCUMENT})[:512] + bytes(512) + b"x" * 100, damaged),
        ("wrong checksum", wrong_crc(), damaged),
        ("broken header", broken_checksum(), damaged),
        ("garbage after gzip", whole + b"garbage", damaged),
        ("negative size", negative_size(), damaged),
        ("pax header of 1 GB", gzip.compress(header("x", b"x", 1 << 30)) + zeros(1024), damaged),
        ("long name of 1 GB", gzip.compress(header("x", b"L", 1 << 30)) + zeros(1024), damaged),
        (
            "chain of pax headers",
            gzip.compress((header("x", b"x", 512) + b"9 a=b\n".ljust(512, b"\0")) * 50_000),
            damaged,
        ),
        (
            "endless sparse map",
            gzip.compress(member("main.tex", data=b"999999999\n" + b"1\n" * 2_000_000, **SPARSE) + END, 1),
            damaged,
        ),
        ("pax size", gzip.compress(member("main.tex", size=str(1 << 40)) + END), large),
        ("pax size, negative", gzip.compress(member("main.tex", size="-1") + END), damaged),
        ("gzip in gzip", gzip.compress(gzip.compress(tar({"main.tex": DOCUMENT}))), "neither a tar archive"),
        ("zip", zipped(), "neither a tar archive"),
        ("empty", b"", "neither a tar archive"),
        ("zeros", bytes(10240), "neither a tar archive"),
        ("web page", b"<!DOCTYPE html><html><body>Rate exceeded</body></html>", "a web page"),
        ("pictures only", eprint({"fig.png": b"x"}), "contains no LaTeX file"),
        ("PDF", b"%PDF-1.5\n" + bytes(range(256)), "PDF only"),
        ("gzipped PostScript", gzip.compress(b"%!PS-Adobe-2.0\n"), "PostScript only"),
    ]
    return found


SPARSE = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "1", "GNU.sparse.name": "main.tex"}

# Sources that read well and would run for ever, or look elsewhere. Each is (name, LaTeX, a part of what is said).
BODY = "\\begin{document}%s\\begin{equation} a \\end{equation}\\end{document}"
SOURCES = [
    ("itself", "\\def\\x{\\x}" + BODY % "\\x", "expands without end"),
    ("doubling", "\\def\\x{\\x\\x}" + BODY % "\\x", "expands without end"),
    ("growing", "\\newcommand{\\x}[1]{\\x{#1#1}}" + BODY % "\\x{ab}", "expands without end"),
    ("in turns", "\\def\\x{\\y a}\\def\\y{\\x b}" + BODY % "\\x", "expands without end"),
    ("deep braces", BODY % ("\\begin{equation}" + "{" * 500 + "x" + "}" * 500 + "\\end{equation}"), ""),
    (
        "laughs",
        "".join(
            f"\\def\\{name}{{{text * 40}}}" for name, text in (("a", "ha"), ("b", "\\a"), ("c", "\\b"), ("d", "\\c"))
        )
        + BODY % "\\d",
        "expands without end",
    ),
    ("eater", "\\def\\x#1{\\x}" + BODY % "\\x", "expands without end"),
    ("reads itself", BODY % "\\input{main}", "files read each other"),
    ("password file", BODY % "\\input{/etc/passwd}", "/etc/passwd: not in the archive"),
    ("parent", BODY % "\\input{../../secret}", "../../secret: not in the archive"),
    ("shell", BODY % "\\immediate\\write18{touch evil}\\input{|touch evil}", "not in the archive"),
    (
        "braces",
        BODY % ("\\begin{equation}" + "{" * 20_000 + "x" + "}" * 20_000 + "\\end{equation}"),
        "over 2000 nested groups",
    ),
    ("open braces", BODY % ("{" * 100_000), "over 2000 nested groups"),
    ("open environments", BODY % ("\\begin{equation}" * 10_000), "over 2000 nested groups"),
    ("open formula", BODY % "\\begin{equation} {", "is never closed"),
    ("counter", BODY % "\\setcounter{equation}{99999999999999999999}", "not a number"),
]
