"""What Quarto's finished site gets of ours: previews, symbols, and the notebooks to download.

`press build` calls `finish` after Quarto; a plain `quarto render` calls `python -m press.renderer.quarto FOLDER` as its
post-render hook (scripts/postrender.py). The embedded renderer makes the same files while it assembles its site.
"""

from __future__ import annotations

import html
import json
import posixpath
import re
import shutil
import sys
from pathlib import Path

from press.core.disk import write_if_changed
from press.core.project import Project, open_project
from press.posts.download import file_name, published
from press.renderer import previews, symbols

ASSETS = Path(__file__).parent / "assets"
OURS = ("hints.js", "hints.css")
NOT_PAGES = ("site_libs/", "pagefind/")
HEAD_END = re.compile(r"</head>", re.IGNORECASE)
MARK = "site_libs/press/hints.js"


def finish(project: Project, out: Path) -> list[str]:
    """Add to each page below `out` the script and its data. A second call changes nothing.

    Returns:
        URLs of the pages.
    """
    shared = out / "site_libs" / "press"
    shared.mkdir(parents=True, exist_ok=True)
    for name in OURS:
        shutil.copyfile(ASSETS / name, shared / name)
    write_if_changed(shared / "symbols.js", symbols.data_file(project.root, project.work / "pages"))
    pages = []
    for path in sorted(out.rglob("*.html")):
        url = path.relative_to(out).as_posix()
        if not url.startswith(NOT_PAGES):
            _page(path, url, out)
            _notebook(url, project, out)
            pages.append(url)
    return pages


def _page(path: Path, url: str, out: Path) -> None:
    import lxml.html

    text = path.read_text(encoding="utf-8")
    root = lxml.html.document_fromstring(text.encode(), parser=lxml.html.HTMLParser(encoding="utf-8"))
    main = root.find(".//main")
    if main is None:  # a page that only leads on to another
        return
    heading = root.find(".//h1")
    title = heading.text_content() if heading is not None else root.findtext(".//title") or url
    about = root.xpath("string(//meta[@name='description']/@content)")
    target = out / previews.name_of(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(previews.page_script(url, title, about, main))
    if MARK in text:
        return
    up = html.escape(posixpath.relpath("site_libs/press", posixpath.dirname(url) or "."))
    tags = f'<link rel="stylesheet" href="{up}/hints.css">\n<script src="{up}/hints.js" defer></script>\n'
    found = HEAD_END.search(text)
    if found:
        path.write_text(text[: found.start()] + tags + text[found.start() :], encoding="utf-8")


def _notebook(url: str, project: Project, out: Path) -> None:
    page = url.removesuffix(".html") + ".ipynb"
    source = project.root / page
    if not file_name(page) or not source.is_file():
        return
    data = published(page, json.loads(source.read_bytes()), project.root, project.config)
    if data is not None:
        write_if_changed(out / posixpath.dirname(url) / file_name(page), data)


if __name__ == "__main__":
    finish(open_project(Path.cwd()), Path(sys.argv[1]))
