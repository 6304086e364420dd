"""Files of the project that a run read although nothing in the post's source names them.

They become part of the post's key: what was read is kept beside the results, under the key without them. A project that
checks strictly has the run fail instead, so that its sources say all that a post depends on.
"""

from __future__ import annotations

import re
from pathlib import Path

from press.core.errors import Problem
from press.core.project import Project
from press.core.strictness import level_of
from press.posts.cache import Key
from press.posts.closure import Library
from press.posts.post import Post

IGNORED = (".press/", ".git/", ".quarto/", "node_modules/")
PAPER = re.compile(r"papers/[^/]+/paper\.toml")


def undeclared(post: Post, key: Key, reads: tuple[str, ...], library: Library, project: Project) -> list[str]:
    """Of what a run opened, the files that are not in its key: the next change of them would go unnoticed.

    Args:
        reads: paths relative to the root.
    """
    named = {part.partition(" ")[2] for part in key.parts if part.startswith(("module ", "file "))}
    own = {library.files[name].relative_to(project.root).as_posix() for name in named if name in library.files} | named
    # `claim` reads paper.toml, which is in no key: each build inserts what it says of the paper again; of what
    # `paper_numbers` reads, the numbers are. Only a post that uses one of them is let off: any other that opens the
    # file shows what nothing would bring up to date.
    judges = "postkit.claims" in named or "postkit" not in library.packages
    site = project.site.relative_to(project.root).as_posix() + "/" if project.site.is_relative_to(project.root) else "_"
    environments = [path.parent.name + "/" for path in project.root.glob("*/pyvenv.cfg")]
    found = set()
    for name in reads:
        ignored = name.startswith((*IGNORED, *environments, site, "lib/press/"))
        ignored |= ".egg-info/" in name or "/site-packages/" in name
        within = any(name.startswith(folder + "/") for folder in post.data)
        if ignored or within or name in own or name == post.file or (judges and PAPER.fullmatch(name)):
            continue
        found.add(name)
    return sorted(found)


def refused(post: Post, names: list[str], project: Project) -> Problem | None:
    """Why a run that read these files fails, where the project wants every file declared."""
    if not names or level_of("reads", project.settings) != "error":
        return None
    name = names[0]
    if Path(name).suffix == ".py" and name.startswith("lib/"):
        message = f"it imported {name}, which is not in its import closure. Import it with a plain import statement"
    else:
        message = f"it read {name}, which its front matter does not declare. Add it to data:"
    return Problem(post.file, 1 if post.cells and post.cells[0].line else 0, message)
