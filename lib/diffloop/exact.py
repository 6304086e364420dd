"""Denoisers in closed form, and what a sampler must do with them: the oracles that the samplers are tested against.

For a Gaussian mixture and for a finite data set, E[x_0 | x_t] is a formula. So are eps, the score and the density of
x_t, and no network stands between a sampler and its equations. Computed in float64, returned in the type of x_t.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from diffloop.ddpm import ddpm_step_std
from diffloop.levels import Level, Number, initial_std, posterior_std, steps_down
from diffloop.types import Model

Batch = Float[Tensor, "b ..."]
Points = Float[Tensor, "n ..."]


class GaussianMixture(NamedTuple):
    """p(x_0) = sum_k weights[k] * N(means[k], covariance k), each along its own axes. Made by `gaussian_mixture`."""

    weights: Tensor  # (K,), sums to 1
    means: Tensor  # (K, D)
    variances: Tensor  # (K, D), along the axes
    axes: Tensor  # (K, D, D), columns are orthonormal


def gaussian_mixture(weights: Float[Tensor, " K"], means: Float[Tensor, "K D"], covs: Tensor) -> GaussianMixture:
    """A mixture, in float64, from its weights, means and covariances.

    Args:
        weights: one per component, >= 0; they are divided by their sum.
        means: one row per component.
        covs: variances (K,) for isotropic components, (K, D) for diagonal ones, or full covariances (K, D, D).

    Raises:
        ValueError: if a weight is negative or all are 0, covs has another shape, or a covariance is not symmetric with
            variances >= 0.
    """
    weights, means, covs = weights.double(), means.double(), covs.double()
    K, D = means.shape
    if not (weights >= 0).all() or not weights.sum() > 0:
        raise ValueError(f"weights is {weights.tolist()}; every weight must be >= 0, and at least one > 0")
    if covs.shape not in ((K,), (K, D), (K, D, D)):
        raise ValueError(f"covs has shape {tuple(covs.shape)}; it must be ({K},), ({K}, {D}) or ({K}, {D}, {D})")
    if covs.ndim == 3:
        if not torch.allclose(covs, covs.mT):
            raise ValueError("covs holds a matrix that is not symmetric; every covariance must be")
        variances, axes = torch.linalg.eigh(covs)
    else:
        variances = covs if covs.ndim == 2 else covs[:, None].expand(K, D)
        axes = torch.eye(D, dtype=torch.float64, device=means.device).expand(K, D, D)
    if not (variances >= -1e-12).all():
        raise ValueError(f"covs has a variance of {variances.min().item()}; every variance must be >= 0")
    return GaussianMixture(weights / weights.sum(), means, variances.clamp(min=0), axes)


def condition(mixture: GaussianMixture, components: Iterable[int]) -> GaussianMixture:
    """p(x_0 | class): the mixture with only these components (a class is one or more of them), weights renormalised.

    Raises:
        ValueError: if components is empty, names one that does not exist, or only ones of weight 0.
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


def mixture_log_density(x_t: Float[Tensor, "n D"], mixture: GaussianMixture, level: Level) -> Float[Tensor, " n"]:
    """log p(x_t) in nats: p(x_t | k) = N(signal * mean, signal^2 * cov + noise^2 * I).

    Source: ho2020ddpm, Eq. 4, integrated over x_0.

    Args:
        level: of x_t, one for all points or one per point (see `levels.pick`); likewise in all functions of mixtures.

    Raises:
        ValueError: if the noised variance is 0 (a point mass without noise).
    """
    return _log_joint(x_t, mixture, level)[0].logsumexp(0).to(x_t.dtype)


def mixture_score(x_t: Float[Tensor, "n D"], mixture: GaussianMixture, level: Level) -> Float[Tensor, "n D"]:
    """grad log p(x_t) = sum_k p(k | x_t) * grad log N_k(x_t). Raises: see `mixture_log_density`."""
    log_joint, z, var = _log_joint(x_t, mixture, level)
    pull = log_joint.softmax(0)[:, None] * z / var  # (K, D, n), along the axes
    return -(pull.flatten(0, 1).T @ mixture.axes.mT.flatten(0, 1)).to(x_t.dtype)


