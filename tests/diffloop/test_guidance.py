"""Guidance: on a Gaussian mixture it must be the closed-form tilted score."""

import math

import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg

from diffloop.exact import condition, gaussian_mixture, mixture_eps_model, mixture_log_density
from diffloop.guidance import classifier_free_guidance, clip_guidance, guide, on_interval, rescale
from diffloop.levels import Level, vp_level
from diffloop.parameterization import eps_from_v, v_from_x_0_eps, x_0_from_eps
from diffloop.schedules import alphas_cumprod_from_betas, linear_betas

F64 = torch.float64
BARS = alphas_cumprod_from_betas(linear_betas())
ALL = gaussian_mixture(
    torch.tensor([0.5, 0.3, 0.2]),
    torch.tensor([[1.5, 0.0], [-1.0, 1.0], [-0.5, -1.5]]),
    torch.tensor([0.1, 0.2, 0.15]),
)
CLASS, OTHER = condition(ALL, [0, 1]), condition(ALL, [2])
COND, UNCOND = mixture_eps_model(CLASS), mixture_eps_model(ALL)
PURE = Level(0.0, 1.0, 5)
X = torch.randn(20, 2, generator=torch.Generator().manual_seed(0), dtype=F64)


def at(t):
    return vp_level(BARS[t].item(), t)


def log_density(mixture, t):
    return lambda x: mixture_log_density(x, mixture, at(t))


def eps_of(log_p, t, x=X):
    """-sqrt(1 - alpha_bar) * grad log p, by autograd."""
    x = x.clone().requires_grad_()
    (score,) = torch.autograd.grad(log_p(x).sum(), x)
    return -math.sqrt(1 - BARS[t]) * score


@pytest.mark.parametrize("s", [0.0, 0.5, 1.0, 3.0, 7.5, 15.0])
@pytest.mark.parametrize("t", [10, 300, 999])
def test_guidance_is_the_tilted_score(s, t):
    """grad log p(x_t) * (p(x_t | c) / p(x_t))^s, from densities alone (ho2022cfg, Sec. 3.2)."""
    p, p_c = log_density(ALL, t), log_density(CLASS, t)
    expected = eps_of(lambda x: p(x) + s * (p_c(x) - p(x)), t)
    ours = classifier_free_guidance(COND, UNCOND, guidance_scale=s)(X, at(t))
    torch.testing.assert_close(ours, expected, atol=1e-9, rtol=1e-9)
    w = s - 1  # Ho & Salimans' convention
    torch.testing.assert_close(ours, (1 + w) * COND(X, at(t)) - w * UNCOND(X, at(t)), atol=1e-10, rtol=1e-10)


def test_a_negative_prompt_takes_the_place_of_the_unconditional_model():
    t, s = 300, 4.0
    p_neg, p_c = log_density(OTHER, t), log_density(CLASS, t)
    expected = eps_of(lambda x: s * p_c(x) - (s - 1) * p_neg(x), t)
    ours = classifier_free_guidance(COND, mixture_eps_model(OTHER), guidance_scale=s)(X, at(t))
    torch.testing.assert_close(ours, expected, atol=1e-9, rtol=1e-9)


def forbidden(x_t, level):
    raise AssertionError


def test_ends_call_one_model_only():
    torch.testing.assert_close(classifier_free_guidance(COND, forbidden, guidance_scale=1)(X, at(5)), COND(X, at(5)))
    torch.testing.assert_close(
        classifier_free_guidance(forbidden, UNCOND, guidance_scale=0)(X, at(5)), UNCOND(X, at(5))
    )


def test_one_call_for_both_is_used():
    both = lambda x_t, level: (UNCOND(x_t, level), COND(x_t, level))  # noqa: E731
    ours = classifier_free_guidance(forbidden, forbidden, guidance_scale=3, both=both)(X, at(5))
    torch.testing.assert_close(ours, guide(UNCOND(X, at(5)), COND(X, at(5)), guidance_scale=3))


def test_guiding_v_or_x_0_is_guiding_eps():
    t, level = 400, at(400)
    eps_u, eps_c = UNCOND(X, at(t)), COND(X, at(t))
    expected = guide(eps_u, eps_c, guidance_scale=5.0)
    x_0 = [x_0_from_eps(X, e, level) for e in (eps_u, eps_c)]
    v = [v_from_x_0_eps(x, e, level) for x, e in zip(x_0, (eps_u, eps_c), strict=True)]
    torch.testing.assert_close(eps_from_v(X, guide(*v, guidance_scale=5.0), level), expected)
    torch.testing.assert_close(guide(*x_0, guidance_scale=5.0), x_0_from_eps(X, expected, level))


