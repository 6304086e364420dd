"""Denoisers in closed form, and what a sampler must do with them: the oracles that the samplers are tested against.

For a Gaussian mixture and for a finite data set, E[x_0 | x_t] is a formula. So are eps, the score and the density of
x_t, and no network stands between a sampler and its equations. Computed in float64, returned in the type of x_t.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from diffloop.ddpm import ddpm_step_std
from diffloop.schedules import step_pairs

Level = float | Float[Tensor, ""]
Batch = Float[Tensor, "b ..."]
Points = Float[Tensor, "n ..."]


class GaussianMixture(NamedTuple):
    """p(x_0) = sum_k weights[k] * N(means[k], covariance k), each in its own axes. Made by `gaussian_mixture`."""

    weights: Tensor  # (K,), sums to 1
    means: Tensor  # (K, D)
    variances: Tensor  # (K, D), along the axes
    axes: Tensor  # (K, D, D), columns are orthonormal


def gaussian_mixture(weights: Float[Tensor, " K"], means: Float[Tensor, "K D"], covs: Tensor) -> GaussianMixture:
    """A mixture, in float64, from its weights, means and covariances.

    Args:
        weights: one a component, >= 0; they are divided by their sum.
        means: one row a component.
        covs: variances (K,) for isotropic components, (K, D) for diagonal ones, or full covariances (K, D, D).

    Raises:
        ValueError: if a weight is negative or all are 0, covs has another shape, or a covariance is not symmetric with
            variances >= 0.
    """
    weights, means, covs = weights.double(), means.double(), covs.double()
    K, D = means.shape
    if not (weights >= 0).all() or not weights.sum() > 0:
        raise ValueError(f"weights is {weights.tolist()}; every weight must be >= 0, and one at least > 0")
    if covs.shape not in ((K,), (K, D), (K, D, D)):
        raise ValueError(f"covs has shape {tuple(covs.shape)}; it must be ({K},), ({K}, {D}) or ({K}, {D}, {D})")
    if covs.ndim == 3:
        if not torch.allclose(covs, covs.mT):
            raise ValueError("covs holds a matrix that is not symmetric; every covariance must be")
        variances, axes = torch.linalg.eigh(covs)
    else:
        variances = covs if covs.ndim == 2 else covs[:, None].expand(K, D)
        axes = torch.eye(D, dtype=torch.float64).expand(K, D, D)
    if not (variances >= -1e-12).all():
        raise ValueError(f"covs has a variance of {variances.min().item()}; every variance must be >= 0")
    return GaussianMixture(weights / weights.sum(), means, variances.clamp(min=0), axes)


def condition(mixture: GaussianMixture, components: Iterable[int]) -> GaussianMixture:
    """p(x_0 | class): the mixture with only these components (a class is one or more of them), weights renormalised.

    Raises:
        ValueError: if components is empty, names one that is not there, or only such of weight 0.
    """
    K, keep = len(mixture.weights), list(components)
    if not keep or not all(0 <= k < K for k in keep) or not mixture.weights[keep].sum() > 0:
        raise ValueError(f"components is {keep}; name one or more of 0 .. {K - 1}, of positive weight")
    kept = GaussianMixture(*(field[keep] for field in mixture))
    return kept._replace(weights=kept.weights / kept.weights.sum())


def sample_mixture(mixture: GaussianMixture, n: int, generator: torch.Generator) -> Float[Tensor, "n D"]:
    """n exact samples of x_0, float64."""
    k = torch.multinomial(mixture.weights, n, replacement=True, generator=generator)
    z = torch.randn(n, mixture.means.shape[1], generator=generator, dtype=torch.float64)
    return mixture.means[k] + torch.einsum("nij,nj->ni", mixture.axes[k], z * mixture.variances[k].sqrt())


def mixture_log_density(
    x_t: Float[Tensor, "n D"], mixture: GaussianMixture, *, alpha_bar_t: Level
) -> Float[Tensor, " n"]:
    """log p(x_t) in nats: p(x_t | k) = N(sqrt(alpha_bar_t) * mean, alpha_bar_t * cov + (1 - alpha_bar_t) * I).

    Source: ho2020ddpm, Eq. 4, integrated over x_0.

    Raises:
        ValueError: if alpha_bar_t is not in [0, 1], or the noised variance is 0 (a point mass at alpha_bar_t = 1).
    """
    return _log_joint(x_t, mixture, alpha_bar_t)[0].logsumexp(1).to(x_t.dtype)


def mixture_score(x_t: Float[Tensor, "n D"], mixture: GaussianMixture, *, alpha_bar_t: Level) -> Float[Tensor, "n D"]:
    """grad log p(x_t) = sum_k p(k | x_t) * grad log N_k(x_t). Raises: see `mixture_log_density`."""
    log_joint, z, var = _log_joint(x_t, mixture, alpha_bar_t)
    pull = log_joint.softmax(1)[:, :, None] * z / var  # (n, K, D), along the axes
    return -torch.einsum("nkj,kij->ni", pull, mixture.axes).to(x_t.dtype)


def mixture_posterior_mean(
    x_t: Float[Tensor, "n D"], mixture: GaussianMixture, *, alpha_bar_t: Level
) -> Float[Tensor, "n D"]:
    """x_0_hat = E[x_0 | x_t]: the best guess of x_0 in the mean square, defined at alpha_bar_t = 0 too.

        sum_k p(k | x_t) * (mean_k + sqrt(alpha_bar_t) * cov_k @ inv(alpha_bar_t * cov_k + (1 - alpha_bar_t) * I)
            @ (x_t - sqrt(alpha_bar_t) * mean_k))

    Raises: see `mixture_log_density`.
    """
    log_joint, z, var = _log_joint(x_t, mixture, alpha_bar_t)
    gain = math.sqrt(alpha_bar_t) * mixture.variances / var
    guesses = mixture.means + torch.einsum("kij,nkj->nki", mixture.axes, gain * z)  # (n, K, D)
    return torch.einsum("nk,nki->ni", log_joint.softmax(1), guesses).to(x_t.dtype)


def mixture_eps_model(mixture: GaussianMixture, alphas_cumprod: Float[Tensor, " T"]) -> Callable[[Tensor, int], Tensor]:
    """eps_model(x_t, t) = E[eps | x_t] = -sqrt(1 - alpha_bar_t) * score: what a perfect network would predict.

    Source: ho2020ddpm, Eq. 14, minimised exactly. Conditional on a class: pass `condition(mixture, components)`.
    """

    def eps_model(x_t: Tensor, t: int) -> Tensor:
        alpha_bar_t = float(alphas_cumprod[t])
        return -math.sqrt(1 - alpha_bar_t) * mixture_score(x_t, mixture, alpha_bar_t=alpha_bar_t)

    return eps_model


def dataset_posterior_mean(x_t: Batch, points: Points, *, alpha_bar_t: Level) -> Batch:
    """x_0_hat = E[x_0 | x_t] if the data is exactly these points, each as likely: a softmax over the points.

        sum_i softmax_i(-|x_t - sqrt(alpha_bar_t) * x_i|^2 / (2 * (1 - alpha_bar_t))) * x_i

    Source: karras2022edm, Appendix B.3, with our scaling.

    Args:
        x_t: a batch of states.
        points: the data set, of items of the same shape. For a class, pass the points of that class.
        alpha_bar_t: noise level, in [0, 1).

    Raises:
        ValueError: if alpha_bar_t is not in [0, 1).
    """
    x, p, a = _flat(x_t, points, alpha_bar_t)
    # |x|^2 is the same for every point and drops out of the softmax
    logits = (math.sqrt(a) * x @ p.T - 0.5 * a * (p**2).sum(1)) / (1 - a)
    return (logits.softmax(1) @ p).reshape(x_t.shape).to(x_t.dtype)


def dataset_log_density(x_t: Batch, points: Points, *, alpha_bar_t: Level) -> Float[Tensor, " b"]:
    """log p(x_t) in nats, if the data is exactly these points. Raises: see `dataset_posterior_mean`."""
    x, p, a = _flat(x_t, points, alpha_bar_t)
    square = torch.cdist(x, math.sqrt(a) * p, compute_mode="donot_use_mm_for_euclid_dist") ** 2
    log_mean = (-square / (2 * (1 - a))).logsumexp(1) - math.log(len(p))
    return (log_mean - 0.5 * p.shape[1] * math.log(2 * math.pi * (1 - a))).to(x_t.dtype)


def dataset_eps_model(points: Points, alphas_cumprod: Float[Tensor, " T"]) -> Callable[[Tensor, int], Tensor]:
    """eps_model(x_t, t) = E[eps | x_t] if the data is exactly these points: a network that has memorised them."""

    def eps_model(x_t: Tensor, t: int) -> Tensor:
        a = float(alphas_cumprod[t])
        return (x_t - math.sqrt(a) * dataset_posterior_mean(x_t, points, alpha_bar_t=a)) / math.sqrt(1 - a)

    return eps_model


def gaussian_flow_map(
    x_t: Float[Tensor, "n D"], mixture: GaussianMixture, *, alpha_bar_t: Level, alpha_bar_prev: Level
) -> Float[Tensor, "n D"]:
    """Where the probability-flow ODE takes x_t, exactly, if the data is a single Gaussian.

    Along each axis of the covariance, with var(a) = a * variance + 1 - a, the ODE only shifts and scales:
        x_prev = sqrt(alpha_bar_prev) * mean + gain * (x_t - sqrt(alpha_bar_t) * mean)
        gain   = sqrt(var(alpha_bar_prev) / var(alpha_bar_t))

    Source: song2021sde, Eq. 13, solved for Gaussian data.

    Raises:
        ValueError: if the mixture has more than one component, or see `mixture_log_density`.
    """
    if len(mixture.weights) != 1:
        raise ValueError(f"the mixture has {len(mixture.weights)} components; the exact flow map is known for 1")
    _, z, var_t = _log_joint(x_t, mixture, alpha_bar_t)
    a_prev = float(alpha_bar_prev)
    scaled = z[:, 0] * ((a_prev * mixture.variances[0] + 1 - a_prev) / var_t[0]).sqrt()
    return (math.sqrt(a_prev) * mixture.means[0] + scaled @ mixture.axes[0].T).to(x_t.dtype)


def gaussian_recursion(
    mean: float,
    variance: float,
    timesteps: Int[Tensor, " n"],
    alphas_cumprod: Float[Tensor, " T"],
    *,
    eta: float = 1.0,
    large: bool = False,
    set_alpha_to_one: bool = True,
) -> Iterator[tuple[float, float]]:
    """(mean, variance) of x_prev after each step of a sampler on 1-D Gaussian data with the exact eps model.

    The step is linear in x_t - sqrt(alpha_bar_t) * mean: it multiplies by a gain and adds noise, so the variance goes
    to gain**2 * variance + step_std**2. With few steps even a perfect model gives the wrong spread.

    Source: song2021ddim, Eq. 12 and 16, with eps = sqrt(1 - alpha_bar_t) * (x_t - sqrt(alpha_bar_t) * mean) / var_t.

    Args:
        mean, variance: of the data; variance >= 0.
        timesteps, alphas_cumprod, set_alpha_to_one, eta: as for `ddim_sample`; eta = 1 is DDPM with the small variance.
        large: use DDPM's large variance (then eta must be 1).

    Raises:
        ValueError: if eta is not in [0, 1], variance < 0, or large is set with eta other than 1.
    """
    if not (0 <= eta <= 1 and variance >= 0) or (large and eta != 1):
        raise ValueError(f"eta is {eta}, variance is {variance}; eta must be in [0, 1], and 1 if large; variance >= 0")
    pairs = step_pairs(timesteps, alphas_cumprod, set_alpha_to_one=set_alpha_to_one)
    off, var = -math.sqrt(pairs[0][1]) * mean, 1.0  # E[x_t] - sqrt(alpha_bar_t) * mean, and Var[x_t]
    for _, a_t, a_prev in pairs:
        var_t = a_t * variance + 1 - a_t
        small = (1 - a_prev) / (1 - a_t) * (1 - a_t / a_prev)
        direction = math.sqrt(max(1 - a_prev - eta**2 * small, 0.0))
        gain = math.sqrt(a_prev * a_t) * variance / var_t + direction * math.sqrt(1 - a_t) / var_t
        noise_var = ddpm_step_std(a_t, a_prev, variance="large") ** 2 if large else eta**2 * small
        off, var = gain * off, gain**2 * var + noise_var
        yield math.sqrt(a_prev) * mean + off, var


def _log_joint(x_t: Tensor, mixture: GaussianMixture, alpha_bar_t: Level) -> tuple[Tensor, Tensor, Tensor]:
    """log p(component, x_t) (n, K); the offset from each mean along its axes (n, K, D); the noised variances (K, D)."""
    a = float(alpha_bar_t)
    if not 0 <= a <= 1:
        raise ValueError(f"alpha_bar_t is {a}; it must be in [0, 1]")
    var = a * mixture.variances + 1 - a
    if not (var > 0).all():
        raise ValueError(f"alpha_bar_t is {a} and a component has no variance; it must be below 1 for point masses")
    centres = math.sqrt(a) * torch.einsum("ki,kij->kj", mixture.means, mixture.axes)
    z = torch.einsum("ni,kij->nkj", x_t.double(), mixture.axes) - centres
    log_normal = -0.5 * (z**2 / var + var.log() + math.log(2 * math.pi)).sum(2)
    return mixture.weights.log() + log_normal, z, var


def _flat(x_t: Tensor, points: Tensor, alpha_bar_t: Level) -> tuple[Tensor, Tensor, float]:
    if not 0 <= float(alpha_bar_t) < 1:
        raise ValueError(f"alpha_bar_t is {float(alpha_bar_t)}; it must be in [0, 1): a finite data set has no density")
    return x_t.double().flatten(1), points.double().flatten(1), float(alpha_bar_t)
