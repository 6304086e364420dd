"""The line at a post's end that says what made it: commit, seed, device, versions."""

from __future__ import annotations

import platform
import subprocess
import sys
from html import escape

from postkit._html import Shown

# Named on the line if, and only if, the post has already imported them.
PACKAGES = ("torch", "numpy", "scipy", "matplotlib", "diffusers", "transformers", "tokenizers")


def provenance(*, seed: int, device: str = "cpu", **more: object) -> Shown:
    """One line: commit, seed, device, versions of Python and of the packages already imported, then `more`.

    Args:
        seed: the seed that the post's generators were made with.
        device: where tensors lived, such as "cpu" or "cuda".
        more: further facts by name, such as `model="models/tiny"`; underscores are shown as spaces.

    Returns:
        An object that a notebook shows as one line.
    """
    facts = {"commit": _commit(), "seed": seed, "device": device, "python": platform.python_version()}
    facts |= _versions()
    facts |= {key.replace("_", " "): value for key, value in more.items()}
    shown = {key: " ".join(str(value).split()) for key, value in facts.items()}
    text = " · ".join(f"{key} {value}" for key, value in shown.items())
    html = " · ".join(f"{escape(key)} <code>{escape(value)}</code>" for key, value in shown.items())
    return Shown(f'<p class="postkit-provenance"><small>{html}</small></p>', text)


def _versions() -> dict[str, str]:
    found = {name: getattr(sys.modules.get(name), "__version__", None) for name in PACKAGES}
    return {name: str(version) for name, version in found.items() if version}


def _commit() -> str:
    """The commit of the working directory's repository, and whether files differ from it."""
    head = _git("rev-parse", "--short=10", "HEAD")
    if head is None:
        return "no git"
    return f"{head} + uncommitted changes" if _git("status", "--porcelain") else head


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(("git", *arguments), capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
