"""`kill -9` at 50 random moments of a build: the next build finishes, the site is whole, the cache never lies."""

import os
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from press.posts.cache import Cache
from tests.press.conftest import Site, cell

KILLS = 50
POSTS = 2


def write_version(site: Site, version: int) -> None:
    """The whole project says `version`: in the library, in each post's prose, on the home page."""
    site.write("lib/mathlib/helper.py", f"def one():\n    return {version}\n")
    code = "from mathlib.helper import one\n\nprint(f'output{one()}')"
    for i in range(POSTS):
        site.post(f"p{i}", f"Prose prose{version}.\n\n" + cell(code))
    site.write(
        "index.qmd", f"---\ntitle: Home\nlisting:\n  contents: posts/*/index.ipynb\n---\n\nHome home{version}.\n"
    )


def site_version(site: Site) -> int | None:
    """The one version that every page of the published site shows; None when nothing is published yet."""
    folder = site.root / "_site"
    if not folder.exists():
        return None
    pages = [folder / "index.html", *(folder / f"posts/p{i}/index.html" for i in range(POSTS))]
    found = set()
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.rstrip().endswith("</html>"), f"{page} is half-written"
        found |= set(map(int, re.findall(r"(?:prose|output|home)(\d+)", text)))
    assert (folder / "sitemap.xml").read_text().rstrip().endswith("</urlset>")
    assert len(found) == 1, f"pages of several versions: {found}"
    return found.pop()


def check_cache(site: Site) -> int:
    """Every entry that the cache vouches for holds the output that its module's text gives."""
    cache = Cache(site.root / ".press/cache")
    good = 0
    for entry in cache.folder.glob("[0-9a-f]*"):
        book, record = cache.get(entry.name), cache.record(entry.name)
        if book is None:
            continue
        text = "".join(book["cells"][-1]["outputs"][0]["text"]).strip()
        assert HASHES[record["parts"]["module mathlib.helper"]] == text
        good += 1
    return good


HASHES: dict[str, str] = {}


def remember(site: Site, version: int) -> None:
    import hashlib

    data = (site.root / "lib/mathlib/helper.py").read_bytes()
    HASHES[hashlib.sha256(data).hexdigest()] = f"output{version}"


def build_and_kill(site: Site, after: float) -> bool:
    """Start a build and `kill -9` it after so many seconds. Returns whether it was still at work."""
    process = subprocess.Popen(
        site.command("build", "--renderer", "pandoc"),
        cwd=site.root,
        env=site.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(after)
    running = process.poll() is None
    process.kill()  # SIGKILL to the press alone: what it started must notice by itself
    process.wait()
    return running


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_killed_build_leaves_everything_whole(site):
    write_version(site, 0)
    remember(site, 0)
    site.press("build")
    rng = random.Random(20261123)
    hit, version, usual = 0, 0, 3.0
    while hit < KILLS:
        version += 1
        assert version <= 3 * KILLS, f"only {hit} kills in {version} hit a build at work; the test proves too little"
        write_version(site, version)
        remember(site, version)
        running = build_and_kill(site, rng.uniform(0.02, usual))
        hit += running
        usual = (
            usual * 1.05 if running else usual * 0.85
        )  # the moments spread over the whole of a build, as fast as it is
        assert site_version(site) in (version - 1, version), "the site is one of the two, whole"
        check_cache(site)
        site.press("build")
        assert site_version(site) == version
        assert check_cache(site) >= POSTS
    assert not list((site.root / ".press/cache").glob(".new-*"))
    assert "nothing changed, 0 posts ran" in site.press("build").stdout


def test_kernels_end_when_the_press_is_killed(site):
    mark = f"mark{os.getpid()}x{random.randrange(10**9)}"
    site.post("p", cell(f"import time\nname = {mark!r}\nopen('/tmp/{mark}', 'w').close()\ntime.sleep(300)"))
    process = subprocess.Popen(site.command("run"), cwd=site.root, env=site.environment(), stderr=subprocess.DEVNULL)
    for _ in range(200):
        if os.path.exists(f"/tmp/{mark}"):
            break
        time.sleep(0.1)
    os.unlink(f"/tmp/{mark}")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for _ in range(150):
        left = kernels_of(str(site.root))
        if not left:
            break
        time.sleep(0.1)
    assert not left, "kernel processes outlived the press"


def kernels_of(root: str) -> list[str]:
    """Command lines of processes whose working folder lies below `root`."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/cwd").startswith(root):
                found.append(Path(f"/proc/{pid}/cmdline").read_text())
        except OSError:
            continue
    return found
