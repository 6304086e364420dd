"""Progressive distillation against exact teachers: the target is an identity, a perfect student has no loss."""

import math
from itertools import pairwise

import pytest
import torch
from tests.diffloop.tiny_models import Corrected, assert_same_run, cut_off_and_resumed, exact_mixture, seeded
from torch import nn

from diffloop.ddim import ddim_sample, ddim_step
from diffloop.distillation import (
    distillation_loss,
    distillation_weight,
    halve_steps,
    halved,
    implied_x_0,
    two_step_target,
    under,
)
from diffloop.exact import gaussian_mixture, mixture_eps_model, sample_mixture
from diffloop.ladders import levels_at, trained_levels
from diffloop.levels import CLEAN, Level, steps_down, vp_level
from diffloop.parameterization import add_noise, predictions, v_from_x_0_eps
from diffloop.schedules import (
    alphas_cumprod_from_betas,
    linear_betas,
    rescale_zero_terminal_snr,
    spaced_timesteps,
)

F64 = torch.float64
BARS = alphas_cumprod_from_betas(linear_betas())
ZERO_SNR = alphas_cumprod_from_betas(rescale_zero_terminal_snr(linear_betas()))
MEAN, VARIANCE = 0.3, 0.25
THREE = gaussian_mixture(
    torch.tensor([0.5, 0.3, 0.2]),
    torch.tensor([[1.5, 0.0], [-1.0, 1.0], [-0.5, -1.5]]),
    torch.tensor([0.02, 0.04, 0.03]),
)


def ladder(steps, bars=BARS):
    return trained_levels(bars, spaced_timesteps(steps, spacing="trailing"))


def at(t, bars=BARS):
    return CLEAN if t is None else vp_level(bars[t].item(), t)


def said(x_0_hat, eps, level, prediction):
    """What a model of this prediction says."""
    return {"x_0": x_0_hat, "eps": eps, "v": v_from_x_0_eps(x_0_hat, eps, level)}[prediction]


def exact_gaussian(prediction):
    """model(x_t, level, cond), exact for data N(MEAN, VARIANCE) in each element."""

    def model(x_t, level, cond):
        off, var = x_t - level.signal * MEAN, level.signal**2 * VARIANCE + level.noise**2
        return said(MEAN + level.signal * VARIANCE / var * off, level.noise / var * off, level, prediction)

    return model


class PerfectStudent(nn.Module):
    """Where one DDIM step must go to do what two of the exact Gaussian teacher's do: the product of their gains."""

    def __init__(self, levels, prediction):
        super().__init__()
        self.one, self.prediction, self.table = nn.Parameter(torch.ones((), dtype=F64)), prediction, {}
        steps = steps_down(levels)
        for (at, mid), (_, to) in zip(steps[::2], steps[1::2], strict=True):
            self.table[at.t] = (to.signal, to.noise, self.gain(at, mid) * self.gain(mid, to))

    @staticmethod
    def gain(a, b):
        """A DDIM step from level a to b multiplies x - a.signal * MEAN by this."""
        return (a.signal * b.signal * VARIANCE + a.noise * b.noise) / (a.signal**2 * VARIANCE + a.noise**2)

    def forward(self, x_t, level, cond):
        rows = [self.table[t] for t in torch.as_tensor(level.t).reshape(-1).tolist()]
        signal, noise, gain = torch.tensor(rows, dtype=F64).T.reshape(3, -1, *[1] * (x_t.ndim - 1))
        x_prev = signal * MEAN + gain * (x_t - level.signal * MEAN)
        ratio = noise / level.noise
        x_0 = (x_prev - ratio * x_t) / (signal - ratio * level.signal)
        return self.one * said(x_0, (x_t - level.signal * x_0) / level.noise, level, self.prediction)


def draw_gaussian(generator):
    return MEAN + math.sqrt(VARIANCE) * torch.randn(16, 3, generator=generator, dtype=F64), None


@pytest.mark.parametrize("times", [(999, 749, 499), (999, 998, 997), (499, 249, None), (3, 1, None), (2, 1, 0)])
@pytest.mark.parametrize("bars", [BARS, ZERO_SNR], ids=["linear", "zero-snr"])
def test_one_step_with_the_target_is_the_teachers_two(times, bars):
    """DDIM from t to t'' with the target as x_0_hat: equal to t -> t' -> t'' with the teacher, any teacher at all."""
    first_level, mid, last = (at(t, bars) for t in times)
    x_t, first, second = torch.randn(3, 8, 4, generator=seeded(), dtype=F64)

    x_prev = ddim_to(mid, ddim_to(first_level, x_t, first, mid), second, last)
    target = two_step_target(first, second, first_level, mid, last)
    torch.testing.assert_close(ddim_to(first_level, x_t, target, last), x_prev, atol=1e-12, rtol=0)
    paper = implied_x_0(x_t, x_prev, first_level, last)
    far = last.alpha_bar - first_level.alpha_bar > 0.01
    torch.testing.assert_close(paper, target, atol=1e-10 if far else 1e-8, rtol=0)
    if last == CLEAN:
        assert torch.equal(target, second)


