"""Rectified flow and flow matching: the velocity of any path, its loss for given pairs, reflow, and straightness.

A flow's time is its noise u: 0 is data and 1 is noise, and the velocity is dx/du. Liu et al. and Lipman et al. let time
run the other way, so that their velocity is minus ours and their x_0 is our eps. A flow needs no sampler of its own:
`euler.euler_sample` and all others walk down `ladders.flow_levels` with prediction="velocity".
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from diffloop.euler import euler_sample
from diffloop.exact import GaussianMixture, mixture_posterior_mean, mixture_score
from diffloop.levels import Level, Number, number_like
from diffloop.parameterization import add_noise, target
from diffloop.types import Model, State

Paths = Float[Tensor, "n b ..."]


def pair_loss(model: Model, x_0: State, eps: State, level: Level) -> Float[Tensor, " b"]:
    """One number per pair: the mean squared error of the velocity that the model predicts on the line between the two.

        mean |v(x_t) - (eps - x_0)|^2,   x_t = (1 - u) * x_0 + u * eps

    Source: liu2023rectified, Eq. 1 and Algorithm 1; lipman2023flow, Eq. 9 and 23 (with sigma_min = 0). Its gradient is
    that of Eq. 5 there, which has the unknown mean velocity in place of eps - x_0.

    `denoising.level_loss` is the same for noise that is drawn independently of the data; here the pairs are given, as
    reflow needs.

    Args:
        model: (x_t, level) -> velocity.
        x_0, eps: the pairs, row by row.
        level: of each pair, straight: `Level(1 - u, u, u.flatten())` with u of (b, 1, ..., 1).
    """
    wanted = target(x_0, eps, level, prediction="velocity")
    return (model(add_noise(x_0, eps, level), level) - wanted).square().flatten(1).mean(1)


def reflow(model: Model, eps: State, levels: Sequence[Level]) -> tuple[Tensor, Tensor]:
    """(x_0, eps): each noise with the data to which the flow takes it, to train the next flow on. No gradients.

    Source: liu2023rectified, Algorithm 1 (Reflow), by Euler's method.

    Args:
        model: (x_t, level) -> velocity.
        eps: standard normal noise.
        levels: from pure noise to clean data, as from `ladders.flow_levels`.

    Raises:
        ValueError: if the levels do not lead from pure noise to clean data; see `euler.euler_sample`.
    """
    levels = list(levels)
    if len(levels) < 2 or levels[0].signal != 0 or levels[-1].noise != 0:
        raise ValueError(f"levels is {levels}; it must lead from signal 0, pure noise, to noise 0, clean data")
    with torch.no_grad():
        *_, x_0 = euler_sample(model, eps, levels, prediction="velocity")
    return x_0, eps


def straightness(states: Paths, times: Sequence[float] | Float[Tensor, " n"]) -> Float[Tensor, " b"]:
    """How far each path is from a straight line at constant speed: 0 is straight, and one Euler step is then exact.

        S = integral over t in [0, 1] of |(Z_1 - Z_0) - dZ/dt|^2

    Source: liu2023rectified, Sec. 2.2. Between two states the mean speed is taken, so that S grows towards the
    integral as the states get closer.

    Args:
        states: (n, b, ...), each path's states in order, n >= 2.
        times: of the states, strictly rising or falling; their range is scaled to [0, 1].

    Raises:
        ValueError: if there are fewer than two states, not as many times, or the times do not rise or fall strictly.
    """
    t = torch.as_tensor(times, dtype=torch.float64, device=states.device)
    steps = t.diff()
    if len(states) < 2 or t.shape != states.shape[:1] or not ((steps > 0).all() or (steps < 0).all()):
        raise ValueError(
            f"times is {t.tolist()} for {len(states)} states; need two states or more, and a time for each, strictly "
            "rising or falling"
        )
    parts = (steps / steps.sum()).to(states.dtype)
    speeds = states.diff(dim=0).flatten(2) / parts[:, None, None]
    off = speeds - (states[-1] - states[0]).flatten(1)
    return (parts[:, None] * off.square().sum(2)).sum(0)


def conditional_velocity(x_t: State, x_0: State, level: Level, signal_rate: Number, noise_rate: Number) -> State:
    """dx/dt at x_t on the path signal * x_0 + noise * eps that leads to one data point.

        noise_rate / noise * (x_t - signal * x_0) + signal_rate * x_0

    Source: lipman2023flow, Eq. 15 (its mu is signal * x_0, its sigma the noise; the prime is the rate).

    Args:
        level: of x_t, of some noise.
        signal_rate, noise_rate: d signal / dt and d noise / dt there; -1 and 1 on the straight path.

    Raises:
        ValueError: if the noise is 0.
    """
    if (level.noise == 0).any() if isinstance(level.noise, Tensor) else level.noise == 0:
        raise ValueError("noise is 0: a clean state holds no eps to read off; it must be > 0")
    signal, noise, a, b = (number_like(n, x_t) for n in (level.signal, level.noise, signal_rate, noise_rate))
    return b / noise * (x_t - signal * x_0) + a * x_0


def mixture_velocity_model(mixture: GaussianMixture, *, signal_rate: Number = -1.0, noise_rate: Number = 1.0) -> Model:
    """(x_t, level) -> E[dx/dt | x_t], the mean of the velocities of all paths through x_t: what an ideal network gives.

    Source: lipman2023flow, Eq. 8; liu2023rectified, Eq. 2 (where the path is straight).

    Args:
        mixture: the data.
        signal_rate, noise_rate: as for `conditional_velocity`; by default of the straight path; sample as "velocity".
    """

    def model(x_t: Tensor, level: Level) -> Tensor:
        x_0_hat = mixture_posterior_mean(x_t, mixture, level)
        eps_hat = -number_like(level.noise, x_t) * mixture_score(x_t, mixture, level)
        return number_like(signal_rate, x_t) * x_0_hat + number_like(noise_rate, x_t) * eps_hat

    return model


def logit_normal(b: int, generator: torch.Generator, *, mean: float = 0.0, std: float = 1.0) -> Float[Tensor, " b"]:
    """b times in (0, 1) for training, float32, most of them in the middle: the logistic function of a normal variable.

    Source: esser2024sd3, Eq. 19 (its m and s).

    Args:
        mean: above 0 favours noise, below 0 data.
        std: > 0, how wide.

    Raises:
        ValueError: if std is not above 0.
    """
    if not std > 0:
        raise ValueError(f"std is {std}; it must be above 0")
    return torch.sigmoid(mean + std * torch.randn(b, generator=generator))
