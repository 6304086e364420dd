"""How long a run is, and its learning rate: warm-up, constant, cooldown."""

from __future__ import annotations

from typing import NamedTuple


class Budget(NamedTuple):
    """When to stop. steps: the run's total length, or None; minutes: of this call, or None; cooldown: the share of the
    whole during which the learning rate falls to zero, in [0, 1)."""

    steps: int | None
    minutes: float | None = None
    cooldown: float = 0.25


def learning_rate_scale(step: int, warmup: int, cooldown: tuple[int, int] | None) -> float:
    """Factor of the peak rate, in [0, 1]: a linear warm-up, 1, then 1 - sqrt(share) of a cooldown (start, length)."""
    scale = min(1.0, (step + 1) / max(warmup, 1))
    if cooldown and step >= cooldown[0]:
        scale *= 1.0 - min(1.0, (step - cooldown[0]) / max(cooldown[1], 1)) ** 0.5
    return scale


def plan_cooldown(budget: Budget, step: int, elapsed: float, done: int) -> tuple[int, int] | None:
    """(start, length) of the cooldown once it is known: from the number of steps, or when its share of time is left.

    elapsed: seconds of this call so far, in which it did `done` steps.
    """
    if budget.steps is not None:
        length = round(budget.steps * budget.cooldown)
        return budget.steps - length, length
    limit = 60 * budget.minutes
    if elapsed < limit * (1 - budget.cooldown) or done == 0:
        return None
    return step, max(0, round((limit - elapsed) / (elapsed / done)))


def share_done(budget: Budget, state: dict, first: int, elapsed: float) -> float:
    """Share of this call's work that is done, in (0, 1]. first: its first step; elapsed: its seconds so far."""
    end = budget.steps or (sum(state["cooldown"]) if state["cooldown"] else None)
    by_steps = (state["step"] - first) / max(end - first, 1) if end else 0.0
    return min(1.0, max(by_steps, elapsed / (60 * budget.minutes) if budget.minutes and not end else by_steps, 1e-6))