def ddim_to(level, x, x_0_hat, to):
    """One DDIM step from (x, level) with this x_0_hat."""
    return ddim_step(x_0_hat, (x - level.signal * x_0_hat) / level.noise, level, to)


def test_the_target_lies_between_the_teachers_predictions():
    for t in range(2, 1000, 37):
        share = two_step_target(torch.zeros(1), torch.ones(1), at(t), at(t - 1), at(t - 2)).item()
        assert 0 < share < 1


def test_the_weighted_mean_keeps_digits_that_the_papers_formula_loses():
    """In float32, for 512 steps halved to 256, against float64."""
    steps, worst = steps_down(ladder(512)), [0.0, 0.0]
    x_t, first, second = torch.randn(3, 64, generator=seeded(), dtype=F64)
    for (start, mid), (_, to) in pairwise(steps[:-2]):
        true = two_step_target(first, second, start, mid, to)
        x, one, two = x_t.float(), first.float(), second.float()
        mean = two_step_target(one, two, start, mid, to)
        paper = implied_x_0(x, ddim_to(mid, ddim_to(start, x, one, mid), two, to), start, to)
        worst = [max(w, (y - true).abs().max().item()) for w, y in zip(worst, (mean, paper), strict=True)]
    assert worst[0] < 1e-6
    assert worst[1] > 100 * worst[0]


@pytest.mark.parametrize("prediction", ["eps", "x_0", "v"])
@pytest.mark.parametrize("weighting", ["snr", "truncated_snr", "snr+1"])
@pytest.mark.parametrize("steps", [2, 8])
def test_a_perfect_student_of_an_exact_gaussian_has_no_loss(prediction, weighting, steps):
    levels = ladder(steps)
    student = PerfectStudent(levels, prediction)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.0)
    how = {"steps": 5, "generator": seeded(), "prediction": prediction, "weighting": weighting}
    run = halve_steps(student, exact_gaussian(prediction), draw_gaussian, levels, optimizer, **how)
    assert max(loss for _, loss in run) < 1e-22


def test_a_perfect_student_from_pure_noise_and_of_a_teacher_with_another_prediction():
    """With alpha_bar = 0 at the noisiest step (the paper's case) eps would be of no use; v and x_0 are."""
    levels = ladder(4, ZERO_SNR)
    student = PerfectStudent(levels, "v")
    optimizer = torch.optim.SGD(student.parameters(), lr=0.0)
    how = {"steps": 5, "generator": seeded(), "prediction": "v", "teacher_prediction": "x_0"}
    run = halve_steps(student, exact_gaussian("x_0"), draw_gaussian, levels, optimizer, **how)
    assert max(loss for _, loss in run) < 1e-22


def test_a_perfect_student_samples_what_its_teacher_samples():
    levels, x_T = ladder(8), torch.randn(5, 3, generator=seeded(), dtype=F64)
    student = PerfectStudent(levels, "v")
    *_, ours = ddim_sample(under(student, None), x_T, halved(levels), prediction="v")
    *_, theirs = ddim_sample(under(exact_gaussian("v"), None), x_T, levels, prediction="v")
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)
    *_, plain = ddim_sample(under(exact_gaussian("v"), None), x_T, halved(levels), prediction="v")
    assert (plain - theirs).abs().max() > 0.01  # without distillation, half the steps go elsewhere


def test_a_student_that_has_not_learned_has_the_teachers_own_error():
    """The loss of the copy that training starts from, by hand, in one batch of one timestep each."""
    levels, teacher = ladder(2), exact_gaussian("v")
    one = nn.Parameter(torch.ones((), dtype=F64))
    run = halve_steps(
        lambda x, t, c: one * teacher(x, t, c), teacher, draw_gaussian, levels,
        torch.optim.SGD([one], lr=0.0), steps=1, generator=seeded(3),
    )  # fmt: skip
    ((_, ours),) = run
    g = seeded(3)
    x_0, _ = draw_gaussian(g)
    torch.rand(16, generator=g), torch.randperm(16, generator=g)
    x_t = add_noise(x_0, torch.randn(16, 3, generator=g, dtype=F64), at(999))
    x_0_hat, eps = predictions(teacher(x_t, at(999), None), x_t, at(999), prediction="v")
    x_mid = ddim_step(x_0_hat, eps, at(999), at(499))
    target, _ = predictions(teacher(x_mid, at(499), None), x_mid, at(499), prediction="v")
    assert ours == pytest.approx(((x_0_hat - target) ** 2).mean().item(), rel=1e-10)  # max(SNR, 1) = 1 at t = 999