def test_rescale_equals_diffusers_and_keeps_the_standard_deviation():
    guided, cond = torch.randn(2, 3, 4, 5, 5, generator=torch.Generator().manual_seed(1))
    for phi in (0.0, 0.3, 0.7, 1.0):
        ours = rescale(guided, cond, guidance_rescale=phi)
        torch.testing.assert_close(ours, rescale_noise_cfg(guided, cond, phi), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(ours.std((1, 2, 3)), cond.std((1, 2, 3)))
    model = classifier_free_guidance(COND, UNCOND, guidance_scale=4, guidance_rescale=0.7)
    expected = rescale(guide(UNCOND(X, at(9)), COND(X, at(9)), guidance_scale=4), COND(X, at(9)), guidance_rescale=0.7)
    torch.testing.assert_close(model(X, at(9)), expected)


def test_interval():
    model = on_interval(lambda x, level: x + 1, lambda x, level: x, interval=(10, 20))
    assert [model(0, at(t)) for t in (9, 10, 15, 20, 21)] == [0, 1, 1, 1, 0]


@pytest.mark.parametrize("prediction", ["eps", "x_0", "v", "velocity"])
@pytest.mark.parametrize("t", [10, 300, 999])
def test_clip_guidance_with_the_exact_classifier_is_bayes_rule(prediction, t):
    """log p(c | x_t) as the similarity, s = 1: the conditional model comes out. Then s = 3: the tilted one."""

    def as_output(eps_model):
        def model(x, level):
            eps = eps_model(x, level)
            x_0 = x_0_from_eps(x, eps, level)
            v = v_from_x_0_eps(x_0, eps, level)
            return {"eps": eps, "x_0": x_0, "v": v, "velocity": eps - x_0}[prediction]

        return model

    def log_posterior(x, level):
        return mixture_log_density(x, CLASS, level) - mixture_log_density(x, ALL, level)

    for s, expected in [(1, COND), (3, classifier_free_guidance(COND, UNCOND, guidance_scale=3)), (0, UNCOND)]:
        with torch.no_grad():
            ours = clip_guidance(as_output(UNCOND), log_posterior, guidance_scale=s, prediction=prediction)(X, at(t))
        torch.testing.assert_close(ours, as_output(expected)(X, at(t)), atol=1e-7, rtol=1e-7)
        assert not ours.requires_grad


AT_5 = at(5)


def clipped(similarity, level=AT_5, s=1.0, prediction="eps"):
    return clip_guidance(UNCOND, similarity, guidance_scale=s, prediction=prediction)(X, level)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: classifier_free_guidance(COND, UNCOND, guidance_scale=-1), ["guidance_scale is -1", ">= 0"]),
        (lambda: classifier_free_guidance(COND, UNCOND, guidance_scale=math.nan), ["is nan", "finite"]),
        (lambda: classifier_free_guidance(COND, UNCOND, guidance_scale=3, guidance_rescale=2), ["is 2", "[0, 1]"]),
        (lambda: rescale(X, X, guidance_rescale=-0.1), ["guidance_rescale is -0.1", "[0, 1]"]),
        (lambda: on_interval(COND, UNCOND, interval=(5, 4)), ["(5, 4)", "first <= last"]),
        (lambda: clipped(lambda x, t: x.sum(1), s=math.inf), ["guidance_scale is inf", "finite"]),
        (lambda: clipped(lambda x, t: x.sum(1), prediction="x0"), ["'x0'", "'eps', 'x_0', 'v', 'velocity'"]),
        (lambda: clipped(lambda x, t: x), ["shape (20, 2)", "(20,)"]),
        (lambda: clipped(lambda x, t: (x / 0).sum(1)), ["gradient", "t = 5", "finite"]),
        (lambda: clipped(lambda x, t: x.sum(1), PURE, prediction="v"), ["signal is 0 at t = 5", "> 0"]),
    ],
)
def test_bad_input_is_named_with_every_legal_choice(call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call()
    for word in words:
        assert word in str(error.value)