def mixture_posterior_mean(x_t: Float[Tensor, "n D"], mixture: GaussianMixture, level: Level) -> Float[Tensor, "n D"]:
    """x_0_hat = E[x_0 | x_t]: the best estimate of x_0 in mean square, defined for pure noise too.

        sum_k p(k | x_t) * (mean_k + signal * cov_k @ inv(signal^2 * cov_k + noise^2 * I) @ (x_t - signal * mean_k))

    Raises: see `mixture_log_density`.
    """
    log_joint, z, var = _log_joint(x_t, mixture, level)
    share = log_joint.softmax(0)  # (K, n)
    signal = _along_points(level.signal)
    moves = share[:, None] * (signal * mixture.variances[:, :, None] / var * z)  # (K, D, n), along the axes
    return (share.T @ mixture.means + moves.flatten(0, 1).T @ mixture.axes.mT.flatten(0, 1)).to(x_t.dtype)


def mixture_eps_model(mixture: GaussianMixture) -> Model:
    """(x_t, level) -> E[eps | x_t] = -noise * score: what a perfect network would predict, on every ladder.

    Source: ho2020ddpm, Eq. 14, minimised exactly. Conditional on a class: pass `condition(mixture, components)`.
    """
    return lambda x_t, level: -level.noise * mixture_score(x_t, mixture, level)


def dataset_posterior_mean(x_t: Batch, points: Points, level: Level) -> Batch:
    """x_0_hat = E[x_0 | x_t] if the data is exactly these points, all equally likely: a softmax over the points.

        sum_i softmax_i(-|x_t - signal * x_i|^2 / (2 * noise^2)) * x_i

    Source: karras2022edm, Appendix B.3 (there the signal is 1).

    Args:
        x_t: a batch of states.
        points: the data set, of items of the same shape. For a class, pass the points of that class.
        level: of x_t, of some noise.

    Raises:
        ValueError: if the level is clean.
    """
    x, p = _flat(x_t, points, level)
    # |x|^2 is the same for every point and drops out of the softmax
    logits = (level.signal * x @ p.T - 0.5 * level.signal**2 * (p**2).sum(1)) / level.noise**2
    return (logits.softmax(1) @ p).reshape(x_t.shape).to(x_t.dtype)


def dataset_log_density(x_t: Batch, points: Points, level: Level) -> Float[Tensor, " b"]:
    """log p(x_t) in nats, if the data is exactly these points. Raises: see `dataset_posterior_mean`."""
    x, p = _flat(x_t, points, level)
    square = torch.cdist(x, level.signal * p, compute_mode="donot_use_mm_for_euclid_dist") ** 2
    log_mean = (-square / (2 * level.noise**2)).logsumexp(1) - math.log(len(p))
    return (log_mean - 0.5 * p.shape[1] * math.log(2 * math.pi * level.noise**2)).to(x_t.dtype)


def dataset_eps_model(points: Points) -> Model:
    """(x_t, level) -> E[eps | x_t] if the data is exactly these points: a network that has memorised them."""
    return lambda x_t, level: (x_t - level.signal * dataset_posterior_mean(x_t, points, level)) / level.noise


def gaussian_flow_map(
    x_t: Float[Tensor, "n D"], mixture: GaussianMixture, at: Level, to: Level
) -> Float[Tensor, "n D"]:
    """Where the probability-flow ODE takes x_t, exactly, if the data is a single Gaussian.

    Along each axis of the covariance, with var(level) = signal^2 * variance + noise^2, the ODE only shifts and scales:
        x_prev = to.signal * mean + sqrt(var(to) / var(at)) * (x_t - at.signal * mean)

    Source: song2021sde, Eq. 13, solved for Gaussian data.

    Raises:
        ValueError: if the mixture has more than one component, or see `mixture_log_density`.
    """
    if len(mixture.weights) != 1:
        raise ValueError(f"the mixture has {len(mixture.weights)} components; the exact flow map is known for 1")
    _, z, var_t = _log_joint(x_t, mixture, at)
    scaled = z[0].T * ((to.signal**2 * mixture.variances[0] + to.noise**2) / var_t[0, :, 0]).sqrt()
    return (to.signal * mixture.means[0] + scaled @ mixture.axes[0].T).to(x_t.dtype)


