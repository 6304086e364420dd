"""CFG++, APG, a weaker model and an interval: each against a closed form or what it must leave alone."""

import math
from itertools import pairwise

import pytest
import torch
from diffusers.guiders.adaptive_projected_guidance import MomentumBuffer, normalized_guidance
from tests.diffloop.reference import F64, normal, worst

from diffloop.ddim import ddim_invert, ddim_sample
from diffloop.euler import euler_sample
from diffloop.exact import condition, gaussian_mixture, mixture_eps_model, mixture_log_density
from diffloop.guidance import classifier_free_guidance, guide, on_interval
from diffloop.guidance_kinds import cfg_plus_plus, cfg_plus_plus_invert, projected
from diffloop.ladders import edm_clock, flow_levels, karras_levels, retold
from diffloop.levels import initial_std, karras, straight, vp, vp_level
from diffloop.parameterization import predictions, target

ALL = gaussian_mixture(
    torch.tensor([0.5, 0.3, 0.2]),
    torch.tensor([[1.5, 0.0], [-1.0, 1.0], [-0.5, -1.5]]),
    torch.tensor([0.1, 0.2, 0.15]),
)
COND, UNCOND = mixture_eps_model(condition(ALL, [0, 1])), mixture_eps_model(ALL)
X = normal(20, 2)
AT = vp_level(0.4, 300)
LADDERS = {
    "vp": [vp(level) for level in karras_levels(10)],
    "karras": karras_levels(10),
    "straight": retold([straight(level) for level in karras_levels(10)], edm_clock),
}


def predicting(model, prediction):
    """The same model, saying something else."""
    return lambda x, level: target(*predictions(model(x, level), x, level), level, prediction=prediction)


def combined(combine, scale, prediction="eps", cond=COND, uncond=UNCOND):
    models = [predicting(m, prediction) for m in (cond, uncond)]
    return classifier_free_guidance(*models, guidance_scale=scale, combine=combine, prediction=prediction)


