"""Which files are pages of the site, and which are copied as they are: `project: render:` and `resources:`."""

from __future__ import annotations

import functools
import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from press.core import outputfile
from press.core.config import HOST_FILES, Config
from press.core.errors import PressError, Problem
from press.core.merging import as_list

OWN = "post.qmd"  # the source of a page that is the notebook beside it
SUFFIXES = (".qmd", ".ipynb", ".md")
PASSED_OVER = (
    "node_modules",
    "venv",
    "env",
    "renv",
    "packrat",
    "rsconnect",
)  # folders in which Quarto looks for no pages


def site_inputs(config: Config) -> list[Path]:
    """Files that `project.render` selects, sorted; Quarto's default where it is absent.

    Of several that would make the same page it is the last one, as in Quarto, where it is written last.

    Raises:
        PressError: a selected file cannot be a page.
    """
    owners = {url: name for name, url in all_urls(config).items()}
    return [config.root / name for name in sorted(owners.values())]


def twins(config: Config) -> list[Problem]:
    """A problem for each input in whose place another one is published.

    Raises:
        PressError: a selected file cannot be a page.
    """
    urls, problems = all_urls(config), []
    owners = {url: name for name, url in urls.items()}
    for name, url in urls.items():
        if owners[url] != name:
            message = f"makes the same page as {owners[url]}, which is published: {url}. Rename one of them"
            problems.append(Problem(name, 0, f"{message}, or leave one out of `render:`", check="addresses"))
    return problems


def url_of(config: Config, name: str) -> str:
    """The address of an input's page, relative to the site's root, by its own name or its `output-file:`."""
    path = f"{config.root}/{name}"
    if name.endswith("/index.ipynb") and not os.path.isfile(path):  # it will be made of this
        path = f"{posixpath.dirname(path)}/{OWN}"
    asked = outputfile.asked_by(path)
    return posixpath.join(posixpath.dirname(name), asked) if asked else plain_url(name)


def all_urls(config: Config) -> dict[str, str]:
    """Each input that is selected, those in whose place another is published among them -> its address."""
    return {name: url_of(config, name) for name in _inputs(config)}


def plain_url(name: str) -> str:
    """The address of an input's page that asks for none of its own."""
    return posixpath.splitext(name)[0] + ".html"


def moved(config: Config) -> dict[str, str]:
    """The addresses that pages would have without `output-file:` -> those that they have, where these differ."""
    owners = {url: plain_url(name) for name, url in all_urls(config).items()}
    return {plain: url for url, plain in owners.items() if plain != url}


def _inputs(config: Config) -> list[str]:
    """All that is selected, sorted."""
    chosen = [name for name in _files(config) if is_rendered(config, name)]
    # What is named in full may lie in a folder that is skipped otherwise.
    named = [pattern.lstrip("/") for pattern in _patterns(config) if not re.search(r"[*?\[]", pattern)]
    chosen += [name for name in named if name not in chosen and _is_page(config, name)]
    wrong = sorted(name for name in chosen if not name.endswith(SUFFIXES))
    if wrong:
        place = config.where("project.render")
        raise PressError(
            [Problem(*place, f"cannot render {name}: only .qmd, .md and .ipynb are pages") for name in wrong]
        )
    return sorted(chosen)


def is_rendered(config: Config, name: str) -> bool:
    """Whether `render:` selects this input, be it there yet or not.

    A pattern such as posts/*/index.ipynb also stands for the notebooks of posts in deeper folders.
    """
    if _selected(config, name):
        return True
    shallow = re.sub(r"^posts/(?:.+/)?([^/]+)/index\.ipynb$", r"posts/\1/index.ipynb", name)
    return (
        shallow != name
        and os.path.isfile((config.root / name).with_name(OWN))
        and is_own(config, name.rpartition("/")[0] + f"/{OWN}")
        and _selected(config, shallow)
    )


def _selected(config: Config, name: str) -> bool:
    patterns = _patterns(config)
    if _hidden(name):
        return False
    if not patterns:
        return name.endswith(SUFFIXES)
    chosen = False
    for pattern in patterns:
        if pattern.startswith("!"):
            chosen = chosen and not _matches(name, pattern[1:])
        else:
            chosen = chosen or _matches(name, pattern)
    return chosen


def is_own(config: Config, name: str) -> bool:
    """Whether a `posts/**/post.qmd` is not a page itself, but the source of the index.ipynb beside it."""
    return not _hidden(name) and not _selected(config, name)


def _patterns(config: Config) -> list[str]:
    return [str(pattern) for pattern in as_list(config.get("project.render"))]


def _matches(name: str, pattern: str) -> bool:
    """A file may be named in full; a pattern stands for pages only, and one that matches a folder for all in it.

    As in Quarto, `*.qmd` and `posts/*.qmd` match at any depth, `/*.qmd` in the root alone.
    """
    bare = pattern.strip("/")
    if re.search(r"[*?\[]", bare) and not pattern.startswith(("/", "**")):
        bare = f"**/{bare}"
    if name == bare:
        return True
    return name.endswith(SUFFIXES) and any(_regex(glob).fullmatch(name) for glob in (bare, bare + "/**"))


@functools.lru_cache(maxsize=256)
def _regex(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    table = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(table.get(p, p if p[:1] == "[" and p[-1:] == "]" else re.escape(p)) for p in parts))


def _hidden(name: str) -> bool:
    # Quarto never renders what begins with _ or . , nor a README.
    parts = name.split("/")
    return any(part[:1] in ("_", ".") for part in parts) or parts[-1] in ("README.md", "README.qmd")


def _is_page(config: Config, name: str) -> bool:
    return os.path.isfile(config.root / name) and not _hidden(name)


def _files(config: Config) -> Iterator[str]:
    """Every file in which a page could be, relative to the root; not what the site's own folder holds."""
    site = os.path.normpath(str(config.get("project.output-dir") or "_site"))
    for folder, folders, files in os.walk(config.root):
        below = os.path.relpath(folder, config.root)
        prefix = "" if below == "." else below.replace(os.sep, "/") + "/"
        folders[:] = [f for f in folders if f[0] not in "_." and f not in PASSED_OVER and prefix + f != site]
        yield from (prefix + file for file in files)


def resources(config: Config) -> list[Path]:
    """Files that `project.resources` asks to be copied as they are, and those that the configuration names."""
    root, files = config.root, set()
    for pattern in as_list(config.get("project.resources")):
        for path in root.glob(str(pattern).lstrip("/")):
            files |= {path} if path.is_file() else {below for below in path.rglob("*") if below.is_file()}
    site = os.path.normpath(root / str(config.get("project.output-dir") or "_site"))
    files = {path for path in files if not path.is_relative_to(site)}
    files |= {root / name for name in HOST_FILES if os.path.isfile(root / name)}
    files |= {root / name.lstrip("/") for _, name in _named(config)}
    return sorted(path for path in files if os.path.isfile(path))


def missing_resources(config: Config) -> list[Problem]:
    """A problem for each file that the configuration names and that is not there, or lies on another host."""
    problems = []
    for key, name in _named(config):
        said = f"{key.rpartition('.')[2]} {name!r}"
        if "://" in name:
            message = f"{said}: it must be a file of the project"
            problems.append(Problem(*config.where(key), message, check="unsupported"))
        elif not os.path.isfile(config.root / name.lstrip("/")):
            problems.append(Problem(*config.where(key), f"{said}: file not found", check="links"))
    return problems


def _named(config: Config) -> list[tuple[str, str]]:
    keys = ("website.favicon", "website.image", "format.html.css")
    return [(key, name) for key in keys for name in map(str, as_list(config.get(key)))]
