"""Every estimate, on a world that is known: its interval holds the truth, and shows an effect as often as designed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.evidence.worlds import WORLDS, units

EXPERIMENTS = 1000


def found(world, n, there):
    return [world.draw(np.random.default_rng(seed), n, there, 0.95) for seed in range(EXPERIMENTS)]


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_the_truth_is_held_and_an_effect_of_delta_is_shown_as_often_as_designed(world):
    n = units(world)
    for there in (False, True):
        estimates, truth = found(world, n, there), world.truth(there)
        held = np.mean([e.low <= truth <= e.high for e in estimates])
        least, most = world.held
        assert least <= held <= most, f"{world.name}: {held:.1%} of intervals hold {truth:.3g}, n = {n}"
    shown = np.mean([e.low > world.than for e in estimates])
    # Below, where the effect has a longer tail than nothing has; above, where seven units are all there are.
    assert 0.62 <= shown <= 0.93, f"{world.name}: {shown:.1%} show the effect, n = {n}"


def test_no_effect_is_shown_twice_the_power_minus_one_of_the_time():
    """What `units_for` says of equivalence."""
    world = WORLDS[0]
    for power in (0.8, 0.9):
        n = units(world, power)
        within = np.mean([max(-e.low, e.high) <= world.delta for e in found(world, n, False)])
        assert within == pytest.approx(2 * power - 1, abs=3 * math.sqrt(0.25 / EXPERIMENTS))