@pytest.mark.parametrize("ladder", LADDERS)
@pytest.mark.parametrize("scale", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("prediction", ["eps", "v", "velocity"])
def test_cfg_plus_plus_is_guidance_with_a_scale_for_each_step(ladder, scale, prediction):
    """chung2024cfgpp, Sec. 4: lambda * sigma / (sigma - sigma'), which is above lambda in every step but the last."""
    levels = LADDERS[ladder]
    after = dict(pairwise(levels))

    def guided(x, level):
        s = scale * level.sigma / (level.sigma - after[level].sigma)
        return guide(UNCOND(x, level), COND(x, level), guidance_scale=s)

    x_T = initial_std(levels[0]) * X
    ours = ddim_sample(combined(cfg_plus_plus, scale, prediction), x_T, levels, prediction=prediction)
    assert worst(ours, ddim_sample(guided, x_T, levels)) < 1e-9


@pytest.mark.parametrize("prediction", ["eps", "x_0", "v", "velocity"])
def test_ends_of_cfg_plus_plus(prediction):
    """0 is the unconditional model. 1 takes the data from the conditional one, and the noise from the other."""
    x_0_u, eps_u = predictions(UNCOND(X, AT), X, AT)
    x_0_c, _ = predictions(COND(X, AT), X, AT)
    for scale, x_0 in [(0.0, x_0_u), (1.0, x_0_c), (0.5, (x_0_u + x_0_c) / 2)]:
        halves = predictions(combined(cfg_plus_plus, scale, prediction)(X, AT), X, AT, prediction=prediction)
        torch.testing.assert_close(halves[0], x_0)
        torch.testing.assert_close(halves[1], eps_u)


def test_only_ddim_honours_cfg_plus_plus():
    levels = flow_levels(4, last=0.1)
    with pytest.raises(ValueError, match="only ddim_sample honours"):
        list(euler_sample(combined(cfg_plus_plus, 0.5), X, levels[1:]))


@pytest.mark.parametrize("ladder", LADDERS)
def test_cfg_plus_plus_is_inverted_exactly_where_no_prediction_depends_on_the_state(ladder):
    """Then being one step behind costs nothing, and the step is solved for its state without an error."""
    levels, x_0 = LADDERS[ladder], normal(20, 2, seed=4)
    cond, uncond = (lambda x, level, z=z: z.expand_as(x) for z in normal(2, 2, seed=5))
    *_, x_T = cfg_plus_plus_invert(cond, uncond, x_0, levels, guidance_scale=0.6)
    down = classifier_free_guidance(cond, uncond, guidance_scale=0.6, combine=cfg_plus_plus)
    *_, back = ddim_sample(down, x_T, levels)
    torch.testing.assert_close(back, x_0, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("ladder", LADDERS)
@pytest.mark.parametrize("prediction", ["eps", "v", "velocity"])
def test_the_inversion_of_cfg_plus_plus_without_guidance_is_ddims(ladder, prediction):
    models, levels = [predicting(m, prediction) for m in (COND, UNCOND)], LADDERS[ladder]
    ours = cfg_plus_plus_invert(*models, X, levels, guidance_scale=0.0, prediction=prediction)
    assert worst(ours, ddim_invert(models[1], X, levels, prediction=prediction)) < 1e-9


@pytest.mark.parametrize("ladder", LADDERS)
def test_the_inversion_of_cfg_plus_plus_is_ddims_under_a_schedule(ladder):
    """The scale of each step is that of the way down, so that both ways are plain guidance by one schedule."""
    levels = LADDERS[ladder]
    after = dict(pairwise(levels))

    def guided(x, level):
        s = 0.6 * level.sigma / (level.sigma - after[level].sigma)
        return guide(UNCOND(x, level), COND(x, level), guidance_scale=s)

    ours = cfg_plus_plus_invert(COND, UNCOND, X, levels, guidance_scale=0.6)
    assert worst(ours, ddim_invert(guided, X, levels)) < 1e-9


@pytest.mark.parametrize("scale", [0.2, 0.6, 1.0])
def test_the_round_trip_of_cfg_plus_plus_gets_better_with_smaller_steps(scale):
    """In proportion to the step, for a strength that does not grow with the steps: lambda is divided by them."""
    x_0, off = normal(40, 2, seed=6), []
    for steps in (50, 100, 200):
        levels = [vp(level) for level in karras_levels(steps, sigma_min=0.01)]
        told = {"guidance_scale": scale * 20 / steps}
        *_, x_T = cfg_plus_plus_invert(COND, UNCOND, x_0, levels, **told)
        *_, back = ddim_sample(classifier_free_guidance(COND, UNCOND, combine=cfg_plus_plus, **told), x_T, levels)
        off.append((back - x_0).norm(dim=1).median().item())
    for coarse, fine in pairwise(off):
        assert 1.5 < coarse / fine < 2.8


@pytest.mark.parametrize("scale", [1.0, 4.0, 15.0])
def test_apg_is_that_of_diffusers(scale):
    """On the data's guess, with momentum over three steps. Diffusers' original formulation counts from 0: s - 1."""
    settings = {"eta": 0.3, "norm_threshold": 1.1}
    combine, buffer = projected(momentum=-0.5, **settings), MomentumBuffer(-0.5)
    for level in LADDERS["vp"][:3]:
        outputs = [predicting(m, "x_0")(X, level) for m in (UNCOND, COND)]
        ours = combine(*outputs, X, level, guidance_scale=scale, prediction="x_0")
        theirs = normalized_guidance(*outputs[::-1], scale - 1, buffer, use_original_formulation=True, **settings)
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("view", [vp, karras, straight])
@pytest.mark.parametrize("prediction", ["eps", "x_0", "v", "velocity"])
@pytest.mark.parametrize("scale", [0.0, 1.0, 7.5])
def test_apg_with_nothing_taken_away_is_guide(view, prediction, scale):
    level = view(AT)
    x = X * level.signal / AT.signal
    ours = combined(projected(eta=1.0), scale, prediction)(x, level)
    outputs = [predicting(m, prediction)(x, level) for m in (UNCOND, COND)]
    torch.testing.assert_close(ours, guide(*outputs, guidance_scale=scale), atol=1e-10, rtol=1e-10)


def data_of(combine, scale, level=AT, x=X, **models):
    """x_0_hat of the guided model, and of the conditional one; the guided halves must still make up x_t."""
    output = combined(combine, scale, **models)(x, level)
    x_0, eps = predictions(output, x, level)
    torch.testing.assert_close(level.signal * x_0 + level.noise * eps, x)
    return x_0, predictions(COND(x, level), x, level)[0]


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_apg_keeps_of_the_part_along_the_data_what_eta_says(eta):
    x_0, x_0_c = data_of(projected(eta=eta), 5.0)
    plain, _ = data_of(projected(eta=1.0), 5.0)
    along = ((x_0 - x_0_c) * x_0_c).sum(1)
    wanted = eta * ((plain - x_0_c) * x_0_c).sum(1)
    torch.testing.assert_close(along, wanted, atol=1e-9, rtol=1e-9)
    across = (x_0 - x_0_c) - (along / (x_0_c**2).sum(1))[:, None] * x_0_c
    whole = (plain - x_0_c) - (((plain - x_0_c) * x_0_c).sum(1) / (x_0_c**2).sum(1))[:, None] * x_0_c
    torch.testing.assert_close(across, whole, atol=1e-9, rtol=1e-9)
    assert whole.abs().max() > 0.1


def test_apg_shortens_long_differences_only():
    plain, x_0_c = data_of(projected(eta=1.0), 3.0)
    lengths = (plain - x_0_c).norm(dim=1) / 2  # s - 1
    threshold = lengths.median().item()
    short, _ = data_of(projected(eta=1.0, norm_threshold=threshold), 3.0)
    torch.testing.assert_close((short - x_0_c).norm(dim=1) / 2, lengths.clamp(max=threshold))
    torch.testing.assert_close(short[lengths <= threshold], plain[lengths <= threshold])
    cosine = torch.nn.functional.cosine_similarity(short - x_0_c, plain - x_0_c, dim=1)
    torch.testing.assert_close(cosine, torch.ones(20, dtype=F64))


def test_apg_momentum_is_a_running_sum_over_the_steps():
    """difference_i + momentum * (difference_{i-1} + momentum * ...), by hand."""
    levels, momentum, running = LADDERS["vp"][:-1], -0.5, 0.0
    combine = projected(eta=1.0, momentum=momentum)
    for level in levels:
        x_0, x_0_c = data_of(combine, 3.0, level)
        x_0_u, _ = predictions(UNCOND(X, level), X, level)
        running = (x_0_c - x_0_u) + momentum * running
        torch.testing.assert_close(x_0 - x_0_c, 2 * running, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("steps", [1, 2, 10])
def test_apg_momentum_restarts_with_a_new_run(steps):
    levels = karras_levels(steps)
    model = combined(projected(momentum=-0.5), 3.0)
    first, second = (list(ddim_sample(model, 80 * X, levels)) for _ in range(2))
    fresh = list(ddim_sample(combined(projected(momentum=-0.5), 3.0), 80 * X, levels))
    assert worst(first, second) == worst(first, fresh) == 0
    fewer = list(ddim_sample(model, 80 * X[:3], levels))  # another batch
    assert worst(fewer, [state[:3] for state in first]) < 1e-9
    if steps > 1:
        assert worst(first, ddim_sample(combined(projected(), 3.0), 80 * X, levels)) > 1e-3


def test_a_weaker_model_in_the_place_of_the_unconditional_one():
    """Autoguidance: the blurred model's density is divided out, the score that of p^s * p_blurred^(1 - s)."""
    blurred = gaussian_mixture(ALL.weights, ALL.means, ALL.variances + 0.3)
    guided = classifier_free_guidance(UNCOND, mixture_eps_model(blurred), guidance_scale=2.0)
    x = X.clone().requires_grad_()
    tilted = 2 * mixture_log_density(x, ALL, AT) - mixture_log_density(x, blurred, AT)
    (score,) = torch.autograd.grad(tilted.sum(), x)
    torch.testing.assert_close(guided(X, AT), -AT.noise * score, atol=1e-9, rtol=1e-9)
    # its samples lie where the data is dense: nearer to the modes than the data's own
    levels, x_T = karras_levels(60), 80 * normal(500, 2, seed=3)
    ends = [list(ddim_sample(model, x_T, levels))[-1] for model in (guided, UNCOND)]
    near = [torch.cdist(x, ALL.means).amin(1).square().mean().item() for x in ends]
    assert near[0] < 0.7 * near[1]


def test_an_interval_is_in_what_the_network_is_told():
    """Both ends included; the plain model alone is asked outside, and the guided one alone inside."""
    levels, calls = retold(karras_levels(10), edm_clock), []

    def asked(name):
        return lambda x, level: calls.append(name) or 0 * x

    first, last = levels[6].t, levels[3].t
    shifted = retold(levels, lambda level: edm_clock(level) + 10 if level.noise > 0 else 0.0)
    model = on_interval(asked("guided"), asked("plain"), interval=(first + 10, last + 10))
    list(ddim_sample(model, X, shifted))
    assert calls == ["plain"] * 3 + ["guided"] * 4 + ["plain"] * 3


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: combined(cfg_plus_plus, 1.5)(X, AT), ["guidance_scale is 1.5", "[0, 1]"]),
        (lambda: cfg_plus_plus_invert(COND, UNCOND, X, LADDERS["vp"], guidance_scale=1.5), ["1.5", "[0, 1]"]),
        (lambda: cfg_plus_plus_invert(COND, UNCOND, X, LADDERS["vp"], guidance_scale=0.5, prediction="y"), ["'y'"]),
        (lambda: projected(eta=-0.1), ["-0.1, inf, 0.0", "eta >= 0"]),
        (lambda: projected(norm_threshold=0.0), ["norm_threshold > 0"]),
        (lambda: projected(norm_threshold=math.nan), ["norm_threshold > 0"]),
        (lambda: projected(momentum=1.0), ["-1 < momentum < 1"]),
        (lambda: projected(momentum=-1.0), ["-1 < momentum < 1"]),
    ],
)
def test_bad_input_is_named_with_every_legal_choice(call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call()
    for word in words:
        assert word in str(error.value)
