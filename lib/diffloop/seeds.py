"""Streams of random numbers by name: a run's seed, and an offset for each thing that is drawn with it."""

from __future__ import annotations

import torch

ROOM = 1_000_000  # offsets of one seed; no two seeds share a stream


def seeded(seed: int, offset: int = 0) -> torch.Generator:
    """A generator on the CPU whose stream depends on `seed` and `offset` alone, and differs from every other pair's.

    Args:
        seed: the run's, 0 or more.
        offset: which of its streams, in 0..ROOM - 1.

    Raises:
        ValueError: if either is out of range.
    """
    if seed < 0 or not 0 <= offset < ROOM:
        raise ValueError(f"seed is {seed} and offset {offset}; seed must be 0 or more, offset in 0..{ROOM - 1}")
    return torch.Generator().manual_seed(ROOM * seed + offset)


def seeded_each(seed: int, n: int, offset: int = 0) -> list[torch.Generator]:
    """n generators, one per picture, at offsets offset, offset + 1, ...: a picture's noise depends on no other picture.

    Raises:
        ValueError: see `seeded`; or if n is negative.
    """
    if n < 0:
        raise ValueError(f"n is {n}; it must be 0 or more")
    return [seeded(seed, offset + i) for i in range(n)]
