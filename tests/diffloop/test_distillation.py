"""Progressive distillation against exact teachers: the target is an identity, a perfect student has no loss."""

import math
from itertools import pairwise

import pytest
import torch
from tests.diffloop.tiny_models import Corrected, assert_same_run, cut_off_and_resumed, exact_mixture, seeded
from torch import nn

from diffloop.ddim import ddim_sample, ddim_step
from diffloop.distillation import (
    at_int,
    distillation_loss,
    distillation_weight,
    halve_steps,
    halved,
    implied_x_0,
    two_step_target,
)
from diffloop.exact import gaussian_mixture, mixture_eps_model, sample_mixture
from diffloop.parameterization import add_noise, predictions, v_from_x_0_eps
from diffloop.schedules import (
    alphas_cumprod_from_betas,
    linear_betas,
    rescale_zero_terminal_snr,
    spaced_timesteps,
    step_pairs,
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


def said(x_0_hat, eps, a, prediction):
    """What a model of this prediction says."""
    return {"x_0": x_0_hat, "eps": eps, "v": v_from_x_0_eps(x_0_hat, eps, alpha_bar_t=a)}[prediction]


def exact_gaussian(prediction, bars=BARS):
    """model(x_t, t, cond), exact for data N(MEAN, VARIANCE) in each element."""

    def model(x_t, t, cond):
        a = bars[t].reshape(-1, *[1] * (x_t.ndim - 1))
        off, var = x_t - a.sqrt() * MEAN, a * VARIANCE + 1 - a
        return said(MEAN + a.sqrt() * VARIANCE / var * off, (1 - a).sqrt() / var * off, a, prediction)

    return model


class PerfectStudent(nn.Module):
    """Where one DDIM step must go to do what two of the exact Gaussian teacher's do: the product of their gains."""

    def __init__(self, timesteps, prediction, bars=BARS):
        super().__init__()
        self.one, self.prediction, self.table, self.bars = nn.Parameter(torch.ones((), dtype=F64)), prediction, {}, bars
        pairs = step_pairs(timesteps, bars)
        for (t, a_t, a_mid), (_, _, a_prev) in zip(pairs[::2], pairs[1::2], strict=True):
            self.table[t] = (a_prev, self.gain(a_t, a_mid) * self.gain(a_mid, a_prev))

    @staticmethod
    def gain(a, b):
        """A DDIM step from level a to b multiplies x - sqrt(a) * MEAN by this."""
        return (math.sqrt(a * b) * VARIANCE + math.sqrt((1 - a) * (1 - b))) / (a * VARIANCE + 1 - a)

    def forward(self, x_t, t, cond):
        rows = [(self.bars[i].item(), *self.table[i]) for i in t.tolist()]
        a, a_prev, gain = torch.tensor(rows, dtype=F64).T.reshape(3, -1, *[1] * (x_t.ndim - 1))
        x_prev = a_prev.sqrt() * MEAN + gain * (x_t - a.sqrt() * MEAN)
        ratio = ((1 - a_prev) / (1 - a)).sqrt()
        x_0 = (x_prev - ratio * x_t) / (a_prev.sqrt() - ratio * a.sqrt())
        return self.one * said(x_0, (x_t - a.sqrt() * x_0) / (1 - a).sqrt(), a, self.prediction)


def draw_gaussian(generator):
    return MEAN + math.sqrt(VARIANCE) * torch.randn(16, 3, generator=generator, dtype=F64), None


@pytest.mark.parametrize("levels", [(999, 749, 499), (999, 998, 997), (499, 249, None), (3, 1, None), (2, 1, 0)])
@pytest.mark.parametrize("bars", [BARS, ZERO_SNR], ids=["linear", "zero-snr"])
def test_one_step_with_the_target_is_the_teachers_two(levels, bars):
    """DDIM from t to t'' with the target as x_0_hat: equal to t -> t' -> t'' with the teacher, any teacher at all."""
    a_t, a_mid, a_prev = (1.0 if i is None else bars[i].item() for i in levels)
    x_t, first, second = torch.randn(3, 8, 4, generator=seeded(), dtype=F64)

    def step(x, x_0_hat, a, b):
        eps = (x - math.sqrt(a) * x_0_hat) / math.sqrt(1 - a)
        return ddim_step(x, eps, alpha_bar_t=a, alpha_bar_prev=b, x_0_hat=x_0_hat)

    x_prev = step(step(x_t, first, a_t, a_mid), second, a_mid, a_prev)
    given = {"alpha_bar_t": a_t, "alpha_bar_prev": a_prev}
    target = two_step_target(first, second, alpha_bar_mid=a_mid, **given)
    torch.testing.assert_close(step(x_t, target, a_t, a_prev), x_prev, atol=1e-12, rtol=0)
    paper = implied_x_0(x_t, x_prev, **given)
    torch.testing.assert_close(paper, target, atol=1e-10 if a_prev - a_t > 0.01 else 1e-8, rtol=0)
    if a_prev == 1:
        assert torch.equal(target, second)


def test_the_target_lies_between_the_teachers_predictions():
    for t in range(2, 1000, 37):
        given = {"alpha_bar_t": BARS[t], "alpha_bar_mid": BARS[t - 1], "alpha_bar_prev": BARS[t - 2]}
        share = two_step_target(torch.zeros(1), torch.ones(1), **given).item()
        assert 0 < share < 1


def test_the_weighted_mean_keeps_digits_that_the_papers_formula_loses():
    """In float32, for 512 steps halved to 256, against float64."""
    pairs, worst = step_pairs(spaced_timesteps(512, spacing="trailing"), BARS), [0.0, 0.0]
    x_t, first, second = torch.randn(3, 64, generator=seeded(), dtype=F64)
    for (_, a_t, a_mid), (_, _, a_prev) in pairwise(pairs[:-2]):
        true = two_step_target(first, second, alpha_bar_t=a_t, alpha_bar_mid=a_mid, alpha_bar_prev=a_prev)
        x, one, two = x_t.float(), first.float(), second.float()
        mean = two_step_target(one, two, alpha_bar_t=a_t, alpha_bar_mid=a_mid, alpha_bar_prev=a_prev)
        for x_0_hat, a, b in ((one, a_t, a_mid), (two, a_mid, a_prev)):
            eps = (x - math.sqrt(a) * x_0_hat) / math.sqrt(1 - a)
            x = ddim_step(x, eps, alpha_bar_t=a, alpha_bar_prev=b, x_0_hat=x_0_hat)
        paper = implied_x_0(x_t.float(), x, alpha_bar_t=a_t, alpha_bar_prev=a_prev)
        worst = [max(w, (y - true).abs().max().item()) for w, y in zip(worst, (mean, paper), strict=True)]
    assert worst[0] < 1e-6
    assert worst[1] > 100 * worst[0]


@pytest.mark.parametrize("prediction", ["eps", "x_0", "v"])
@pytest.mark.parametrize("weighting", ["snr", "truncated_snr", "snr+1"])
@pytest.mark.parametrize("steps", [2, 8])
def test_a_perfect_student_of_an_exact_gaussian_has_no_loss(prediction, weighting, steps):
    timesteps = spaced_timesteps(steps, spacing="trailing")
    student = PerfectStudent(timesteps, prediction)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.0)
    how = {"steps": 5, "generator": seeded(), "prediction": prediction, "weighting": weighting}
    run = halve_steps(student, exact_gaussian(prediction), draw_gaussian, timesteps, BARS, optimizer, **how)
    assert max(loss for _, loss in run) < 1e-22