def test_weights_are_those_of_the_losses_they_are_named_after():
    x_t, output, x_0 = torch.randn(3, 6, 4, generator=seeded(), dtype=F64)
    level = levels_at(BARS, torch.tensor([10, 200, 263, 264, 600, 999]), 2)
    eps = (x_t - level.signal * x_0) / level.noise  # x_t = signal * x_0 + noise * eps
    v = v_from_x_0_eps(x_0, eps, level)
    x_0_hat, eps_hat = predictions(output, x_t, level, prediction="v")
    losses = {
        w: distillation_loss(output, x_0, x_t, level, prediction="v", weighting=w)
        for w in ("snr", "truncated_snr", "snr+1")
    }
    of_x_0, of_eps, of_v = (((p - q) ** 2).mean(1) for p, q in ((x_0, x_0_hat), (eps, eps_hat), (v, output)))
    torch.testing.assert_close(losses["snr"], of_eps)
    torch.testing.assert_close(losses["truncated_snr"], torch.maximum(of_x_0, of_eps))
    torch.testing.assert_close(losses["snr+1"], of_v)
    assert distillation_weight(Level(0.0, 1.0), weighting="snr") == 0
    assert distillation_weight(Level(0.0, 1.0), weighting="truncated_snr") == 1


def draw_mixture(generator):
    return sample_mixture(THREE, 256, generator).float(), None


def error_left(prediction, steps=400):
    """2-D toy, 8 steps to 4. Where the trained student ends from a noise, against where the teacher ends: the mean
    square distance, as a share of what it is for the teacher in 4 steps."""
    levels, teacher = ladder(8), exact_mixture(THREE, prediction)
    student = Corrected(teacher)
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-2)
    how = {"steps": steps, "generator": seeded(), "prediction": prediction}
    list(halve_steps(student, teacher, draw_mixture, levels, optimizer, **how))
    x_T, ends = torch.randn(1000, 2, generator=seeded(5)), []
    for model, walked in ((teacher, levels), (student, halved(levels)), (teacher, halved(levels))):
        with torch.no_grad():
            *_, end = ddim_sample(under(model, None), x_T, walked, prediction=prediction)
        ends.append(end)
    taught, ours, plain = ends
    return ((ours - taught).square().sum() / (plain - taught).square().sum()).item()


@pytest.mark.parametrize("prediction", ["v", "x_0"])
def test_a_student_of_a_mixture_learns_its_teachers_steps(prediction):
    assert error_left(prediction) < 0.3  # 0.13 and 0.12 here


def test_a_student_that_predicts_eps_learns_nothing():
    """salimans2022progressive, Sec. 4: in eps the noisiest step, where x_0 = (x_t - ...) / sqrt(alpha_bar), swamps all."""
    assert error_left("eps") > 0.7  # 0.99 here


def test_the_batched_mixture_of_these_tests_is_the_librarys():
    x_t, t = torch.randn(4, 2, generator=seeded(), dtype=F64), torch.tensor([0, 100, 500, 999])
    ours = exact_mixture(THREE, "eps")(x_t, levels_at(BARS, t, 2), None)
    theirs = [mixture_eps_model(THREE)(x_t[i : i + 1], at(t[i].item())) for i in range(4)]
    torch.testing.assert_close(ours, torch.cat(theirs), atol=1e-12, rtol=1e-9)


def test_resumed(tmp_path):
    def run(path):
        teacher, levels = exact_mixture(THREE, "v"), ladder(4)
        student = Corrected(teacher)
        optimizer = torch.optim.Adam(student.parameters(), lr=3e-3)
        how = {"steps": 8, "generator": seeded(), "checkpoint": path, "save_every": 3}
        losses = halve_steps(student, teacher, draw_mixture, levels, optimizer, **how)
        return losses, lambda: list(student.parameters())

    assert_same_run(*cut_off_and_resumed(run, tmp_path / "student.pt", at=5))


def test_halved_levels_are_those_of_half_as_many_steps():
    for n in (64, 32, 16, 8, 4, 2):
        assert halved(ladder(n)) == ladder(n // 2)


X = torch.zeros(2, 3)
ONE = nn.Parameter(torch.ones(1))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: halved(trained_levels(BARS, [5, 3, 1])), ["3 steps", "even"]),
        (lambda: implied_x_0(X, X, at(500), at(500)), ["t=500) and Level", "noise / signal must fall"]),
        (lambda: two_step_target(X, X, at(900), at(300), at(400)), ["t=300) and Level", "t=400)", "must fall"]),
        (lambda: distillation_weight(CLEAN, weighting="snr"), ["noise is 0.0", "above 0"]),
        (lambda: distillation_weight(at(5), weighting="snr1"), ["'snr1'", "'snr', 'truncated_snr', 'snr+1'"]),
        *(
            (
                lambda options=options: halve_steps(
                    exact_gaussian("v"), exact_gaussian("v"), draw_mixture, options.pop("levels", ladder(2)),
                    torch.optim.SGD([ONE], lr=0.1), steps=1, generator=seeded(), **options,
                ),
                words,
            )
            for options, words in [
                ({"levels": ladder(3)}, ["3 steps"]),
                ({"levels": ladder(2)[::-1]}, ["levels[0]", "must fall from each to the next"]),
                ({"prediction": "x0"}, ["'x0'", "'eps', 'x_0', 'v'"]),
                ({"teacher_prediction": "x0"}, ["'x0'"]),
                ({"weighting": "none"}, ["'none'"]),
            ]
        ),
    ],
)  # fmt: skip
def test_bad_input_is_named_with_every_legal_choice(call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call()
    for word in words:
        assert word in str(error.value)
