"""DDPM: the posterior, one ancestral step, the sampling loop, and the terms of the variational bound.

Works for strided timesteps too: a step from one level to another is a step of the coarser chain whose beta is
`forward_std(at, to) ** 2`, which is what Diffusers does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from diffloop.levels import Level, forward_std, initial_std, posterior_std, steps_down, vp
from diffloop.noise import draw_noise, with_noise
from diffloop.parameterization import check_prediction, predict
from diffloop.types import Generators, Model, State

VARIANCES = ("small", "large")


def posterior_coefficients(at: Level, to: Level) -> tuple[float, float, float]:
    """q(x_prev | x_t, x_0) = N(coef_x_0 * x_0 + coef_x_t * x_t, beta_tilde): where x_t came from, had we known x_0.

        coef_x_0   = sqrt(alpha_bar_prev) * beta_t / (1 - alpha_bar_t)
        coef_x_t   = sqrt(1 - beta_t) * (1 - alpha_bar_prev) / (1 - alpha_bar_t)
        beta_tilde = (1 - alpha_bar_prev) / (1 - alpha_bar_t) * beta_t

    Source: ho2020ddpm, Eq. 6 and 7. Here with beta_t = forward_std^2, sqrt(1 - beta_t) = at.signal / to.signal and
    1 - alpha_bar = noise^2, which holds on every ladder.

    Args:
        at: level of x_t, of some noise.
        to: level of x_prev, less noisy; clean data is legal.

    Returns:
        (coef_x_0, coef_x_t, beta_tilde) as Python floats.

    Raises:
        ValueError: if `to` is noisier than `at`, or pure noise.
    """
    beta, var_t, var_prev = forward_std(at, to) ** 2, at.noise**2, to.noise**2
    return to.signal * beta / var_t, at.signal / to.signal * var_prev / var_t, var_prev / var_t * beta


def ddpm_step_std(at: Level, to: Level, *, variance: str = "small") -> float:
    """step_std, the standard deviation of the noise that a DDPM step adds (the paper's sigma_t).

        "small"   sqrt(beta_tilde), optimal if the data is a single known point
        "large"   sqrt(beta_t) of the VP chain, optimal if the data is standard normal; 0 in a step to clean data

    Source: ho2020ddpm, Sec. 3.2 (both choices) and Algorithm 2, line 3 (no noise in the last step). DDIM writes
    sigma-hat for "large" (song2021ddim, Sec. 5).

    Departures: Diffusers leaves the noise out at t = 0 only. With a last timestep above 0 ("trailing") its
    "fixed_large" leaves noise of variance 1 - alpha_bar_t in the result. Here no step to clean data is noisy.

    Raises:
        ValueError: if `variance` is unknown, or `to` is noisier than `at`.
    """
    _check_variance(variance)
    if variance == "small" or to.noise == 0:
        return posterior_std(at, to)
    return initial_std(to) * forward_std(vp(at), vp(to))  # beta_t is the VP chain's; in the scale of the result


def ddpm_step(
    x_t: State, x_0_hat: State, at: Level, to: Level, *, variance: str = "small", noise: State | None
) -> State:
    """x_prev ~ p(x_prev | x_t): the posterior with x_0_hat in place of x_0.

        x_prev = coef_x_0 * x_0_hat + coef_x_t * x_t + step_std * noise

    Source: ho2020ddpm, Eq. 7, 11 and Algorithm 2, line 4.

    Args:
        x_t: state at level `at`.
        x_0_hat: predicted clean data, see `parameterization.predict`.
        to: level of the result.
        variance: "small" or "large", see `ddpm_step_std`.
        noise: standard normal, like x_t. May be None if step_std is 0 (a step to clean data).

    Raises:
        ValueError: see `ddpm_step_std`; if noise is None and step_std > 0.
    """
    coef_x_0, coef_x_t, _ = posterior_coefficients(at, to)
    return with_noise(coef_x_0 * x_0_hat + coef_x_t * x_t, ddpm_step_std(at, to, variance=variance), noise)


def ddpm_sample(
    model: Model,
    x_T: State,
    levels: Sequence[Level],
    *,
    prediction: str = "eps",
    generator: Generators | None = None,
    variance: str = "small",
) -> Iterator[Tensor]:
    """x_prev after each step, the last one being the sample: `*_, x_0 = ddpm_sample(...)`.

    Source: ho2020ddpm, Algorithm 2.

    Args:
        model, x_T, levels, prediction: see `types.Sampler`.
        generator: needed unless the only step leads to clean data.
        variance: "small" or "large", see `ddpm_step_std`.

    Raises:
        ValueError: at the call: see `levels.steps_down`, or variance or prediction unknown, or generator None if
            noise is needed; while iterating: see `parameterization.predict`.
    """
    _check_variance(variance)
    check_prediction(prediction)
    steps = steps_down(levels)
    if generator is None and any(to.noise > 0 for _, to in steps):
        raise ValueError(
            "generator is None; DDPM draws noise in every step but the last: pass a torch.Generator on the CPU"
        )

    def states() -> Iterator[Tensor]:
        x_t = x_T
        for at, to in steps:
            x_0_hat, _ = predict(model, x_t, at, prediction=prediction)
            noisy = to.noise > 0
            noise = draw_noise(x_t.shape, generator, dtype=x_t.dtype, device=x_t.device) if noisy else None
            x_t = ddpm_step(x_t, x_0_hat, at, to, variance=variance, noise=noise)
            yield x_t

    return states()


def loss_weights(alphas_cumprod: Float[Tensor, " T"], *, variance: str = "large") -> Float[Tensor, " T"]:
    """The factor before |eps - eps_hat|^2 in the bound, which L_simple (Eq. 14) replaces by 1.

        beta_t ** 2 / (2 * step_std ** 2 * (1 - beta_t) * (1 - alpha_bar_t))

    Source: ho2020ddpm, Eq. 12. Index t here is the paper's t + 1. With "small" the first entry is infinite (its
    posterior has no variance); the paper has another term there, L_0.

    Raises:
        ValueError: if `variance` is unknown.
    """
    _check_variance(variance)
    a_t = alphas_cumprod.double()
    a_prev = torch.cat([a_t.new_ones(1), a_t[:-1]])
    beta = 1 - a_t / a_prev
    step_var = beta if variance == "large" else (1 - a_prev) / (1 - a_t) * beta
    return beta**2 / (2 * step_var * (1 - beta) * (1 - a_t))


def kl_prior(x_0: State, level: Level) -> Float[Tensor, " b"]:
    """L_T = KL(q(x_T | x_0) || N(0, I)) in nats, summed over each item.

    Source: ho2020ddpm, Eq. 5 (first term), between two Gaussians. level: the noisiest one, VP.
    """
    a = level.signal**2
    return 0.5 * (a * x_0**2 - a - math.log1p(-a)).flatten(1).sum(1)


def kl_step(eps: State, eps_hat: State, at: Level, to: Level, *, variance: str = "large") -> Float[Tensor, " b"]:
    """L_{t-1} = KL(q(x_prev | x_t, x_0) || p(x_prev | x_t)) in nats, summed over each item.

        beta_t**2 / (2 * step_std**2 * (1 - beta_t) * (1 - alpha_bar_t)) * |eps - eps_hat|^2
            + d / 2 * (beta_tilde / step_std**2 - 1 - log(beta_tilde / step_std**2))

    Source: ho2020ddpm, Eq. 5, 8 and 12. The second line is the constant C of Eq. 8; it is 0 with "small".

    Raises:
        ValueError: if `to` is clean data (that term is L_0, see `decoder_nll`), or see `ddpm_step_std`.
    """
    if to.noise == 0:
        raise ValueError("to is clean data; it must hold noise: the last term of the bound is decoder_nll")
    step_var, beta = ddpm_step_std(at, to, variance=variance) ** 2, forward_std(at, to) ** 2
    ratio = posterior_std(at, to) ** 2 / step_var
    weight = beta**2 / (2 * step_var * (at.signal / to.signal * at.noise) ** 2)
    return (weight * (eps - eps_hat) ** 2 + 0.5 * (ratio - 1 - math.log(ratio))).flatten(1).sum(1)


def decoder_nll(x_0: State, x_0_hat: State, level: Level) -> Float[Tensor, " b"]:
    """L_0 = -log N(x_0; x_0_hat, beta_0) in nats, summed over each item, with beta_0 = noise^2 of the cleanest level.

    Source: ho2020ddpm, Eq. 5 (last term). Departure: the paper's Eq. 13 integrates this density over the bin of an
    8-bit pixel; our data is continuous, so the density itself is the likelihood.
    """
    beta = level.noise**2
    return 0.5 * ((x_0 - x_0_hat) ** 2 / beta + math.log(2 * math.pi * beta)).flatten(1).sum(1)


def _check_variance(variance: str) -> None:
    if variance not in VARIANCES:
        raise ValueError(f"variance is {variance!r}; choose one of {', '.join(map(repr, VARIANCES))}")
