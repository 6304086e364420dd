"""The JavaScript that draws what HTML cannot say: diagrams, plots, widgets. Served by the site itself, never by others.

A library comes from the Python package that ships it, where that is installed; else its npm package is fetched once,
where npm is at hand, checked against the digest below, and kept beside the page cache. Pages load only what they need.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import math
import os
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from press.core.command import OverLimit, run_within


@dataclass(frozen=True)
class Package:
    """A package of npm, in one version.

    Args:
        sha512: of its archive, as npm states it.
        files: those that the site serves, by their paths in the package; "dir/*.ext" takes all of a folder.
        installed: module and path within it of the one file, where a Python package ships it.
    """

    name: str
    version: str
    sha512: str
    files: tuple[str, ...]
    installed: tuple[str, str] | None = None


PACKAGES = (
    Package(
        "mermaid",
        "11.17.2",
        "V6K3C8EBdEsPFZXSKMJe6ppQOENxuHARr9GvHX4hh47lAbhMRD9qf4oEK7LoaRQxULMa80/qt5gHO73aCleBBg==",
        ("dist/mermaid.min.js",),
    ),
    Package(
        "@viz-js/viz",
        "3.31.0",
        "r7zlQdRvcwvIpjHGgs+KNWHeE/P5/Dq7k8ZAKaMCbZqomxCBJV78gVuQYaHzFVca+kB0mX0fMW9UFevCOBG50A==",
        ("dist/viz-global.js",),
    ),
    Package(
        "katex",
        "0.19.1",
        "jG8uKntjSEcm2EpQOh0XturpPuuC9r3Sq5HLHdsFdWZT27E672SF19QEi+of0/YeOy15lDgRhKvr5614uRrEfA==",
        ("dist/katex.min.css", "dist/katex.min.js", "dist/contrib/mhchem.min.js", "dist/fonts/*.woff2"),
    ),
    Package(
        "plotly.js-dist-min",
        "4.1.2",
        "VSmS9KVNun16S8qFYYp9LlL/XBby4ueeGqB+K9AqRCVsup8dSpGULap4UyR1f2mz4pV3qjWp1sR5chwLgIKPoQ==",
        ("plotly.min.js",),
        ("plotly", "package_data/plotly.min.js"),
    ),
    Package(
        "vega",
        "6.4.0",
        "rHXCq2LpEWCLMjXBEj7hocY9G0/i5TGYRayGGSj06VTF4+l2IG2Z7oeZKCjWbUh/7hTE/mVhbaOPB72wCElh6g==",
        ("build/vega.min.js",),
    ),
    Package(
        "vega-lite",
        "6.4.3",
        "d/7hPjfz560UERaQuTmGgIVfXAe3g2hJWeC+igDeaGohUdEoNrHLXgR/yTOBT8vV/lIuuKnw+0/xWWblkDwkMQ==",
        ("build/vega-lite.min.js",),
    ),
    Package(
        "vega-embed",
        "7.3.0",
        "wQ8s5GaSzqoKgmRfbRolgBrjE2CP7ZKHXqH7NijxMqPjpdWxSs4Dn8tvp9g0giQvh2cK+3p56sxjWWM0wNngGw==",
        ("build/vega-embed.min.js",),
    ),
    Package(
        "@jupyter-widgets/html-manager",
        "1.0.15",
        "5thBIV6ymNgmPVOHvzx+gGy8ZSKmSazhtGw4/c4xJDVzRhG9PTeQsRjF3FUTopvFi//SABeNz1yp47bCrJ3CQA==",
        ("dist/embed.js",),
    ),
    Package(
        "onnxruntime-web",
        "1.30.0",
        "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
        (),
    ),
    Package(
        "@huggingface/tokenizers",
        "0.2.0",
        "LidMHe1FpcSYH4vcSjXooda34pC0M8m1gmDOv7SQi6Iv+ib1zX7J3sHBCC9/3FPCkn2k1b55FneVqMRxrr99pg==",
        (),
    ),
)
BY_NAME = {package.name: package for package in PACKAGES}
# What a page asks for -> the packages behind it, in the order in which they load.
LIBRARIES = {
    "mermaid": ("mermaid",),
    "viz": ("@viz-js/viz",),
    "katex": ("katex",),
    "plotly": ("plotly.js-dist-min",),
    "vega": ("vega", "vega-lite", "vega-embed"),
    "widgets": ("@jupyter-widgets/html-manager",),
    "live": ("onnxruntime-web", "@huggingface/tokenizers"),  # of which `livemodels` takes what it needs
}


def files_of(library: str, store: Path) -> dict[str, Path] | None:
    """Path below the site's site_libs/ -> the file to serve there, in the order in which pages load them.

    Args:
        store: folder in which fetched packages are kept.

    Returns:
        None if one of its packages is not available.
    """
    found: dict[str, Path] = {}
    for name in LIBRARIES[library]:
        files = _package(BY_NAME[name], store)
        if files is None:
            return None
        found |= files
    return found


def loaded(files: dict[str, Path]) -> list[str]:
    """Those of a library's files that a page names: styles and scripts, not fonts."""
    return [name for name in files if name.endswith((".css", ".js"))]


def unpacked(package: Package, store: Path) -> Path | None:
    """The folder of a package that npm has, fetched if it is not there; None if it is not available."""
    kept = store / f"{package.name.rpartition('/')[2]}-{package.version}"
    return kept if kept.is_dir() or _fetch(package, kept) else None


def _package(package: Package, store: Path) -> dict[str, Path] | None:
    folder = package.name.rpartition("/")[2]
    if package.installed and (path := _installed(*package.installed)):
        return {f"{folder}/{path.name}": path}
    kept = unpacked(package, store)
    if kept is None:
        return None
    names = [name for pattern in package.files for name in _matching(kept, pattern)]
    return {f"{folder}/{_served(name)}": kept / name for name in names}


def _served(name: str) -> str:
    """Where a file of a package lies on the site: fonts keep their folder, for styles name them by it."""
    parts = name.split("/")
    return "/".join(parts[-2:]) if parts[-2:-1] == ["fonts"] else parts[-1]


def _matching(kept: Path, pattern: str) -> list[str]:
    return [path.relative_to(kept).as_posix() for path in sorted(kept.glob(pattern))]


def _installed(module: str, inner: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / inner).is_file():
            return Path(folder) / inner
    return None


def _fetch(package: Package, kept: Path) -> bool:
    """Fetch a package with npm into `kept`, which appears whole or not at all."""
    npm = shutil.which("npm")
    if not npm:
        return False
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=kept.parent) as work:
        archive = _packed(npm, package, Path(work))
        if archive is None:
            return False
        digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if digest != package.sha512:
            return False
        whole = Path(work) / "whole"
        with tarfile.open(archive) as tar:
            tar.extractall(whole, filter="data")
        try:
            os.rename(whole / "package", kept)
        except OSError:
            return kept.is_dir()  # another build was faster
    return True


def _packed(npm: str, package: Package, work: Path) -> Path | None:
    command = [npm, "pack", "--silent", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=60000"]
    command += ["--pack-destination", str(work), f"{package.name}@{package.version}"]
    try:
        done = run_within(command, math.inf, env=os.environ | {"npm_config_update_notifier": "false"})
    except (OSError, OverLimit):
        return None
    archives = sorted(work.glob("*.tgz"))
    return archives[0] if done.returncode == 0 and archives else None
