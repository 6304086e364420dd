"""What Quarto's finished site gets of ours: repaired pages and feeds, previews, symbols, notebooks to download.

`press build` calls `finish` after Quarto; a plain `quarto render` calls `python -m press.renderer.quarto FOLDER` as its
post-render hook (scripts/postrender.py). The embedded renderer makes the same files while it assembles its site.
"""

from __future__ import annotations

import functools
import json
import os
import posixpath
import re
import shutil
import sys
from pathlib import Path

from press.core.config import HOST_FILES
from press.core.disk import write_if_changed
from press.core.errors import PressError
from press.core.project import Project, open_project
from press.core.sitefolder import check_place
from press.posts.download import file_name, published
from press.renderer import markup_tools, previews, quarto_feed, quarto_page, symbols

ASSETS = Path(__file__).parent / "assets"
FONT = ("press-math.woff2", "press-math.OFL.txt")  # named by quarto.css; see scripts/cut_math_font.py
NOT_PAGES = ("site_libs/", "pagefind/")
# An address of fonts has semicolons in it, so the quotation marks or brackets around it decide where it ends.
FOREIGN_IMPORT = re.compile(
    r"""@import\s*(?:url\(\s*)?(?:"(?:https?:)?//[^"]*"|'(?:https?:)?//[^']*'|(?<=\()(?:https?:)?//[^)\s]*)[^;{}]*;""",
    re.IGNORECASE,
)


def finish(project: Project, out: Path) -> list[str]:
    """Mend each page and feed below `out`, and add our scripts and their data. A second call changes nothing.

    Returns:
        URLs of the pages.
    """
    address = str(project.config.get("website.site-url") or "").rstrip("/")
    address += "/" if address else ""
    offline = bool(project.settings.get("offline"))
    _shared(project, out)
    for name in HOST_FILES:  # a Quarto that is older copies some of them only
        if (project.root / name).is_file():
            shutil.copyfile(project.root / name, out / name)
    pictures = functools.cache(lambda url: _picture(out, url))
    pages = [path.relative_to(out).as_posix() for path in sorted(out.rglob("*.html"))]
    pages = [url for url in pages if not url.startswith(NOT_PAGES)]
    for url in pages:
        text = (out / url).read_text(encoding="utf-8")
        text = quarto_page.mended(text, url, pictures, address, offline=offline)
        _preview(text, url, out)
        write_if_changed(out / url, text.encode())
        _notebook(url, project, out)
    for path in sorted(out.rglob("*.xml")):
        text = path.read_text(encoding="utf-8")
        if "<rss" in text and not path.relative_to(out).as_posix().startswith(NOT_PAGES):
            write_if_changed(path, quarto_feed.mended(text, pictures, address).encode())
    for path in sorted(out.rglob("*.css")) if offline else ():
        # A theme's fonts from another host: without them the page's own list of fonts counts.
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        write_if_changed(path, FOREIGN_IMPORT.sub("", text).encode(errors="surrogateescape"))
    return pages


def _shared(project: Project, out: Path) -> None:
    shared = out / "site_libs" / "press"
    shared.mkdir(parents=True, exist_ok=True)
    for name in (*quarto_page.STYLES, *quarto_page.SCRIPTS, *FONT):
        shutil.copyfile(ASSETS / name, shared / name)
    write_if_changed(shared / "symbols.js", symbols.data_file(project.root, project.work / "pages"))


def _tree(text: str):
    import lxml.html

    return lxml.html.document_fromstring(text.encode(), parser=lxml.html.HTMLParser(encoding="utf-8", huge_tree=True))


def _picture(out: Path, url: str) -> str:
    path = out / url
    return quarto_page.picture_of(_tree(path.read_text(encoding="utf-8")), url) if path.is_file() else ""


def _preview(text: str, url: str, out: Path) -> None:
    root = _tree(text)
    main = root.find(".//main")
    if main is None:  # a page that only leads on to another
        return
    heading = root.find(".//h1")
    title = heading.text_content() if heading is not None else root.findtext(".//title") or url
    about = root.xpath("string(//meta[@name='description']/@content)") or markup_tools.first_paragraph(main)
    target = out / previews.name_of(url)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(previews.page_script(url, title, about, main))


def _notebook(url: str, project: Project, out: Path) -> None:
    page = url.removesuffix(".html") + ".ipynb"
    source = project.root / page
    if not file_name(page) or not source.is_file():
        return
    data = published(page, json.loads(source.read_bytes()), project.root, project.config)
    if data is not None:
        write_if_changed(out / posixpath.dirname(url) / file_name(page), data)


def main(out: str) -> int:
    """What the post-render hook calls: `finish`, unless pages would be repaired where an author's own may lie."""
    try:
        project = open_project(Path.cwd(), os.environ.get("QUARTO_PROFILE", ""))
        check_place(project, out)
        finish(project, project.root / out)
    except PressError as error:
        print(*(f"error: {problem}" for problem in error.problems), sep="\n", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