def test_a_perfect_student_from_pure_noise_and_of_a_teacher_with_another_prediction():
    """With alpha_bar = 0 at the noisiest step (the paper's case) eps would be of no use; v and x_0 are."""
    timesteps = spaced_timesteps(4, spacing="trailing")
    student = PerfectStudent(timesteps, "v", ZERO_SNR)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.0)
    how = {"steps": 5, "generator": seeded(), "prediction": "v", "teacher_prediction": "x_0"}
    run = halve_steps(student, exact_gaussian("x_0", ZERO_SNR), draw_gaussian, timesteps, ZERO_SNR, optimizer, **how)
    assert max(loss for _, loss in run) < 1e-22


def test_a_perfect_student_samples_what_its_teacher_samples():
    timesteps, x_T = spaced_timesteps(8, spacing="trailing"), torch.randn(5, 3, generator=seeded(), dtype=F64)
    student = PerfectStudent(timesteps, "v")
    *_, ours = ddim_sample(at_int(student, None), x_T, halved(timesteps), BARS, prediction="v")
    *_, theirs = ddim_sample(at_int(exact_gaussian("v"), None), x_T, timesteps, BARS, prediction="v")
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)
    *_, plain = ddim_sample(at_int(exact_gaussian("v"), None), x_T, halved(timesteps), BARS, prediction="v")
    assert (plain - theirs).abs().max() > 0.01  # without distillation, half the steps go elsewhere


def test_a_student_that_has_not_learned_has_the_teachers_own_error():
    """The loss of the copy that training starts from, by hand, in one batch of one timestep each."""
    timesteps, teacher = spaced_timesteps(2, spacing="trailing"), exact_gaussian("v")
    one = nn.Parameter(torch.ones((), dtype=F64))
    run = halve_steps(
        lambda x, t, c: one * teacher(x, t, c), teacher, draw_gaussian, timesteps, BARS,
        torch.optim.SGD([one], lr=0.0), steps=1, generator=seeded(3),
    )  # fmt: skip
    ((_, ours),) = run
    g = seeded(3)
    x_0, _ = draw_gaussian(g)
    torch.rand(16, generator=g), torch.randperm(16, generator=g)
    x_t = add_noise(x_0, torch.randn(16, 3, generator=g, dtype=F64), alpha_bar_t=BARS[999])
    t = torch.full((16,), 999)
    x_0_hat, eps = predictions(teacher(x_t, t, None), x_t, alpha_bar_t=BARS[999], prediction="v")
    x_mid = ddim_step(x_t, eps, alpha_bar_t=BARS[999], alpha_bar_prev=BARS[499])
    target, _ = predictions(teacher(x_mid, t - 500, None), x_mid, alpha_bar_t=BARS[499], prediction="v")
    assert ours == pytest.approx(((x_0_hat - target) ** 2).mean().item(), rel=1e-10)  # max(SNR, 1) = 1 at t = 999


