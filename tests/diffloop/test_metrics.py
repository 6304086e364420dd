"""Metrics, against closed forms and brute force."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from diffloop.metrics import (
    bootstrap_interval,
    diversity,
    frechet_distance,
    kernel_distance,
    mask_iou,
    psnr,
    ssim,
)

F64 = torch.float64


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=F64)


def with_moments(mean, cov, n=50, seed=0):
    """Features whose sample mean and covariance are exactly these."""
    x = normal(n, len(mean), seed=seed)
    x = x - x.mean(0)
    x = x @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov().reshape(len(mean), -1))).T
    return x @ torch.linalg.cholesky(cov).T + mean


def random_cov(d, seed):
    a = normal(d, d, seed=seed)
    return a @ a.T + 0.1 * torch.eye(d, dtype=F64)


def test_frechet_of_isotropic_gaussians():
    """|m|^2 + d * (std_a - std_b)^2."""
    mean, eye = torch.tensor([3.0, 4.0, 0.0], dtype=F64), torch.eye(3, dtype=F64)
    a, b = with_moments(torch.zeros(3, dtype=F64), 4 * eye), with_moments(mean, 9 * eye, n=40, seed=1)
    assert frechet_distance(a, b) == pytest.approx(25 + 3 * (2 - 3) ** 2, rel=1e-9)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a.float(), b.float()) == pytest.approx(28, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_frechet_with_any_covariances_is_the_matrix_formula(seed):
    cov_a, cov_b = random_cov(5, seed), random_cov(5, seed + 10)
    a, b = with_moments(normal(5, seed=seed), cov_a), with_moments(normal(5, seed=seed + 1), cov_b, n=60, seed=2)
    root = scipy.linalg.sqrtm((cov_a @ cov_b).numpy()).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum().item() + np.trace((cov_a + cov_b).numpy() - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)


def test_frechet_of_one_feature_and_of_fewer_items_than_features():
    a, b = with_moments(torch.zeros(1, dtype=F64), torch.eye(1, dtype=F64)), torch.tensor([[2.0], [2.0]])
    assert frechet_distance(a, b) == pytest.approx(4 + 1, rel=1e-9)
    few = normal(4, 10)
    assert frechet_distance(few, few + 1) == pytest.approx(10, rel=1e-6)


def test_kernel_distance_is_the_sum_over_pairs():
    a, b = normal(7, 3), normal(6, 3, seed=1) + 0.5

    def k(x, y):
        return ((x @ y).item() / 3 + 1) ** 3

    same = [sum(k(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j) for s in (a, b)]
    cross = sum(k(x, y) for x in a for y in b)
    expected = same[0] / (7 * 6) + same[1] / (6 * 5) - 2 * cross / 42
    assert kernel_distance(a, b) == pytest.approx(expected, rel=1e-10)


def test_kernel_distance_is_unbiased():
    """Its mean over many pairs of sets from one distribution is 0, though sets are small."""
    values = torch.tensor([kernel_distance(normal(8, 2, seed=2 * i), normal(8, 2, seed=2 * i + 1)) for i in range(400)])
    assert abs(values.mean()) < 4 * values.std() / 20


def test_diversity():
    corners = torch.tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    assert diversity(corners) == pytest.approx((3 + 4 + 5) / 3)
    assert diversity(torch.ones(4, 2)) == 0


def test_psnr():
    a = torch.full((2, 3, 4, 4), 0.5)
    b = torch.stack([a[0] + 0.1, a[1]])
    ours = psnr(a, b)
    assert ours.dtype == F64
    assert ours.tolist() == pytest.approx([20.0, math.inf], abs=1e-5)
    assert psnr(2 * a, 2 * b, data_range=2.0)[0].item() == pytest.approx(20.0, abs=1e-5)


def test_ssim_of_constant_images_is_the_luminance_term():
    a, b, c1 = 0.2, 0.7, 0.01**2
    images = [torch.full((1, 3, 16, 16), v, dtype=F64) for v in (a, b)]
    assert ssim(*images).item() == pytest.approx((2 * a * b + c1) / (a**2 + b**2 + c1), rel=1e-6)


def test_ssim_by_brute_force():
    a, b = normal(2, 1, 13, 12).abs() / 4, normal(2, 1, 13, 12, seed=1).abs() / 4
    line = np.exp(-0.5 * ((np.arange(11) - 5) / 1.5) ** 2)
    w = np.outer(line, line) / line.sum() ** 2
    for i in range(2):
        values = []
        for r in range(3):
            for c in range(2):
                x, y = (v[i, 0, r : r + 11, c : c + 11].numpy() for v in (a, b))
                m_x, m_y = (w * x).sum(), (w * y).sum()
                var_x, var_y, cov = (
                    (w * (x - m_x) ** 2).sum(),
                    (w * (y - m_y) ** 2).sum(),
                    (w * (x - m_x) * (y - m_y)).sum(),
                )
                c1, c2 = 0.01**2, 0.03**2
                values.append((2 * m_x * m_y + c1) * (2 * cov + c2) / ((m_x**2 + m_y**2 + c1) * (var_x + var_y + c2)))
        assert ssim(a, b)[i].item() == pytest.approx(np.mean(values), rel=1e-9)
    torch.testing.assert_close(ssim(a, a), torch.ones(2, dtype=F64))
    torch.testing.assert_close(ssim(a, b), ssim(b, a))
    torch.testing.assert_close(ssim(2 * a, 2 * b, data_range=2.0), ssim(a, b))


def test_iou():
    a = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]]).float().reshape(4, 2, 2)
    b = torch.tensor([[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1]]).float().reshape(4, 2, 2)
    assert mask_iou(a, b).tolist() == pytest.approx([1 / 3, 1, 0, 1])
    assert mask_iou(a.bool(), b.bool()).tolist() == mask_iou(a, b).tolist()


def test_bootstrap_of_a_mean_is_the_normal_interval():
    x = normal(200) * 2 + 5
    low, high = bootstrap_interval(x, torch.Generator().manual_seed(0), resamples=5000)
    half = 1.96 * x.std().item() / math.sqrt(200)
    assert (low, high) == pytest.approx((x.mean().item() - half, x.mean().item() + half), abs=0.05)
    assert bootstrap_interval(x, torch.Generator().manual_seed(0), resamples=5000) == (low, high)


def test_bootstrap_covers():
    """Of 200 intervals of 90 %, each from 40 values, about 180 hold the truth (within 4 standard deviations)."""
    inside = 0
    for seed in range(200):
        low, high = bootstrap_interval(
            normal(40, seed=seed), torch.Generator().manual_seed(seed), confidence=0.9, resamples=200
        )
        inside += low <= 0 <= high
    assert 180 - 4 * math.sqrt(200 * 0.09) < inside <= 200


@pytest.mark.parametrize("n", [2, 24, 200])
def test_bootstrap_of_the_mean_is_that_of_any_other_statistic(n):
    """The mean takes a way of its own, with the same resamples."""
    x = normal(n)
    one_by_one = bootstrap_interval(x, torch.Generator().manual_seed(1), statistic=lambda v: v.mean())
    at_once = bootstrap_interval(x, torch.Generator().manual_seed(1))
    assert at_once == pytest.approx(one_by_one, rel=1e-12, abs=1e-12)


def test_bootstrap_of_another_statistic():
    low, high = bootstrap_interval(normal(30, 4), torch.Generator().manual_seed(0), statistic=diversity, resamples=200)
    assert 0 < low < high


A = torch.zeros(3, 4)
I = torch.zeros(1, 3, 16, 16)  # noqa: E741


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: frechet_distance(A, A[:1]), ["1 items", "at least 2"]),
        (lambda: kernel_distance(A[:1], A), ["1 items", "at least 2"]),
        (lambda: diversity(A[:1]), ["1 items", "at least 2"]),
        (lambda: psnr(I, I, data_range=0), ["data_range is 0", "> 0"]),
        (lambda: ssim(I, I, window=4), ["window is 4", "odd", "[1, 16]"]),
        (lambda: ssim(I, I, window=17), ["window is 17", "[1, 16]"]),
        (lambda: ssim(I, I, std=0), ["std is 0", "> 0"]),
        (lambda: mask_iou(A + 0.5, A), ["0 and 1", "threshold"]),
        (lambda: bootstrap_interval(A[:1], torch.Generator()), ["1 values", "at least 2"]),
        (lambda: bootstrap_interval(A, torch.Generator(), confidence=1.0), ["confidence 1.0", "(0, 1)"]),
        (lambda: bootstrap_interval(A, torch.Generator(), resamples=9), ["resamples 9", "100"]),
    ],
)
def test_bad_input_is_named_with_every_legal_choice(call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call()
    for word in words:
        assert word in str(error.value)
