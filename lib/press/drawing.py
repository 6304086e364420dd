"""The site's pages by one of the two renderers: Quarto where it is installed, else the embedded one."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from press import unchanged
from press.core import sitemark
from press.core.config import HOST_FILES
from press.core.errors import Problem, fail
from press.core.project import Project
from press.core.source import relative
from press.posts.closure import file_hash
from press.renderer.moments import ASKED, today

NO_PAGES = ("lib", "tests", "benchmarks", "scripts", "models", "runs", "build", "node_modules")  # unless one is there


def choose_renderer(wanted: str) -> str:
    """`quarto` where it is installed, else `pandoc`, unless one of them is asked for.

    Raises:
        PressError: Quarto is asked for and not on PATH.
    """
    found = shutil.which("quarto")
    if wanted == "quarto" and not found:
        raise fail("", 0, "--renderer quarto: no quarto on PATH. Install it, or use --renderer pandoc")
    return ("quarto" if found else "pandoc") if wanted == "auto" else wanted


def with_pandoc(
    project: Project, out: Path, pages: list[Path], books: dict[str, Path], *, jobs: int, force: bool, progress: Any
) -> tuple[list[str] | None, list[Problem]]:
    """Fill `out` by the embedded renderer; the pages rendered now, or None when the published site is up to date."""
    from press.renderer import render_site

    report = render_site(
        project.config,
        out=out,
        cache=project.work / "pages",
        jobs=jobs,
        on_page=progress.rendered,
        force=force,
        current=None if force else project.site,
        notebooks=books,
    )
    return (report.rendered if report.changed else None), report.warnings


def with_quarto(
    project: Project, out: Path, pages: list[Path], books: dict[str, Path], *, jobs: int, force: bool, progress: Any
) -> tuple[list[str] | None, list[Problem]]:
    """Fill `out` by Quarto; all pages, or None when the published site was made from these very files."""
    from press.renderer import onepage, quarto, quarto_stage

    version = subprocess.run(["quarto", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    ran = "".join(page + file_hash(place) for page, place in sorted(books.items()))
    mark = fingerprint(project, pages, version + onepage.own_source() + ran)
    published = sitemark.read_mark(project.site)
    if not force and published.get("key") == mark and sitemark.is_whole(project.site, published):
        return None, []
    books = {page: place for page, place in books.items() if place.suffix == ".ipynb"}  # it knows what it froze
    if books:  # executed pages whose sources are the author's own
        with quarto_stage.staged(project, books) as copy:
            _run_quarto(copy, Path("_press-site"), project.profile)
            shutil.move(copy / "_press-site", out)
    else:
        _run_quarto(project.root, out.relative_to(project.root), project.profile)
    quarto.finish(project, out)
    files = {relative(path, out): path for path in out.rglob("*") if path.is_file()}
    states = {name: sitemark.state_of(path.read_bytes()) for name, path in files.items()}
    sitemark.seal(out, states, {"key": mark})
    return [relative(page, out) for page in sorted(out.rglob("*.html"))], []


def _run_quarto(root: Path, out: Path, profile: str) -> None:
    """`quarto render` in this folder; its output stands in the message if it fails."""
    command = ["quarto", "render", "--output-dir", out.as_posix(), *(["--profile", profile] if profile else [])]
    # The pre-render hook would run the press again while it holds the lock.
    env = os.environ | {"PRESS_BUILD": "1"}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise fail("", 0, f"quarto render failed (exit {done.returncode}):\n{done.stderr.strip()[-4000:]}")


def fingerprint(project: Project, pages: list[Path], version: str) -> str:
    """One hash over all that Quarto may read: the whole project, without what is generated or only code; and the
    variables, the day and the commit that pages show."""
    variables: set[str] = set()
    dated = False
    digest = hashlib.sha256(f"{version} {project.profile}".encode())
    named = {path.resolve() for path in pages}
    passed = set(NO_PAGES) - {path.relative_to(project.root).parts[0] for path in pages}
    for folder, folders, names in os.walk(project.root):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not _is_passed(project, here, name, passed))
        for path in (here / name for name in sorted(names)):
            if here == project.root and path.name.startswith(".") and path.name not in HOST_FILES:
                continue
            if path.is_file() and (path.suffix != ".ipynb" or path.resolve() in named):
                digest.update(f"{relative(path, project.root)}\0{file_hash(path)}\n".encode())
                if path.suffix in unchanged.TEXTS:
                    text = path.read_bytes()
                    variables |= unchanged.asked_for(text)
                    dated = dated or bool(ASKED.search(text))
    digest.update(unchanged.environment(variables).encode())
    if dated:
        digest.update(f"{today()} {unchanged.commit(project.root)}".encode())
    return digest.hexdigest()


def _is_passed(project: Project, here: Path, name: str, passed: set[str]) -> bool:
    if here == project.root and (name in passed or name.startswith(".")):
        return True
    return name == "index_files" or here / name == project.site or (here / name / "pyvenv.cfg").is_file()
