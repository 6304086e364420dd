"""The executed notebook as readers take it away: a file beside the page, and a link that opens it in Colab.

Colab opens notebooks that are on GitHub. The published site is not there as files, as it is deployed from an
artifact; so `.github/workflows/publish.yml` pushes its notebooks to a branch of their own, and the link leads there.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import quote

from press.core.config import Config
from press.core.errors import PressError
from press.core.source import page_start
from press.posts.made import is_made, raw_cell
from press.posts.post import new_cell, to_bytes

BRANCH = "notebooks"  # where publish.yml pushes them, unless `press: notebook-branch:` says otherwise
GITHUB = re.compile(r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?")
PAGE = re.compile(r"(posts/(?:[^/]+/)*([^/]+))/index\.ipynb")
LATER = "data-press-href="  # the notebook is written after the page: until then no renderer shall look for it
PACKAGES = re.compile(r"(?:/[\w.+-]+)+/(?:site|dist)-packages/")


def file_name(page: str) -> str:
    """The download's name beside a post's page, which is an input such as "posts/x/index.ipynb"; "" for others."""
    match = PAGE.fullmatch(page)
    return f"{match[2]}.ipynb" if match else ""


def colab_url(slug: str, config: Config) -> str:
    """The address that opens a post's notebook in Colab; "" if the project names no repository on GitHub."""
    match = GITHUB.fullmatch(str((config.get("website") or {}).get("repo-url") or ""))
    if not match:
        return ""
    branch = str((config.get("press") or {}).get("notebook-branch") or BRANCH)
    path = quote(f"{match[1]}/{match[2]}/blob/{branch}/posts/{slug}/{slug.rpartition('/')[2]}.ipynb")
    return f"https://colab.research.google.com/github/{path}"


def with_links(notebook: dict[str, Any], slug: str, config: Config) -> dict[str, Any]:
    """The notebook with the links to itself, as a cell below the front matter."""
    links = [f'<a {LATER}"{slug.rpartition("/")[2]}.ipynb" download>Download this notebook</a>']
    if colab := colab_url(slug, config):
        links.append(f'<a href="{colab}">Open in Colab</a>')
    html = f'<div class="press-notebook" data-pagefind-ignore="all">{" ".join(links)}</div>'
    cells = notebook["cells"]
    place = cells[0]["metadata"].get("press") or {} if cells else {}
    return notebook | {"cells": [*cells[:1], raw_cell("made-links", html, place), *cells[1:]]}


def with_addresses(text: str) -> str:
    """A finished page's HTML whose links to its own notebook lead there."""
    return text.replace(f"<a {LATER}", "<a href=")


def published(page: str, notebook: dict[str, Any], root: Path, config: Config) -> bytes | None:
    """The notebook for the reader, without outputs if the post failed; None if the page is not an executed post.qmd.

    It begins with what it needs to run, has no cell that the press made for the page, and names no folder of the
    machine that ran it.

    Args:
        page: the input, such as "posts/x/index.ipynb".
        notebook: as `press run` placed it.
    """
    name = file_name(page)
    press = notebook.get("metadata", {}).get("press")
    if not name or press is None or press.get("stored") or press.get("source") == page:
        return None
    if "failed" in press:
        notebook = notebook | {"cells": press["failed"]["cells"]}
    if not notebook["cells"]:
        return None
    slug = page.removeprefix("posts/").removesuffix("/index.ipynb")
    cells = [_bare(cell, root) for cell in notebook["cells"] if not is_made(cell)]
    title, about = "", ""
    if cells and cells[0]["cell_type"] == "raw":
        meta = _front_matter("".join(cells.pop(0)["source"]))
        title, about = str(meta.get("title") or slug), str(meta.get("description") or "")
    site = config.get("website") or {}
    head = _head(slug, title or slug, about, site, _extra(root))
    metadata = {key: value for key, value in notebook["metadata"].items() if key != "press"}
    return to_bytes(notebook | {"cells": [*head, *cells], "metadata": metadata})


def _front_matter(source: str) -> dict[str, Any]:
    try:
        return page_start(source.strip().split("\n"), lambda line: ("", line))[0].data
    except PressError:
        return {}


def _bare(cell: dict[str, Any], root: Path) -> dict[str, Any]:
    metadata = {key: value for key, value in cell["metadata"].items() if key not in ("press", "papermill")}
    done = cell | {"metadata": metadata}
    if "outputs" in cell:
        done["outputs"] = _without_places(cell["outputs"], root)
    return done


def _without_places(value: Any, root: Path) -> Any:
    """Texts without the folders of this machine: the project's is left out, another's packages lose what is above."""
    if isinstance(value, dict):
        return {
            key: item if key in ("image/png", "image/jpeg") else _without_places(item, root)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_without_places(item, root) for item in value]
    if not isinstance(value, str) or "/" not in value:
        return value
    value = PACKAGES.sub("site-packages/", value)
    for place, instead in ((str(root), ""), (sys.prefix, ""), (str(Path.home()), "~/")):
        if len(place) > 1:
            value = re.sub(rf"(?<![\w.-]){re.escape(place)}(?:/|(?![\w.-]))", instead, value)
    return value


def _extra(root: Path) -> str:
    """What to install of the project: with its models' packages where it has such an extra."""
    try:
        extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"][
            "optional-dependencies"
        ]
    except (OSError, ValueError, KeyError):
        return ""
    return next((f"[{name}]" for name in ("cpu", "models") if name in extras), "")


def _head(slug: str, title: str, about: str, site: dict[str, Any], extra: str) -> list[dict[str, Any]]:
    """The first cells: what this is, what it needs, and, with a repository, a cell that fetches it."""
    repository = str(site.get("repo-url") or "").rstrip("/").removesuffix(".git")
    base = str(site.get("site-url") or "").rstrip("/")
    lines = [f"# {title}", "", *([about, ""] if about else [])]
    if base:
        lines += [f"This post as a web page: <{base}/posts/{slug}/>", ""]
    lines += [
        "**To run it**, you need the project that it belongs to, with this file in its folder",
        f"`posts/{slug}/`:",
        "",
    ]
    folder = repository.rpartition("/")[2] or "the-project"
    fetch = [f"git clone {repository}.git", f"cd {folder}"] if repository else [f"cd {folder}"]
    lines += ["```", *fetch, f"pip install --editable '.{extra}'", f"cd posts/{slug} && jupyter lab", "```"]
    if not repository:
        return [new_cell("markdown", "about", "\n".join(lines))]
    lines += ["", "Outside the project, for example in Colab, the next cell fetches and installs everything."]
    branch = site.get("repo-branch")
    clone = ["git", "clone", "--depth", "1", *(["--branch", str(branch)] if branch else []), repository, folder]
    install = f'[sys.executable, "-m", "pip", "install", "--quiet", "--editable", {json.dumps(folder + extra)}]'
    setup = [
        "import os",
        "import subprocess",
        "import sys",
        "",
        'if not os.path.exists("post.qmd"):  # not in the project: fetch it, install it, go there',
        f"    subprocess.run({json.dumps(clone)}, check=True)",
        f"    subprocess.run({install}, check=True)",
        f"    sys.path.insert(0, os.path.abspath({json.dumps(folder + '/lib')}))",
        f"    os.chdir({json.dumps(f'{folder}/posts/{slug}')})",
    ]
    return [new_cell("markdown", "about", "\n".join(lines)), new_cell("code", "setup", "\n".join(setup))]
