"""`press clean`: remove what the press made, and nothing else."""

from __future__ import annotations

from press.core import sitefolder, sitemark, workfolder
from press.core.manifest import at_work
from press.core.project import Project
from press.core.source import relative


def clean(project: Project, everything: bool, dry_run: bool = False) -> tuple[list[str], list[str]]:
    """Remove the site, generated notebooks and pages, and rendered pages; with `everything`, the executed results too.

    Returns:
        What was removed, or would be; and what stays, since the press did not make it or it was changed since.

    Raises:
        PressError: `output-dir` is no place for a site; then nothing is removed.
    """
    sitefolder.check_place(project)
    with at_work(project) as manifest:
        names = [name for name in manifest.names() if name.endswith((".ipynb", ".qmd"))]  # fetched equations stay
        site, below = relative(project.site, project.root), project.work
        own, strange = sitemark.survey(project.site)
        gone, left = manifest.remove(names, dry_run)
        paths = workfolder.own(below, everything)
        if not dry_run:
            sitefolder.discard(project.site)
            sitefolder.tidy(below / "site-last")
            workfolder.remove(paths, below)
    kinds = sorted({path.relative_to(below).parts[0] for path in paths})  # not each of hundreds of pages
    gone = [site] * bool(own) + gone + [f"{below.name}/{kind}" for kind in kinds]
    return gone, [f"{site}/{name}" for name in strange] + left
