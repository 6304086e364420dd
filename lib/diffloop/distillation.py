"""Progressive distillation: a student that does in one DDIM step what its teacher does in two, again and again.

From 8 steps to 4, with models (x_t, t of shape (b,), cond) -> prediction, cond being whatever they take:

    timesteps = spaced_timesteps(8, spacing="trailing")
    for step, loss in halve_steps(student, teacher, draw, timesteps, bars, optimizer, steps=1000, generator=g): ...
    ddim_sample(at_int(student, cond), x_T, halved(timesteps), bars, prediction="v")

The student is then the teacher of the next round, with `halved(timesteps)`. Guidance: `guided_distillation.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.optim import Optimizer

from diffloop.denoising import stratified
from diffloop.noise import draw_noise
from diffloop.parameterization import add_noise, check_prediction, predictions
from diffloop.schedules import alpha_bar_at, step_pairs
from diffloop.training import train

WEIGHTINGS = ("snr", "truncated_snr", "snr+1")
State = Float[Tensor, "b ..."]
Level = float | Float[Tensor, "..."]
CondModel = Callable[[Tensor, Tensor, Any], Tensor]  # (x_t, t of shape (b,), cond) -> prediction
Draw = Callable[[torch.Generator], tuple[Tensor, Any]]  # a batch: (x_0, cond)


def implied_x_0(x_t: State, x_prev: State, *, alpha_bar_t: Level, alpha_bar_prev: Level) -> State:
    """The x_0_hat with which one DDIM step goes from x_t to x_prev, however x_prev came about.

        ratio = sqrt((1 - alpha_bar_prev) / (1 - alpha_bar_t))
        x_0   = (x_prev - ratio * x_t) / (sqrt(alpha_bar_prev) - ratio * sqrt(alpha_bar_t))

    Source: salimans2022progressive, Algorithm 2 (its x-tilde) and Appendix G. For steps close to each other this is a
    small difference over a small difference; `two_step_target` is the same without the loss of digits.

    Raises:
        ValueError: unless 0 <= alpha_bar_t < alpha_bar_prev <= 1.
    """
    a_t, a_prev = _levels(x_t, alpha_bar_t, alpha_bar_prev)
    ratio = ((1 - a_prev) / (1 - a_t)).sqrt()
    gap = a_prev.sqrt() - ratio * a_t.sqrt()
    return (x_prev - ratio.to(x_t) * x_t) / gap.to(x_t)


def two_step_target(
    x_0_hat: State, x_0_hat_mid: State, *, alpha_bar_t: Level, alpha_bar_mid: Level, alpha_bar_prev: Level
) -> State:
    """x_0 with which one DDIM step does what two steps of the teacher do: a weighted mean of its two predictions.

        r_1, r_2 = sqrt((1 - alpha_bar_mid) / (1 - alpha_bar_t)), sqrt((1 - alpha_bar_prev) / (1 - alpha_bar_mid))
        first    = r_2 * (sqrt(alpha_bar_mid) - r_1 * sqrt(alpha_bar_t))
        second   = sqrt(alpha_bar_prev) - r_2 * sqrt(alpha_bar_mid)
        target   = (first * x_0_hat + second * x_0_hat_mid) / (first + second)

    Source: salimans2022progressive, Algorithm 2, with its two DDIM steps written out: x_t drops out. Both weights are
    >= 0. The last step, to clean data, has first = 0: there the target is just the second prediction.

    Args:
        x_0_hat: the teacher's prediction at (x_t, alpha_bar_t).
        x_0_hat_mid: its prediction at the state that its first step leads to.
        alpha_bar_t, alpha_bar_mid, alpha_bar_prev: increasing levels, floats or broadcasting against the state.

    Raises:
        ValueError: unless 0 <= alpha_bar_t < alpha_bar_mid < alpha_bar_prev <= 1.
    """
    a_t, a_mid = _levels(x_0_hat, alpha_bar_t, alpha_bar_mid)
    _, a_prev = _levels(x_0_hat, alpha_bar_mid, alpha_bar_prev)
    r_1, r_2 = ((1 - a_mid) / (1 - a_t)).sqrt(), ((1 - a_prev) / (1 - a_mid)).sqrt()
    first = r_2 * (a_mid.sqrt() - r_1 * a_t.sqrt())
    second = a_prev.sqrt() - r_2 * a_mid.sqrt()
    share = (second / (first + second)).to(x_0_hat)
    return (1 - share) * x_0_hat + share * x_0_hat_mid


def distillation_weight(alpha_bar_t: Float[Tensor, "*shape"], *, weighting: str) -> Float[Tensor, "*shape"]:
    """The factor before |target - x_0_hat|^2, from SNR = alpha_bar_t / (1 - alpha_bar_t).

        snr             SNR           the loss is that of eps; 0 where alpha_bar_t = 0, so x_0 is not learned there
        truncated_snr   max(SNR, 1)   the larger of the losses of x_0 and of eps
        snr+1           SNR + 1       the loss is that of v

    Source: salimans2022progressive, Sec. 4 (SNR is its Eq. 9).

    Raises:
        ValueError: if weighting is unknown, or an alpha_bar_t is not in [0, 1).
    """
    if weighting not in WEIGHTINGS:
        raise ValueError(f"weighting is {weighting!r}; choose one of {', '.join(map(repr, WEIGHTINGS))}")
    if not bool(((alpha_bar_t >= 0) & (alpha_bar_t < 1)).all()):
        raise ValueError(f"alpha_bar_t is {alpha_bar_t}; it must be in [0, 1)")
    snr = alpha_bar_t / (1 - alpha_bar_t)
    return {"snr": snr, "truncated_snr": snr.clamp(min=1), "snr+1": snr + 1}[weighting]


def distillation_loss(
    output: State, target: State, x_t: State, alpha_bar_t: Level, *, prediction: str, weighting: str
) -> Float[Tensor, " b"]:
    """weight * mean |target - x_0_hat|^2 of each item, x_0_hat from the student's output at x_t.

    Source: salimans2022progressive, Algorithm 2 (L_theta). With "v" and "snr+1" it is the plain error of v.

    Raises:
        ValueError: if prediction or weighting is unknown; see `predictions`.
    """
    x_0_hat, _ = predictions(output, x_t, alpha_bar_t=alpha_bar_t, prediction=prediction)
    weight = distillation_weight(torch.as_tensor(alpha_bar_t), weighting=weighting).flatten().to(x_t)
    return weight * (x_0_hat - target).square().flatten(1).mean(1)


@torch.no_grad()
def teacher_target(
    teacher: Callable[[Tensor, Tensor], Tensor],
    x_t: State,
    times: tuple[Tensor, Tensor],
    levels: tuple[Level, Level, Level],
    *,
    prediction: str,
) -> State:
    """`two_step_target` of a teacher (x_t, t) -> prediction, at times (t, mid), to levels (alpha_bar at t, mid, prev).

    Source: salimans2022progressive, Algorithm 2 (its two DDIM steps, each as in Eq. 7, and x-tilde).
    """
    a_t, a_mid, a_prev = levels
    first, eps = predictions(teacher(x_t, times[0]), x_t, alpha_bar_t=a_t, prediction=prediction)
    x_mid = add_noise(first, eps, alpha_bar_t=a_mid)  # a DDIM step with eta = 0
    second, _ = predictions(teacher(x_mid, times[1]), x_mid, alpha_bar_t=a_mid, prediction=prediction)
    return two_step_target(first, second, alpha_bar_t=a_t, alpha_bar_mid=a_mid, alpha_bar_prev=a_prev)


def halved(timesteps: Int[Tensor, " n"]) -> Int[Tensor, " half"]:
    """The student's timesteps: every second one of the teacher's, from the noisiest.

    Raises:
        ValueError: if their number is odd.
    """
    if len(timesteps) % 2:
        raise ValueError(f"the teacher has {len(timesteps)} timesteps; their number must be even")
    return timesteps[::2]


def halving_loss(
    student: CondModel,
    teacher: CondModel,
    x_0: State,
    cond: Any,
    timesteps: Int[Tensor, " n"],
    alphas_cumprod: Float[Tensor, " T"],
    generator: torch.Generator,
    *,
    prediction: str = "v",
    teacher_prediction: str | None = None,
    weighting: str = "truncated_snr",
    set_alpha_to_one: bool = True,
) -> Float[Tensor, ""]:
    """How far one step of the student is from two of the teacher, at random steps and noises: one batch's loss.

    Source: salimans2022progressive, Algorithm 2. The steps of a batch are stratified, as in `denoising_loss`.

    Args:
        x_0, cond: a batch of clean data, and what both models take with it.
        generator: on the CPU.
        others: as for `halve_steps`.
    """
    pairs = step_pairs(timesteps, alphas_cumprod, set_alpha_to_one=set_alpha_to_one)
    ts = torch.tensor([t for t, _, _ in pairs])
    bars, prevs = torch.tensor([levels for _, *levels in pairs], dtype=torch.float64).T
    i = 2 * stratified(len(x_0), len(pairs) // 2, generator)
    times = ts[i].to(x_0.device), ts[i + 1].to(x_0.device)
    sources = ((bars, i), (bars, i + 1), (prevs, i + 1))
    a_t, a_mid, a_prev = (alpha_bar_at(levels, at, x_0.ndim) for levels, at in sources)
    eps = draw_noise(x_0.shape, generator, dtype=x_0.dtype, device=x_0.device)
    x_t = add_noise(x_0, eps, alpha_bar_t=a_t)
    target = teacher_target(
        lambda x, t: teacher(x, t, cond), x_t, times, (a_t, a_mid, a_prev), prediction=teacher_prediction or prediction
    )
    output = student(x_t, times[0], cond)
    return distillation_loss(output, target, x_t, a_t, prediction=prediction, weighting=weighting).mean()


def halve_steps(
    student: CondModel,
    teacher: CondModel,
    draw: Draw,
    timesteps: Int[Tensor, " n"],
    alphas_cumprod: Float[Tensor, " T"],
    optimizer: Optimizer,
    *,
    steps: int,
    generator: torch.Generator,
    prediction: str = "v",
    teacher_prediction: str | None = None,
    weighting: str = "truncated_snr",
    set_alpha_to_one: bool = True,
    checkpoint: str | Path | None = None,
    save_every: int = 100,
    inputs: Sequence[Tensor] = (),
) -> Iterator[tuple[int, float]]:
    """Train a student to sample in half as many DDIM steps as its teacher: one round. (step, loss).

    Source: salimans2022progressive, Algorithm 2; with (cond, guidance_scale) as cond, meng2023guided, Sec. 3.2.
    Departure: the paper's noisiest state is pure noise (alpha_bar = 0); here it is as alphas_cumprod has it.

    Args:
        student: (x_t, t, cond) -> prediction; starts as a copy of the teacher.
        teacher: the same, frozen.
        draw: generator -> a batch (x_0, cond); cond goes to both models as it is.
        timesteps: the teacher's, decreasing, of even number; the student's are `halved(timesteps)`.
        alphas_cumprod: alpha_bar for t = 0 .. T-1.
        optimizer: holds the student's parameters.
        prediction, teacher_prediction: what they return: "eps", "x_0" or "v". None: the same.
        weighting: see `distillation_weight`.
        set_alpha_to_one: where the last step leads, as for `ddim_sample`.
        steps, generator, checkpoint, save_every: as for `train`.
        inputs: as for `train`; name the data and the teacher's weights.

    Raises:
        ValueError: at the call: if the number of timesteps is odd, or a prediction or the weighting is unknown; see
            `step_pairs` and `train`.
    """
    halved(timesteps)
    check_distillation(prediction, teacher_prediction or prediction, weighting)
    step_pairs(timesteps, alphas_cumprod, set_alpha_to_one=set_alpha_to_one)
    how = {"prediction": prediction, "teacher_prediction": teacher_prediction, "weighting": weighting}
    how["set_alpha_to_one"] = set_alpha_to_one

    def loss_at(generator: torch.Generator) -> Tensor:
        return halving_loss(student, teacher, *draw(generator), timesteps, alphas_cumprod, generator, **how)

    saving = {"checkpoint": checkpoint, "save_every": save_every}
    return train(loss_at, optimizer, steps=steps, generator=generator, inputs=inputs, **saving)


def at_int(model: CondModel, cond: Any) -> Callable[[Tensor, int], Tensor]:
    """(x_t, t) -> model(x_t, t repeated, cond): what the samplers call."""
    return lambda x_t, t: model(x_t, torch.full((len(x_t),), t, device=x_t.device), cond)


def check_distillation(prediction: str, teacher_prediction: str, weighting: str) -> None:
    """Raises ValueError unless all three are known."""
    check_prediction(prediction)
    check_prediction(teacher_prediction)
    distillation_weight(torch.zeros(()), weighting=weighting)


def _levels(x: Tensor, alpha_bar_t: Level, alpha_bar_prev: Level) -> tuple[Tensor, Tensor]:
    """Both as float64 where x is, checked to increase."""
    a_t, a_prev = (torch.as_tensor(a, dtype=torch.float64, device=x.device) for a in (alpha_bar_t, alpha_bar_prev))
    if not bool(((a_t >= 0) & (a_t < a_prev) & (a_prev <= 1)).all()):
        raise ValueError(
            f"the levels are {a_t.flatten().tolist()} and {a_prev.flatten().tolist()}; they must increase in [0, 1]"
        )
    return a_t, a_prev
