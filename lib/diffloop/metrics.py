"""Metrics: distances between sets of features, diversity, similarity of images and masks, and intervals for them.

There is no feature network here: pass features of any kind. Everything is computed and returned in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import conv2d

Features = Float[Tensor, "n d"]
Images = Float[Tensor, "b c h w"]
Masks = Float[Tensor, "b *item"] | Bool[Tensor, "b *item"]


def frechet_distance(a: Features, b: Float[Tensor, "m d"]) -> float:
    """Squared 2-Wasserstein distance between Gaussians fitted to two sets of features; FID if these are Inception's.

        |mean_a - mean_b|^2 + tr(cov_a + cov_b - 2 * (cov_a^(1/2) @ cov_b @ cov_a^(1/2))^(1/2))

    Source: heusel2017gans, Eq. 6. Covariances are unbiased (n - 1), as in the usual code. Biased upwards unless n is
    large compared with d: compare only at equal n.

    Raises:
        ValueError: if a set has fewer than 2 items.
    """
    a, b = _features(a, b, at_least=2)
    cov_a, cov_b = a.T.cov().reshape(a.shape[1], -1), b.T.cov().reshape(b.shape[1], -1)
    values, vectors = torch.linalg.eigh(cov_a)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp(min=0).sqrt().sum()
    return (((a.mean(0) - b.mean(0)) ** 2).sum() + cov_a.trace() + cov_b.trace() - 2 * cross).item()


def kernel_distance(a: Features, b: Float[Tensor, "m d"]) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x @ y / d + 1)^3. KID, with its network's features.

    Source: binkowski2018mmd, Eq. 4, with the cubic kernel of its Sec. 4. Unbiased at any n, so it may be negative when
    the sets are alike.

    Raises:
        ValueError: if a set has fewer than 2 items.
    """
    a, b = _features(a, b, at_least=2)

    def kernel(x: Tensor, y: Tensor) -> Tensor:
        return (x @ y.T / x.shape[1] + 1) ** 3

    def others(k: Tensor) -> Tensor:
        return (k.sum() - k.trace()) / (len(k) * (len(k) - 1))

    return (others(kernel(a, a)) + others(kernel(b, b)) - 2 * kernel(a, b).mean()).item()


def diversity(features: Features) -> float:
    """Mean Euclidean distance over all pairs of different items. 0 if all are the same.

    Raises:
        ValueError: if there are fewer than 2 items.
    """
    (x,) = _features(features, at_least=2)
    return torch.pdist(x).mean().item()


def psnr(a: Images, b: Images, *, data_range: float = 1.0) -> Float[Tensor, " b"]:
    """Peak signal-to-noise ratio of each image in decibels, 10 log10(data_range^2 / mean squared error). Equal: inf.

    Raises:
        ValueError: if data_range <= 0.
    """
    _check_range(data_range)
    mse = ((a.double() - b.double()) ** 2).flatten(1).mean(1)
    return 10 * torch.log10(data_range**2 / mse)


