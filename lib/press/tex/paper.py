r"""A paper's LaTeX source, read from its main file on."""

from __future__ import annotations

import posixpath
import re

from press.core.errors import fail
from press.tex.data import Paper
from press.tex.document import Document
from press.tex.lex import Source, decode

NAMED = re.compile(r"\s*\{?\s*([^\s{}]+)")
CLASS = re.compile(r"^[^%\n]*\\document(?:class|style)\b", re.MULTILINE)
FAVOURED = ["main.tex", "ms.tex", "paper.tex", "arxiv.tex", "root.tex"]


def read_paper(files: dict[str, bytes], main: str = "") -> Paper:
    """Read a paper.

    Args:
        files: path in the archive -> content.
        main: the file to begin with; "" finds it.

    Raises:
        PressError: no such file, no LaTeX document, or one that no paper needs to be (endless, huge).
    """
    main = main or main_file(files)
    if main not in files:
        raise fail("", 0, f"the archive has no {main!r}. Its LaTeX files: {', '.join(sorted(map(str, files))[:20])}")
    reader = Document(files, main)
    reader.read()
    if names := reader.only_referenced:
        again = Document(files, main)
        again.wanted = set().union(*(reader.references[name] for name in names))
        again.read()
        reader = again
    return reader.finish()


def main_file(files: dict[str, bytes]) -> str:
    """The file that LaTeX would be run on: it has a document class and a document.

    Raises:
        PressError: there is none.
    """
    found = []
    for path, data in sorted(files.items()):
        if path.lower().endswith((".tex", ".ltx", ".latex", ".txt")) and _is_document(decode(data), path, files):
            found.append(path)
    if not found:
        texts = [path for path in files if path.lower().endswith((".tex", ".ltx", ".latex"))]
        if len(texts) == 1:
            return texts[0]
        raise fail(
            "", 0, f"no file with a \\documentclass among {', '.join(sorted(files)[:20])}. Name one with --main FILE"
        )

    def rank(path: str) -> tuple:
        name = posixpath.basename(path).lower()
        return (path.count("/"), FAVOURED.index(name) if name in FAVOURED else len(FAVOURED), -len(files[path]), path)

    return min(found, key=rank)


def _is_document(text: str, name: str, files: dict[str, bytes]) -> bool:
    source, seen = Source(text, name), False
    if "\\begin" not in text:
        return False
    while (token := source.next(False)) is not None:
        if token.kind == "macro" and token.text in ("documentclass", "documentstyle"):
            seen = True
        elif token.kind == "macro" and token.text in ("input", "include") and not seen:  # a preamble of its own
            found = NAMED.match(text, source.here)
            paths = [posixpath.normpath(found[1] + end) for end in (".tex", "")] if found else []
            seen = any(CLASS.search(decode(files[path])) for path in paths if path in files)
        elif seen and token[:2] == ("macro", "begin") and text.startswith("{document}", source.here):
            return True
    return False
