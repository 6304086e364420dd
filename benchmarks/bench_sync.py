"""`press sync` on a generated library of 10,000 items from a server on loopback: first, nothing changed, one item changed.

    .venv/bin/python benchmarks/bench_sync.py [--items 10000]

Prints CPU seconds of the sync (the server runs in another process's time), wall time, peak memory and requests.
Targets with 10,000 items: first sync <= 60 s and <= 500 MB; nothing changed <= 1 s in one request; one changed item <= 3 requests.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import calibration

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "lib"), str(ROOT)]

from tests.press.intake.zotero.test_scale import generated  # noqa: E402
from tests.press.intake.zotero.zotero import Server  # noqa: E402


def measure(name: str, root: Path, server: Server) -> None:
    server.log.clear()
    environment = os.environ | server.environment | {"PYTHONPATH": str(ROOT / "lib")}
    command = [sys.executable, "-m", "press.cli", "sync", "--root", str(root)]
    start = time.monotonic()
    null = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    pid = os.posix_spawn(command[0], command, environment, file_actions=[null])
    _, status, usage = os.wait4(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    cpu, wall = usage.ru_utime + usage.ru_stime, time.monotonic() - start
    print(
        f"{name:18} {cpu:6.2f} s CPU {wall:6.2f} s wall {usage.ru_maxrss / 1024:5.0f} MB {len(server.log):4d} requests"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000)
    count = parser.parse_args().items
    library = generated(count)
    with tempfile.TemporaryDirectory() as folder, Server(library) as server:
        root = Path(folder)
        (root / "_quarto.yml").write_text("bibliography: references.bib\n")
        measure(f"first, {count} items", root, server)
        measure("nothing changed", root, server)
        library.put("K0000005", title="Changed")
        measure("one item changed", root, server)
    calibration.tell()


if __name__ == "__main__":
    main()