def test_weights_are_those_of_the_losses_they_are_named_after():
    x_t, output, x_0 = torch.randn(3, 6, 4, generator=seeded(), dtype=F64)
    a = BARS[torch.tensor([10, 200, 263, 264, 600, 999])].reshape(-1, 1)
    eps = (x_t - a.sqrt() * x_0) / (1 - a).sqrt()  # x_t = sqrt(a) x_0 + sqrt(1 - a) eps
    v = v_from_x_0_eps(x_0, eps, alpha_bar_t=a)
    x_0_hat, eps_hat = predictions(output, x_t, alpha_bar_t=a, prediction="v")
    losses = {
        w: distillation_loss(output, x_0, x_t, a, prediction="v", weighting=w)
        for w in ("snr", "truncated_snr", "snr+1")
    }
    of_x_0, of_eps, of_v = (((p - q) ** 2).mean(1) for p, q in ((x_0, x_0_hat), (eps, eps_hat), (v, output)))
    torch.testing.assert_close(losses["snr"], of_eps)
    torch.testing.assert_close(losses["truncated_snr"], torch.maximum(of_x_0, of_eps))
    torch.testing.assert_close(losses["snr+1"], of_v)
    assert distillation_weight(torch.zeros(1), weighting="snr").item() == 0
    assert distillation_weight(torch.zeros(1), weighting="truncated_snr").item() == 1


def draw_mixture(generator):
    return sample_mixture(THREE, 256, generator).float(), None


def error_left(prediction, steps=400):
    """2-D toy, 8 steps to 4. Where the trained student ends from a noise, against where the teacher ends: the mean
    square distance, as a share of what it is for the teacher in 4 steps."""
    timesteps, teacher = spaced_timesteps(8, spacing="trailing"), exact_mixture(THREE, BARS, prediction)
    student = Corrected(teacher, BARS)
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-2)
    how = {"steps": steps, "generator": seeded(), "prediction": prediction}
    list(halve_steps(student, teacher, draw_mixture, timesteps, BARS, optimizer, **how))
    x_T, ends = torch.randn(1000, 2, generator=seeded(5)), []
    for model, ts in ((teacher, timesteps), (student, halved(timesteps)), (teacher, halved(timesteps))):
        with torch.no_grad():
            *_, end = ddim_sample(at_int(model, None), x_T, ts, BARS, prediction=prediction)
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
    ours = exact_mixture(THREE, BARS, "eps")(x_t, t, None)
    theirs = [mixture_eps_model(THREE, BARS)(x_t[i : i + 1], t[i].item()) for i in range(4)]
    torch.testing.assert_close(ours, torch.cat(theirs), atol=1e-12, rtol=1e-9)


def test_resumed(tmp_path):
    def run(path):
        teacher, timesteps = exact_mixture(THREE, BARS, "v"), spaced_timesteps(4, spacing="trailing")
        student = Corrected(teacher, BARS)
        optimizer = torch.optim.Adam(student.parameters(), lr=3e-3)
        how = {"steps": 8, "generator": seeded(), "checkpoint": path, "save_every": 3}
        losses = halve_steps(student, teacher, draw_mixture, timesteps, BARS, optimizer, **how)
        return losses, lambda: list(student.parameters())

    assert_same_run(*cut_off_and_resumed(run, tmp_path / "student.pt", at=5))


def test_halved_timesteps_are_those_of_half_as_many_steps():
    for n in (64, 32, 16, 8, 4, 2):
        whole, half = spaced_timesteps(n, spacing="trailing"), spaced_timesteps(n // 2, spacing="trailing")
        assert torch.equal(halved(whole), half)


X = torch.zeros(2, 3)
ONE = nn.Parameter(torch.ones(1))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: halved(torch.tensor([5, 3, 1])), ["3 timesteps", "even"]),
        (lambda: implied_x_0(X, X, alpha_bar_t=0.5, alpha_bar_prev=0.5), ["[0.5] and [0.5]", "increase in [0, 1]"]),
        (
            lambda: two_step_target(X, X, alpha_bar_t=0.1, alpha_bar_mid=0.7, alpha_bar_prev=0.6),
            ["[0.7] and [0.6]", "increase"],
        ),
        (lambda: distillation_weight(torch.ones(1), weighting="snr"), ["[0, 1)"]),
        (lambda: distillation_weight(X, weighting="snr1"), ["'snr1'", "'snr', 'truncated_snr', 'snr+1'"]),
        *(
            (
                lambda options=options: halve_steps(
                    exact_gaussian("v"), exact_gaussian("v"), draw_mixture, torch.tensor(options.pop("ts", [9, 1])), BARS,
                    torch.optim.SGD([ONE], lr=0.1), steps=1, generator=seeded(), **options,
                ),
                words,
            )
            for options, words in [
                ({"ts": [9, 5, 1]}, ["3 timesteps"]),
                ({"ts": [1, 9]}, ["strictly decreasing"]),
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
