"""What a network may predict (eps, x_0 or v), and how to go from one to another; VP states against Karras' sigma.

All of it follows from one line, x_t = sqrt(alpha_bar_t) * x_0 + sqrt(1 - alpha_bar_t) * eps. In every function
`alpha_bar_t` is a float, or a tensor that broadcasts against the state (`schedules.alpha_bar_at` makes one for a batch
of timesteps). Its square roots are taken in its own precision, then cast to the state's.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

PREDICTIONS = ("eps", "x_0", "v")
State = Float[Tensor, "*shape"]
Level = float | Float[Tensor, "..."]


def add_noise(x_0: State, eps: State, *, alpha_bar_t: Level) -> State:
    """q(x_t | x_0): the forward process in one jump.

        x_t = sqrt(alpha_bar_t) * x_0 + sqrt(1 - alpha_bar_t) * eps

    Source: ho2020ddpm, Eq. 4.

    Args:
        x_0: clean data, any shape.
        eps: standard normal noise of the same shape.
        alpha_bar_t: the share of signal variance, in [0, 1].

    Returns:
        x_t, same shape and type as x_0.

    Raises:
        ValueError: if alpha_bar_t is not in [0, 1] (every function of this file does).
    """
    signal, noise = _roots(alpha_bar_t, x_0)
    return signal * x_0 + noise * eps


def x_0_from_eps(x_t: State, eps: State, *, alpha_bar_t: Level) -> State:
    """x_0_hat = (x_t - sqrt(1 - alpha_bar_t) * eps) / sqrt(alpha_bar_t).

    Source: ho2020ddpm, Eq. 15; song2021ddim, Eq. 9.

    Raises:
        ValueError: if alpha_bar_t is 0 anywhere: such a state is pure noise, and eps says nothing about x_0.
    """
    signal, noise = _roots(alpha_bar_t, x_t)
    _refuse_zero(
        signal,
        "alpha_bar_t is 0: eps says nothing about x_0 there; it must be > 0, or let the model predict 'x_0' or 'v'",
    )
    return (x_t - noise * eps) / signal


def eps_from_x_0(x_t: State, x_0: State, *, alpha_bar_t: Level) -> State:
    """eps = (x_t - sqrt(alpha_bar_t) * x_0) / sqrt(1 - alpha_bar_t).

    Source: ho2020ddpm, Eq. 4, solved for eps.

    Raises:
        ValueError: if alpha_bar_t is 1 anywhere: a clean state holds no noise to read off.
    """
    signal, noise = _roots(alpha_bar_t, x_t)
    _refuse_zero(
        noise,
        "alpha_bar_t is 1: x_0 says nothing about eps there; it must be < 1, or let the model predict 'eps' or 'v'",
    )
    return (x_t - signal * x_0) / noise


def v_from_x_0_eps(x_0: State, eps: State, *, alpha_bar_t: Level) -> State:
    """v = sqrt(alpha_bar_t) * eps - sqrt(1 - alpha_bar_t) * x_0.

    Source: salimans2022progressive, Sec. 4 and Appendix D (its alpha and sigma are our two square roots).
    """
    signal, noise = _roots(alpha_bar_t, x_0)
    return signal * eps - noise * x_0


def x_0_from_v(x_t: State, v: State, *, alpha_bar_t: Level) -> State:
    """x_0_hat = sqrt(alpha_bar_t) * x_t - sqrt(1 - alpha_bar_t) * v. Defined at every alpha_bar_t, 0 and 1 included.

    Source: salimans2022progressive, Sec. 4 and Appendix D.
    """
    signal, noise = _roots(alpha_bar_t, x_t)
    return signal * x_t - noise * v


def eps_from_v(x_t: State, v: State, *, alpha_bar_t: Level) -> State:
    """eps_hat = sqrt(1 - alpha_bar_t) * x_t + sqrt(alpha_bar_t) * v. Defined at every alpha_bar_t, 0 and 1 included.

    Source: salimans2022progressive, Appendix D.
    """
    signal, noise = _roots(alpha_bar_t, x_t)
    return noise * x_t + signal * v


def predictions(output: State, x_t: State, *, alpha_bar_t: Level, prediction: str = "eps") -> tuple[State, State]:
    """(x_0_hat, eps_hat) from whatever the network predicts.

    Args:
        output: the network's output at x_t.
        x_t: the state that it saw.
        alpha_bar_t: noise level of x_t, in [0, 1].
        prediction: "eps", "x_0" or "v".

    Returns:
        the two halves of x_t: x_t = sqrt(alpha_bar_t) * x_0_hat + sqrt(1 - alpha_bar_t) * eps_hat.

    Raises:
        ValueError: if `prediction` is unknown; if alpha_bar_t is 0 with "eps", or 1 with "x_0".
    """
    check_prediction(prediction)
    if prediction == "eps":
        return x_0_from_eps(x_t, output, alpha_bar_t=alpha_bar_t), output
    if prediction == "x_0":
        return output, eps_from_x_0(x_t, output, alpha_bar_t=alpha_bar_t)
    return x_0_from_v(x_t, output, alpha_bar_t=alpha_bar_t), eps_from_v(x_t, output, alpha_bar_t=alpha_bar_t)


def check_prediction(prediction: str) -> None:
    """Raises ValueError unless `prediction` is "eps", "x_0" or "v"."""
    if prediction not in PREDICTIONS:
        raise ValueError(f"prediction is {prediction!r}; choose one of {', '.join(map(repr, PREDICTIONS))}")


def finite(output: Tensor, t: int) -> Tensor:
    """`output`, or a ValueError that names the timestep if it holds NaN or infinity."""
    if not torch.isfinite(output).all():
        bad = "NaN" if torch.isnan(output).any() else "infinity"
        raise ValueError(f"the model returned {bad} at t = {t}; every value must be finite")
    return output


def sigma_from_alpha_bar(alpha_bar_t: Level) -> Level:
    """sigma = sqrt((1 - alpha_bar_t) / alpha_bar_t): Karras' noise level, the noise added to *unscaled* data.

    Source: karras2022edm, Table 1 (VP column: s(t) = 1 / sqrt(1 + sigma^2) = sqrt(alpha_bar_t)).

    Raises:
        ValueError: if alpha_bar_t is not in (0, 1].
    """
    _check_alpha_bar(alpha_bar_t)
    _refuse_zero(alpha_bar_t, "alpha_bar_t is 0: sigma is infinite there; it must be in (0, 1]")
    return ((1 - alpha_bar_t) / alpha_bar_t) ** 0.5


def alpha_bar_from_sigma(sigma: Level) -> Level:
    """alpha_bar_t = 1 / (1 + sigma^2), the inverse of `sigma_from_alpha_bar`. sigma >= 0."""
    return 1 / (1 + sigma**2)


def karras_state(x_t: State, *, alpha_bar_t: Level) -> State:
    """x_t / sqrt(alpha_bar_t) = x_0 + sigma * eps: the VP state without its scaling.

    Source: karras2022edm, Eq. 4 and Table 1 (x = s(t) * x-hat); song2021ddim, Sec. 4.3, calls it x-bar.

    Raises:
        ValueError: if alpha_bar_t is 0 anywhere.
    """
    signal, _ = _roots(alpha_bar_t, x_t)
    _refuse_zero(signal, "alpha_bar_t is 0: the unscaled state is infinite there; it must be in (0, 1]")
    return x_t / signal


def _roots(alpha_bar_t: Level, like: Tensor) -> tuple[Level, Level]:
    """(sqrt(alpha_bar_t), sqrt(1 - alpha_bar_t)), cast to `like` after the root."""
    _check_alpha_bar(alpha_bar_t)
    if not isinstance(alpha_bar_t, Tensor):
        return math.sqrt(alpha_bar_t), math.sqrt(1 - alpha_bar_t)
    # 1 - alpha_bar_t of a float32 near 1 has few digits left; so root first, in the schedule's float64, then cast
    return alpha_bar_t.sqrt().to(like), (1 - alpha_bar_t).sqrt().to(like)


def _check_alpha_bar(alpha_bar_t: Level) -> None:
    inside = (alpha_bar_t >= 0) & (alpha_bar_t <= 1)
    if not (bool(inside.all()) if isinstance(inside, Tensor) else inside):
        raise ValueError(f"alpha_bar_t is {alpha_bar_t}; it must be in [0, 1]")


def _refuse_zero(value: Level, message: str) -> None:
    if bool(torch.any(value == 0)) if isinstance(value, Tensor) else value == 0:
        raise ValueError(message)
