"""How slow this machine is, compared with the one that limits on processor time are meant for.

Measured in a process of its own, in processor time, when a limit is reached and not before, by a product of
matrices in NumPy, which is most of what posts on models compute, or by a loop in Python where there is no NumPy.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

PRODUCT = 60.0  # GFLOP/s of a core of that machine: float32, 1024 x 1024 by 1024 x 1024
LOOP = 17.0  # millions of rounds of the loop below that it does in a second
ENOUGH = 0.15  # seconds to measure for


@dataclass(frozen=True)
class Speed:
    """What a core of this machine does.

    Args:
        slower: how many times as long as the reference it takes; never below 1.
        told: what was measured, in words; "" if nothing could be.
    """

    slower: float = 1.0
    told: str = ""


@functools.cache
def speed() -> Speed:
    """Of this machine, measured at the first call."""
    alone = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM")}
    command = [sys.executable, "-P", __file__]
    try:
        done = subprocess.run(command, env=os.environ | alone, capture_output=True, text=True, check=True)
        kind, found = json.loads(done.stdout)
        return of(kind, float(found))
    except (OSError, ValueError, subprocess.SubprocessError):
        return Speed()


def of(kind: str, found: float) -> Speed:
    """What this result of a measurement, "product" or "loop", says."""
    if kind == "product":
        return Speed(max(1.0, PRODUCT / found), f"{found:.2g} GFLOP/s per core; the limit assumes {PRODUCT:g}")
    words = f"{found:.2g} million rounds per second of a loop in Python; the limit assumes {LOOP:g}"
    return Speed(max(1.0, LOOP / found), words)


def measure() -> tuple[str, float]:
    """Which of the two was measured, and what a core did."""
    try:
        import numpy as np
    except ImportError:
        return "loop", _best(_loop, 0.2)
    matrix = np.ones((1024, 1024), np.float32)
    return "product", _best(lambda: matrix @ matrix, 2 * 1.024**3)


def _best(work: Callable[[], object], amount: float) -> float:
    best, start = 0.0, time.process_time()
    while (before := time.process_time()) - start < ENOUGH:
        work()
        best = max(best, amount / (time.process_time() - before))
    return best


def _loop() -> float:
    value = 0.0
    for number in range(200_000):
        value = 0.5 * value + number
    return value


if __name__ == "__main__":
    print(json.dumps(measure()))
