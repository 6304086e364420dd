"""How well the estimates of lib/evidence do on worlds that are known exactly: a table for LOG.md, half a minute.

held      intervals of 95 % that hold the truth, where nothing is there and where an effect of delta is
wrong     intervals that lie on one side of the border although nothing is there
n         units that `units_for` asks for, from a pilot, for a power of 80 %
shown     with so many, intervals that lie above the border where the effect is there
NO EFFECT with so many, intervals that lie within delta of the border where nothing is there (60 % are to be expected)
used      units that were drawn where the effect is there, as a share of n

examples:
  python benchmarks/evidence_quality.py
  python benchmarks/evidence_quality.py --experiments 10000
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "lib")]

from tests.evidence.worlds import WORLDS, World, units  # noqa: E402

HEAD = ("estimate", "held, nothing", "held, delta", "wrong", "n", "shown", "NO EFFECT", "used")


def row(world: World, experiments: int) -> tuple[str, ...]:
    """A line of the table."""
    n = units(world)
    nothing, effect = (
        [world.draw(np.random.default_rng(seed), n, there, 0.95) for seed in range(experiments)]
        for there in (False, True)
    )

    def share(estimates, holds) -> str:
        return f"{100 * np.mean([holds(e) for e in estimates]):.1f} %"

    def held(estimates, there: bool) -> str:
        truth = world.truth(there)
        return share(estimates, lambda e: e.low <= truth <= e.high)

    low, high = world.than - world.delta, world.than + world.delta
    if world.log:
        low = world.than**2 / high  # the same factor on both sides
    return (
        world.name,
        held(nothing, False),
        held(effect, True),
        share(nothing, lambda e: not e.low <= world.than <= e.high),
        str(n),
        share(effect, lambda e: e.low > world.than),
        share(nothing, lambda e: low <= e.low and e.high <= high),
        f"{100 * np.mean([e.n for e in effect]) / n:.0f} %",
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=2000, help="per line and state (default: 2000)")
    experiments = parser.parse_args().experiments
    if experiments < 1:
        parser.error(f"--experiments {experiments}: must be 1 or more")
    print("| " + " | ".join(HEAD) + " |\n|---|" + "---:|" * (len(HEAD) - 1))
    for world in WORLDS:
        print("| " + " | ".join(row(world, experiments)) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