def ssim(a: Images, b: Images, *, data_range: float = 1.0, window: int = 11, std: float = 1.5) -> Float[Tensor, " b"]:
    """Structural similarity of each image, the mean over windows and channels, in [-1, 1]; 1 if they are the same.

        (2 m_a m_b + c1) * (2 cov + c2) / ((m_a^2 + m_b^2 + c1) * (var_a + var_b + c2))

    with means, variances and covariance under a Gaussian window, c1 = (0.01 data_range)^2, c2 = (0.03 data_range)^2.

    Source: wang2004ssim, Eq. 13 (11 x 11 window of standard deviation 1.5). Only windows that lie in the image count.

    Args:
        data_range: the largest value minus the least one, > 0.
        window: its side in pixels, odd.
        std: of the window, in pixels, > 0.

    Raises:
        ValueError: if window is not odd and positive or larger than the image, or std or data_range <= 0.
    """
    _check_range(data_range)
    if window < 1 or window % 2 == 0 or window > min(a.shape[2:]):
        raise ValueError(f"window is {window}; it must be odd and in [1, {min(a.shape[2:])}], the image's smaller side")
    if not std > 0:
        raise ValueError(f"std is {std}; it must be > 0")
    line = torch.exp(-0.5 * ((torch.arange(window, dtype=torch.float64) - window // 2) / std) ** 2)
    weights = torch.outer(line, line)[None, None] / line.sum() ** 2
    x, y = (v.double().flatten(0, 1)[:, None] for v in (a, b))  # b*c 1 h w

    def mean(v: Tensor) -> Tensor:
        return conv2d(v, weights.to(v.device))

    m_x, m_y = mean(x), mean(y)
    var_x, var_y, cov = mean(x * x) - m_x**2, mean(y * y) - m_y**2, mean(x * y) - m_x * m_y
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    similar = (2 * m_x * m_y + c1) * (2 * cov + c2) / ((m_x**2 + m_y**2 + c1) * (var_x + var_y + c2))
    return similar.reshape(len(a), -1).mean(1)


def mask_iou(a: Masks, b: Masks) -> Float[Tensor, " b"]:
    """Intersection over union of each pair of masks. Two empty masks agree: 1.

    Raises:
        ValueError: if a mask has a value other than 0 and 1.
    """
    for mask in (a, b):
        if not ((mask == 0) | (mask == 1)).all():
            raise ValueError("a mask has a value other than 0 and 1; choose a threshold, (mask >= 0.5)")
    x, y = a.bool().flatten(1), b.bool().flatten(1)
    both, either = (x & y).sum(1).double(), (x | y).sum(1).double()
    return torch.where(either > 0, both / either.clamp(min=1), 1.0)


def bootstrap_interval(
    values: Float[Tensor, "n ..."],
    generator: torch.Generator,
    *,
    statistic: Callable[[Tensor], Tensor | float] = torch.mean,
    confidence: float = 0.95,
    resamples: int = 2000,
) -> tuple[float, float]:
    """(low, high): the percentile bootstrap interval of a statistic of the values.

    Source: efron1993bootstrap, Sec. 13.3. The values are resampled with replacement, along the first axis; the
    interval holds the middle `confidence` of the statistics. Its coverage is too small when n is below 20 or so.

    Use it for statistics that have no interval of their own, such as a diversity or a quotient of two medians. For a
    mean, a share, a ratio of means or a difference of kernel distances use `evidence` instead: its intervals keep
    their level from a few units on, near 0 and 1, and when sampling stops early.

    Args:
        values: n >= 2 of them; items may have any shape (features, for a distance).
        generator: on the CPU.
        statistic: from values of the same shape, in float64, to a number.
        confidence: in (0, 1).
        resamples: >= 100.

    Raises:
        ValueError: if there are fewer than 2 values, or confidence or resamples are out of range.
    """
    n = len(values)
    if n < 2 or not 0 < confidence < 1 or resamples < 100:
        raise ValueError(
            f"{n} values, confidence {confidence}, resamples {resamples}; need at least 2 values, confidence in "
            "(0, 1), and at least 100 resamples"
        )
    x = values.double()
    picks = torch.randint(n, (resamples, n), generator=generator).to(x.device)
    if statistic is torch.mean and x.ndim == 1:  # by far the most common, so all resamples at once
        found = x[picks].mean(1)
    else:
        found = torch.tensor([float(statistic(x[pick])) for pick in picks], dtype=torch.float64)
    tail = (1 - confidence) / 2
    low, high = found.cpu().quantile(torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return low, high


def _features(*sets: Tensor, at_least: int) -> list[Tensor]:
    for x in sets:
        if len(x) < at_least:
            raise ValueError(f"a set has {len(x)} items; it must have at least {at_least}")
    return [x.double() for x in sets]


def _check_range(data_range: float) -> None:
    if not 0 < data_range < math.inf:
        raise ValueError(f"data_range is {data_range}; it must be > 0: 1 for images in [0, 1], 2 for [-1, 1]")
