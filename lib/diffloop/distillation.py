"""Progressive distillation: a student that does in one DDIM step what its teacher does in two, again and again.

From 8 steps to 4, with models (x_t, level, cond) -> prediction, cond being whatever they take:

    levels = trained_levels(bars, spaced_timesteps(8, spacing="trailing"))
    for step, loss in halve_steps(student, teacher, draw, levels, optimizer, steps=1000, generator=g): ...
    *_, x_0 = ddim_sample(under(student, cond), x_T, halved(levels), prediction="v")

The student is then the teacher of the next round, with `halved(levels)`. Guidance: `guided_distillation.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Optimizer

from diffloop.denoising import stratified
from diffloop.levels import Level, Number, number_like, pick, steps_down
from diffloop.noise import draw_noise
from diffloop.parameterization import add_noise, check_prediction, predictions
from diffloop.training import train
from diffloop.transfer import carried
from diffloop.types import Model, State

WEIGHTINGS = ("snr", "truncated_snr", "snr+1")
CondModel = Callable[[Tensor, Level, Any], Tensor]  # (x_t, level, cond) -> prediction
Draw = Callable[[torch.Generator], tuple[Tensor, Any]]  # a batch: (x_0, cond)


def implied_x_0(x_t: State, x_prev: State, at: Level, to: Level) -> State:
    """The x_0_hat with which one DDIM step goes from x_t to x_prev, however x_prev was obtained.

        ratio = to.noise / at.noise
        x_0   = (x_prev - ratio * x_t) / (to.signal - ratio * at.signal)

    Source: salimans2022progressive, Algorithm 2 (its x-tilde) and Appendix G. For nearby levels this divides one small
    difference by another; `two_step_target` gives the same without losing digits.

    Raises:
        ValueError: unless the noise falls from `at` to `to`.
    """
    _check_falls(at, to)
    ratio = to.noise / at.noise
    gap = to.signal - ratio * at.signal
    return (x_prev - number_like(ratio, x_t) * x_t) / number_like(gap, x_t)


def two_step_target(x_0_hat: State, x_0_hat_mid: State, at: Level, mid: Level, to: Level) -> State:
    """x_0 with which one DDIM step does what two steps of the teacher do: a weighted mean of its two predictions.

        r_1, r_2 = mid.noise / at.noise, to.noise / mid.noise
        first    = r_2 * (mid.signal - r_1 * at.signal)
        second   = to.signal - r_2 * mid.signal
        target   = (first * x_0_hat + second * x_0_hat_mid) / (first + second)

    Source: salimans2022progressive, Algorithm 2, with its two DDIM steps written out: x_t drops out. Both weights are
    >= 0. The last step, to clean data, has first = 0: there the target is just the second prediction.

    Args:
        x_0_hat: the teacher's prediction at (x_t, at).
        x_0_hat_mid: its prediction at the state that its first step leads to, at `mid`.
        at, mid, to: levels of falling noise, shared by all items or one per item.

    Raises:
        ValueError: unless the noise falls.
    """
    _check_falls(at, mid)
    _check_falls(mid, to)
    r_1, r_2 = mid.noise / at.noise, to.noise / mid.noise
    first, second = r_2 * (mid.signal - r_1 * at.signal), to.signal - r_2 * mid.signal
    share = number_like(second / (first + second), x_0_hat)
    return (1 - share) * x_0_hat + share * x_0_hat_mid


def distillation_weight(level: Level, *, weighting: str) -> Number:
    """The factor before |target - x_0_hat|^2, from SNR = signal^2 / noise^2.

        snr             SNR           the loss is that of eps; 0 where the signal is 0, so x_0 is not learned there
        truncated_snr   max(SNR, 1)   the larger of the losses of x_0 and of eps
        snr+1           SNR + 1       the loss is that of v

    Source: salimans2022progressive, Sec. 4 (SNR is its Eq. 9).

    Raises:
        ValueError: if weighting is unknown, or the level is clean.
    """
    if weighting not in WEIGHTINGS:
        raise ValueError(f"weighting is {weighting!r}; choose one of {', '.join(map(repr, WEIGHTINGS))}")
    signal, noise = (torch.as_tensor(x, dtype=torch.float64) for x in (level.signal, level.noise))
    if not bool((noise > 0).all()):
        raise ValueError(f"noise is {level.noise}; it must be above 0: a clean state has no weight")
    snr = (signal / noise) ** 2
    weight = {"snr": snr, "truncated_snr": snr.clamp(min=1), "snr+1": snr + 1}[weighting]
    return weight if isinstance(level.signal, Tensor) else weight.item()


def distillation_loss(
    output: State, target: State, x_t: State, level: Level, *, prediction: str, weighting: str
) -> Float[Tensor, " b"]:
    """weight * mean |target - x_0_hat|^2 of each item, x_0_hat from the student's output at x_t.

    Source: salimans2022progressive, Algorithm 2 (L_theta). With "v" and "snr+1" it is the plain error of v.

    Args:
        output: the student's, at (x_t, level).
        target: of x_0, see `two_step_target`.
        prediction: what the output is: "eps", "x_0" or "v".
        weighting: see `distillation_weight`.

    Raises:
        ValueError: if prediction or weighting is unknown; see `predictions`.
    """
    x_0_hat, _ = predictions(output, x_t, level, prediction=prediction)
    weight = torch.as_tensor(distillation_weight(level, weighting=weighting)).flatten()
    weight = carried(weight, x_t.device, x_t.dtype)
    return weight * (x_0_hat - target).square().flatten(1).mean(1)


@torch.no_grad()
def teacher_target(teacher: Model, x_t: State, at: Level, mid: Level, to: Level, *, prediction: str) -> State:
    """`two_step_target` of a teacher (x_t, level) -> prediction.

    Source: salimans2022progressive, Algorithm 2 (its two DDIM steps, each as in Eq. 7, and x-tilde).

    Args:
        x_t: the state at `at`.
        at, mid, to: levels of falling noise, shared by all items or one per item.
        prediction: what the teacher returns.

    Raises:
        ValueError: unless the noise falls; see `predictions`.
    """
    first, eps = predictions(teacher(x_t, at), x_t, at, prediction=prediction)
    x_mid = add_noise(first, eps, mid)  # a DDIM step with eta = 0
    second, _ = predictions(teacher(x_mid, mid), x_mid, mid, prediction=prediction)
    return two_step_target(first, second, at, mid, to)


def halved(levels: Sequence[Level]) -> list[Level]:
    """The student's ladder: every second level of the teacher's, from the noisiest to the end.

    Raises:
        ValueError: if the teacher's number of steps is odd.
    """
    if len(levels) % 2 == 0:
        raise ValueError(f"the teacher takes {len(levels) - 1} steps; their number must be even")
    return list(levels[::2])


def halving_loss(
    student: CondModel,
    teacher: CondModel,
    x_0: State,
    cond: Any,
    levels: Sequence[Level],
    generator: torch.Generator,
    *,
    prediction: str = "v",
    teacher_prediction: str | None = None,
    weighting: str = "truncated_snr",
) -> Float[Tensor, ""]:
    """Error of one student step against two of the teacher, at random steps with random noise: one batch's loss.

    Source: salimans2022progressive, Algorithm 2. The steps of a batch are stratified, as in `denoising_loss`.

    Args:
        x_0, cond: a batch of clean data, and what both models take with it.
        generator: on the CPU.
        others: as for `halve_steps`.
    """
    i = 2 * stratified(len(x_0), len(levels) // 2, generator)
    at, mid, to = (pick(levels, i + k, x_0.ndim) for k in range(3))
    eps = draw_noise(x_0.shape, generator, dtype=x_0.dtype, device=x_0.device)
    x_t = add_noise(x_0, eps, at)
    target = teacher_target(under(teacher, cond), x_t, at, mid, to, prediction=teacher_prediction or prediction)
    output = student(x_t, at, cond)
    return distillation_loss(output, target, x_t, at, prediction=prediction, weighting=weighting).mean()


def halve_steps(
    student: CondModel,
    teacher: CondModel,
    draw: Draw,
    levels: Sequence[Level],
    optimizer: Optimizer,
    *,
    steps: int,
    generator: torch.Generator,
    prediction: str = "v",
    teacher_prediction: str | None = None,
    weighting: str = "truncated_snr",
    checkpoint: str | Path | None = None,
    save_every: int = 100,
    inputs: Sequence[Tensor] = (),
) -> Iterator[tuple[int, float]]:
    """Train a student to sample in half as many DDIM steps as its teacher: one round. Yields (step, loss).

    Source: salimans2022progressive, Algorithm 2; with (cond, guidance_scale) as cond, meng2023guided, Sec. 3.2.
    Departure: the paper's noisiest state is pure noise; here it is the ladder's.

    Args:
        student: (x_t, level, cond) -> prediction; starts as a copy of the teacher.
        teacher: the same, frozen.
        draw: generator -> a batch (x_0, cond); cond is passed to both models unchanged.
        levels: the teacher's ladder, of an even number of steps; the student's is `halved(levels)`.
        optimizer: holds the student's parameters.
        prediction, teacher_prediction: what they return: "eps", "x_0" or "v". None: the same.
        weighting: see `distillation_weight`.
        steps, generator, checkpoint, save_every: as for `train`.
        inputs: as for `train`; name the data and the teacher's weights.

    Raises:
        ValueError: at the call: if the number of steps is odd, or a prediction or the weighting is unknown; see
            `steps_down` and `train`.
    """
    halved(levels)
    check_distillation(prediction, teacher_prediction or prediction, weighting)
    steps_down(levels)
    how = {"prediction": prediction, "teacher_prediction": teacher_prediction, "weighting": weighting}

    def loss_at(generator: torch.Generator) -> Tensor:
        return halving_loss(student, teacher, *draw(generator), levels, generator, **how)

    saving = {"checkpoint": checkpoint, "save_every": save_every}
    return train(loss_at, optimizer, steps=steps, generator=generator, inputs=inputs, **saving)


def under(model: CondModel, cond: Any) -> Model:
    """(x_t, level) -> model(x_t, level, cond): what the samplers call."""
    return lambda x_t, level: model(x_t, level, cond)


def check_distillation(prediction: str, teacher_prediction: str, weighting: str) -> None:
    """Raises ValueError unless all three are known."""
    check_prediction(prediction)
    check_prediction(teacher_prediction)
    distillation_weight(Level(0.0, 1.0), weighting=weighting)


def _check_falls(at: Level, to: Level) -> None:
    falls = at.noise * to.signal > to.noise * at.signal
    if not (bool(falls.all()) if isinstance(falls, Tensor) else falls):
        raise ValueError(f"the levels are {at} and {to}; noise / signal must fall from one to the next")
