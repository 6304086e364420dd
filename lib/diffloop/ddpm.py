"""DDPM: the posterior, one ancestral step, the sampling loop, and the terms of the variational bound.

Works for strided timesteps too: a step from `alpha_bar_t` to `alpha_bar_prev` is a step of the coarser chain whose
beta is 1 - alpha_bar_t / alpha_bar_prev, which is what Diffusers does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diffloop.noise import Generators, draw_noise
from diffloop.parameterization import check_prediction, finite, predictions, x_0_from_eps
from diffloop.schedules import step_pairs

VARIANCES = ("small", "large")
State = Float[Tensor, "b ..."]
Level = float | Float[Tensor, ""]
EpsModel = Callable[[Tensor, int], Tensor]


def posterior_coefficients(alpha_bar_t: Level, alpha_bar_prev: Level) -> tuple[float, float, float]:
    """q(x_prev | x_t, x_0) = N(coef_x_0 * x_0 + coef_x_t * x_t, beta_tilde): where x_t came from, had we known x_0.

        beta_t     = 1 - alpha_bar_t / alpha_bar_prev
        coef_x_0   = sqrt(alpha_bar_prev) * beta_t / (1 - alpha_bar_t)
        coef_x_t   = sqrt(1 - beta_t) * (1 - alpha_bar_prev) / (1 - alpha_bar_t)
        beta_tilde = (1 - alpha_bar_prev) / (1 - alpha_bar_t) * beta_t

    Source: ho2020ddpm, Eq. 6 and 7.

    Args:
        alpha_bar_t: signal variance of the noisier state, in [0, 1).
        alpha_bar_prev: signal variance of the less noisy state, in [alpha_bar_t, 1] and above 0; 1 is clean data.

    Returns:
        (coef_x_0, coef_x_t, beta_tilde) as Python floats.

    Raises:
        ValueError: unless 0 <= alpha_bar_t <= alpha_bar_prev <= 1, alpha_bar_t < 1 and alpha_bar_prev > 0.
    """
    a_t, a_prev = _levels(alpha_bar_t, alpha_bar_prev)
    beta_t = 1 - a_t / a_prev
    shrink = (1 - a_prev) / (1 - a_t)
    return math.sqrt(a_prev) * beta_t / (1 - a_t), math.sqrt(1 - beta_t) * shrink, shrink * beta_t


def ddpm_step_std(alpha_bar_t: Level, alpha_bar_prev: Level, *, variance: str = "small") -> float:
    """step_std, the standard deviation of the noise that a DDPM step adds (the paper's sigma_t).

        "small"   sqrt(beta_tilde), right if the data is a single known point
        "large"   sqrt(beta_t), right if the data is standard normal; 0 in the last step (alpha_bar_prev = 1)

    Source: ho2020ddpm, Sec. 3.2 (both choices) and Algorithm 2, line 3 (no noise in the last step). DDIM writes
    sigma-hat for "large" (song2021ddim, Sec. 5).

    Departures: Diffusers leaves the noise out at t = 0 only. With a last timestep above 0 ("trailing") its
    "fixed_large" leaves noise of variance 1 - alpha_bar_t in the result. Here no last step is noisy.

    Raises:
        ValueError: see `posterior_coefficients`; if `variance` is unknown.
    """
    _check_variance(variance)
    a_t, a_prev = _levels(alpha_bar_t, alpha_bar_prev)
    if variance == "small" or a_prev == 1:
        return math.sqrt(posterior_coefficients(a_t, a_prev)[2])
    return math.sqrt(1 - a_t / a_prev)


def ddpm_step(
    x_t: State,
    eps: State,
    *,
    alpha_bar_t: Level,
    alpha_bar_prev: Level,
    variance: str = "small",
    noise: State | None,
    x_0_hat: State | None = None,
) -> State:
    """x_prev ~ p(x_prev | x_t): the posterior with x_0_hat in the place of x_0.

        x_prev = coef_x_0 * x_0_hat + coef_x_t * x_t + step_std * noise

    Source: ho2020ddpm, Eq. 7, 11 and Algorithm 2, line 4.

    Args:
        x_t: state at noise level alpha_bar_t.
        eps: predicted noise eps_hat(x_t, t). Ignored if x_0_hat is given.
        alpha_bar_t: signal variance of x_t, in [0, 1).
        alpha_bar_prev: signal variance of the result, in [alpha_bar_t, 1].
        variance: "small" or "large", see `ddpm_step_std`.
        noise: standard normal, like x_t. May be None if step_std is 0 (the last step).
        x_0_hat: use this prediction of x_0: a clipped one, or one that does not come from eps (alpha_bar_t = 0).

    Returns:
        x_prev, like x_t.

    Raises:
        ValueError: see `ddpm_step_std`; if noise is None and step_std > 0; if alpha_bar_t is 0 and x_0_hat is None.
    """
    step_std = ddpm_step_std(alpha_bar_t, alpha_bar_prev, variance=variance)
    coef_x_0, coef_x_t, _ = posterior_coefficients(alpha_bar_t, alpha_bar_prev)
    if x_0_hat is None:
        x_0_hat = x_0_from_eps(x_t, eps, alpha_bar_t=float(alpha_bar_t))
    x_prev = coef_x_0 * x_0_hat + coef_x_t * x_t
    if step_std == 0:
        return x_prev
    if noise is None:
        raise ValueError(
            f"noise is None; this step adds noise with step_std {step_std:.3g}: pass a standard normal tensor"
        )
    return x_prev + step_std * noise


def ddpm_sample(
    eps_model: EpsModel,
    x_T: State,
    timesteps: Int[Tensor, " n"],
    alphas_cumprod: Float[Tensor, " T"],
    *,
    generator: Generators | None,
    variance: str = "small",
    prediction: str = "eps",
) -> Iterator[Tensor]:
    """x_prev after each step, the last one being the sample: `*_, x_0 = ddpm_sample(...)`.

    Source: ho2020ddpm, Algorithm 2.

    Args:
        eps_model: (x_t, t) -> prediction, with t a Python int.
        x_T: the noise to start from, standard normal. Its type is the type of all states; use float64 for exact work.
        timesteps: decreasing, from `spaced_timesteps`.
        alphas_cumprod: alpha_bar for t = 0 .. T-1.
        generator: one CPU generator, or one an image.
        variance: "small" or "large", see `ddpm_step_std`.
        prediction: what eps_model returns: "eps", "x_0" or "v".

    Returns:
        a lazy iterator over len(timesteps) states. x_T is not among them.

    Raises:
        ValueError: at the call: see `step_pairs`, or variance or prediction unknown, or generator None although noise
            is due; while iterating: if the model returns NaN or infinity, or alpha_bar_t is 0 with prediction "eps".
    """
    _check_variance(variance)
    check_prediction(prediction)
    pairs = step_pairs(timesteps, alphas_cumprod)
    if generator is None and len(pairs) > 1:
        raise ValueError(
            "generator is None; DDPM draws noise in every step but the last: pass a torch.Generator on the CPU"
        )

    def states() -> Iterator[Tensor]:
        x_t = x_T
        for t, alpha_bar_t, alpha_bar_prev in pairs:
            output = finite(eps_model(x_t, t), t)
            x_0_hat, eps = predictions(output, x_t, alpha_bar_t=alpha_bar_t, prediction=prediction)
            noisy = alpha_bar_prev < 1
            noise = draw_noise(x_t.shape, generator, dtype=x_t.dtype, device=x_t.device) if noisy else None
            levels = {"alpha_bar_t": alpha_bar_t, "alpha_bar_prev": alpha_bar_prev}
            x_t = ddpm_step(x_t, eps, **levels, variance=variance, noise=noise, x_0_hat=x_0_hat)
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


def kl_prior(x_0: State, *, alpha_bar_T: Level) -> Float[Tensor, " b"]:
    """L_T = KL(q(x_T | x_0) || N(0, I)) in nats, summed over each item.

    Source: ho2020ddpm, Eq. 5 (first term), between two Gaussians. alpha_bar_T: the last entry of alphas_cumprod.
    """
    a = float(alpha_bar_T)
    return 0.5 * (a * x_0**2 - a - math.log1p(-a)).flatten(1).sum(1)


def kl_step(
    eps: State, eps_hat: State, *, alpha_bar_t: Level, alpha_bar_prev: Level, variance: str = "large"
) -> Float[Tensor, " b"]:
    """L_{t-1} = KL(q(x_prev | x_t, x_0) || p(x_prev | x_t)) in nats, summed over each item.

        beta_t**2 / (2 * step_std**2 * (1 - beta_t) * (1 - alpha_bar_t)) * |eps - eps_hat|^2
            + d / 2 * (beta_tilde / step_std**2 - 1 - log(beta_tilde / step_std**2))

    Source: ho2020ddpm, Eq. 5, 8 and 12. The second line is the constant C of Eq. 8; it is 0 with "small".

    Raises:
        ValueError: if alpha_bar_prev is 1 (that term is L_0, see `decoder_nll`), or see `ddpm_step_std`.
    """
    step_var = ddpm_step_std(alpha_bar_t, alpha_bar_prev, variance=variance) ** 2
    a_t, a_prev = _levels(alpha_bar_t, alpha_bar_prev)
    if a_prev == 1:
        raise ValueError("alpha_bar_prev is 1; it must be below 1: the last term of the bound is decoder_nll")
    beta, ratio = 1 - a_t / a_prev, posterior_coefficients(a_t, a_prev)[2] / step_var
    weight = beta**2 / (2 * step_var * (1 - beta) * (1 - a_t))
    return (weight * (eps - eps_hat) ** 2 + 0.5 * (ratio - 1 - math.log(ratio))).flatten(1).sum(1)


def decoder_nll(x_0: State, x_0_hat: State, *, alpha_bar_0: Level) -> Float[Tensor, " b"]:
    """L_0 = -log N(x_0; x_0_hat, beta_0) in nats, summed over each item, with beta_0 = 1 - alpha_bar_0.

    Source: ho2020ddpm, Eq. 5 (last term). Departure: the paper's Eq. 13 integrates this density over the bin of an
    8-bit pixel; our data is continuous, so the density itself is the likelihood.
    """
    beta = 1 - float(alpha_bar_0)
    return 0.5 * ((x_0 - x_0_hat) ** 2 / beta + math.log(2 * math.pi * beta)).flatten(1).sum(1)


def _check_variance(variance: str) -> None:
    if variance not in VARIANCES:
        raise ValueError(f"variance is {variance!r}; choose one of {', '.join(map(repr, VARIANCES))}")


def _levels(alpha_bar_t: Level, alpha_bar_prev: Level) -> tuple[float, float]:
    a_t, a_prev = float(alpha_bar_t), float(alpha_bar_prev)
    if not (0 <= a_t <= a_prev <= 1 and a_t < 1 and a_prev > 0):
        raise ValueError(
            f"alpha_bar_t, alpha_bar_prev are {a_t}, {a_prev}; need 0 <= alpha_bar_t <= alpha_bar_prev <= 1, "
            "alpha_bar_t < 1 and alpha_bar_prev > 0"
        )
    return a_t, a_prev