def gaussian_recursion(
    mean: float, variance: float | Tensor, levels: Sequence[Level], *, eta: float = 1.0, large: bool = False
) -> Iterator[tuple[float | Tensor, float | Tensor]]:
    """(mean, variance) of x_prev after each step of a sampler on 1-D Gaussian data with the exact eps model.

    The step is linear in x_t - signal * mean: it multiplies by a gain and adds noise, so the variance goes to
    gain**2 * variance + step_std**2. With few steps even a perfect model gives the wrong spread.

    Source: song2021ddim, Eq. 12 and 16, with eps = noise * (x_t - signal * mean) / var_t.

    Args:
        mean, variance: of the data; variance >= 0. A float64 tensor of variances is treated as that many data sets.
        levels, eta: as for `ddim_sample`; eta = 1 is DDPM with the small variance.
        large: use DDPM's large variance (then eta must be 1).

    Raises:
        ValueError: if eta is not in [0, 1], variance < 0, or large is set with eta other than 1.
    """
    if not (0 <= eta <= 1 and (torch.as_tensor(variance) >= 0).all()) or (large and eta != 1):
        raise ValueError(f"eta is {eta}, variance is {variance}; eta must be in [0, 1], and 1 if large; variance >= 0")
    steps = steps_down(levels)
    start = steps[0][0]
    off, var = -start.signal * mean, initial_std(start) ** 2  # E[x_t] - signal * mean, and Var[x_t]
    for at, to in steps:
        var_t = at.signal**2 * variance + at.noise**2
        step_std = eta * posterior_std(at, to)
        direction = math.sqrt(max(to.noise**2 - step_std**2, 0.0))
        gain = to.signal * at.signal * variance / var_t + direction * at.noise / var_t
        off = gain * off
        var = gain**2 * var + (ddpm_step_std(at, to, variance="large") if large else step_std) ** 2
        yield to.signal * mean + off, var


def _log_joint(x_t: Tensor, mixture: GaussianMixture, level: Level) -> tuple[Tensor, Tensor, Tensor]:
    """log p(component, x_t) (K, n); the offset from each mean along its axes (K, D, n); the noised variances, (K, D, 1)
    or, where each point has its own level, (K, D, n).

    Points come last: sums and softmaxes over a few components are slow along the last axis.
    """
    signal, noise = _along_points(level.signal), _along_points(level.noise)
    var = signal**2 * mixture.variances[:, :, None] + noise**2
    if not (var > 0).all():
        raise ValueError(f"{level} has no noise and a component has no variance; point masses need noise above 0")
    centres = torch.einsum("ki,kij->kj", mixture.means, mixture.axes)
    along = mixture.axes.mT.flatten(0, 1) @ x_t.double().T  # (K D, n)
    z = along.unflatten(0, centres.shape) - signal * centres[:, :, None]
    scale = (var.log() + math.log(2 * math.pi)).sum(1) - 2 * mixture.weights.log()[:, None]
    return -0.5 * ((z**2 / var).sum(1) + scale), z, var


def _along_points(value: Number) -> Number:
    """A level's number, or one per point, shaped to go with arrays whose last axis is the points."""
    return value.double().reshape(-1) if isinstance(value, Tensor) else value


def _flat(x_t: Tensor, points: Tensor, level: Level) -> tuple[Tensor, Tensor]:
    if level.noise == 0:
        raise ValueError(f"{level} has no noise; it must be above 0: a finite data set has no density")
    return x_t.double().flatten(1), points.double().flatten(1)
