"""Null-text inversion: without optimisation it is plain DDIM, with it the guided walk keeps to the pivot."""

import copy
from dataclasses import replace

import pytest
import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler
from tests.diffloop.tiny_models import bits, same_bits, seeded

from diffloop.diffedit import encode
from diffloop.null_text import global_null_text_optimization, null_text_model, null_text_optimization
from diffloop.pretrained import load
from diffloop.text_to_image import denoise, encode_prompts, prompted_model

PROMPTS = ["a red circle left of a blue square", "a large square on black"]
SCALE = 5.0
CONFIG = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}


@pytest.fixture(scope="module", params=["eps", "v"])
def models(request, eps_folder, v_folder):
    return load({"eps": eps_folder, "v": v_folder}[request.param])


@pytest.fixture(scope="module")
def levels(models):
    return models.levels(4)


@pytest.fixture(scope="module")
def pivot(models, levels):
    side = models.scale * models.latent_size(None)[0]
    images = torch.rand(2, 3, side, side, generator=seeded())
    return encode(models, images, levels, prompts=PROMPTS)


def optimised(models, pivot, levels, iterations, prompts=PROMPTS, **how):
    settings = {"guidance_scale": SCALE, "rate": 0.05, "stop": 0.0} | how
    return list(null_text_optimization(models, pivot, levels, prompts, iterations=iterations, **settings))


def walk(models, nulls, x, levels, prompts=PROMPTS):
    model = null_text_model(models, prompts, nulls, levels, guidance_scale=SCALE)
    states = []
    denoise(models, model, x, levels, callback=lambda i, level, state: states.append(state.clone()))
    return states


@pytest.mark.parametrize("models", ["eps"], indirect=True)
def test_the_pivot_is_that_of_diffusers(models, levels, pivot):
    """Diffusers' inverse scheduler under the prompt, without guidance."""
    inverse = DDIMInverseScheduler(**CONFIG)
    inverse.set_timesteps(4)
    x, text = pivot[-1], encode_prompts(models, PROMPTS)
    for t, ours in zip(inverse.timesteps, reversed(pivot[:-1]), strict=True):
        with torch.no_grad():
            output = models.unet(x, t, encoder_hidden_states=text).sample
        x = inverse.step(output, t, x).prev_sample
        torch.testing.assert_close(ours, x, rtol=0, atol=1e-4)


def test_no_iterations_leave_plain_ddim(models, levels, pivot):
    nulls = optimised(models, pivot, levels, 0)
    empty = encode_prompts(models, ["", ""])
    assert len(nulls) == 4
    assert all(torch.equal(null, empty) for null in nulls)
    plain = denoise(models, prompted_model(models, PROMPTS, SCALE), pivot[0], levels)
    torch.testing.assert_close(walk(models, nulls, pivot[0], levels)[-1], plain, rtol=0, atol=1e-5)


@pytest.mark.parametrize("models", ["eps"], indirect=True)
def test_the_guided_walk_is_that_of_diffusers(models, levels, pivot):
    """Diffusers' scheduler and U-Net, its unconditional half told another embedding at each step."""
    nulls = [torch.randn(2, 16, 32, generator=seeded(k)) for k in range(4)]
    scheduler = DDIMScheduler(**CONFIG)
    scheduler.set_timesteps(4)
    x, text = pivot[0], encode_prompts(models, PROMPTS)
    states = walk(models, nulls, pivot[0], levels)
    for t, null, ours in zip(scheduler.timesteps, nulls, states, strict=True):
        with torch.no_grad():
            both = models.unet(torch.cat([x, x]), t, encoder_hidden_states=torch.cat([null, text])).sample
        uncond, cond = both.chunk(2)
        x = scheduler.step(uncond + SCALE * (cond - uncond), t, x).prev_sample
        torch.testing.assert_close(ours, x, rtol=1e-4, atol=1e-4)


def errors(states, pivot):
    return torch.stack([(a - b).square().mean() for a, b in zip(states, pivot[1:], strict=True)])


def test_the_guided_walk_comes_nearer_to_the_pivot(models, levels, pivot):
    before = bits(models.unet, models.text_encoder)
    plain, few, more = (
        errors(walk(models, optimised(models, pivot, levels, n), pivot[0], levels), pivot) for n in (0, 2, 15)
    )
    assert few[-1] < 0.95 * plain[-1]
    assert more[-1] < 0.8 * few[-1]
    assert (more < plain).all()
    assert same_bits(before, models.unet, models.text_encoder)


def test_one_iteration_is_a_step_of_adam_down_the_gradient(models, levels, pivot):
    """Adam's first step moves each number by its rate against the gradient's sign; the gradient by differences."""
    first = optimised(models, pivot, levels, 1)[0]
    empty = encode_prompts(models, ["", ""])
    moved = first - empty
    torch.testing.assert_close(moved.abs(), torch.full_like(moved, 0.05), rtol=0.02, atol=1e-3)
    losses = []
    for change in (1e-2, -1e-2):
        nulls = [empty + change * moved.sign()] + [empty] * 3
        losses.append((walk(models, nulls, pivot[0], levels)[0] - pivot[1]).square().mean())
    assert losses[0] < losses[1]


def test_the_embeddings_bring_sampling_to_where_the_optimisation_was(models, levels, pivot):
    """A step is optimised from where sampling with the ones before leads, and from the embedding that the last one
    found: with pivots on that very path it rests there. A later pivot has no say in it."""
    nulls = optimised(models, pivot, levels, 3)
    there = walk(models, [nulls[0]] * 4, pivot[0], levels)
    found = optimised(models, [*pivot[:2], *there[1:]], levels, 3, stop=1e-8)
    assert all(torch.equal(null, nulls[0]) for null in found)
    found = optimised(models, [*pivot[:3], pivot[3] + 1, pivot[4]], levels, 3)
    assert all(torch.equal(found[i], nulls[i]) for i in (0, 1))
    assert not torch.equal(found[2], nulls[2])


def test_pictures_do_not_touch_each_other_and_rest_when_near(models, levels, pivot):
    both = optimised(models, pivot, levels, 2)
    alone = optimised(models, [state[:1] for state in pivot], levels, 2, prompts=PROMPTS[:1])
    for a, b in zip(both, alone, strict=True):
        torch.testing.assert_close(a[:1], b, rtol=0, atol=2e-3)
    at_rest = optimised(models, pivot, levels, 5, stop=1e9)
    assert all(torch.equal(null, encode_prompts(models, ["", ""])) for null in at_rest)
    loss = (walk(models, optimised(models, pivot, levels, 0), pivot[0], levels)[0] - pivot[1]).square().mean((1, 2, 3))
    between = loss.mean().item()  # one of the two rests, the other goes on
    first = optimised(models, pivot, levels, 5, stop=between)[0]
    moved = (first - encode_prompts(models, ["", ""])).abs().amax((1, 2)) > 0
    assert moved.tolist() == (loss >= between).tolist()
    assert moved.sum() == 1


def test_one_embedding_for_all_steps(models, levels, pivot):
    """Zero rounds are plain; one round makes a step of Adam at each step of the ladder; it helps."""
    how = {"guidance_scale": SCALE, "rate": 0.05}
    empty = encode_prompts(models, ["", ""])
    assert torch.equal(global_null_text_optimization(models, pivot, levels, PROMPTS, iterations=0, **how), empty)
    once = global_null_text_optimization(models, pivot, levels, PROMPTS, iterations=1, **how)
    assert 0 < (once - empty).abs().max() <= 4 * 0.05 * 1.8
    found = global_null_text_optimization(models, pivot, levels, PROMPTS, iterations=10, **how)
    plain, better = (errors(walk(models, [null] * 4, pivot[0], levels), pivot)[-1] for null in (empty, found))
    assert better < 0.9 * plain


def test_blocks_of_prompts_share_the_embeddings(models, levels, pivot):
    """In double precision, as a batch twice as large rounds differently."""
    exact = {part: copy.deepcopy(getattr(models, part)).double() for part in ("unet", "text_encoder")}
    models, pivot = replace(models, **exact), [x.double() for x in pivot]
    nulls = optimised(models, pivot, levels, 2)
    twice = walk(models, nulls, torch.cat([pivot[0]] * 2), levels, prompts=[*PROMPTS, *PROMPTS])[-1]
    once = walk(models, nulls, pivot[0], levels)[-1]
    assert twice.dtype == torch.float64
    torch.testing.assert_close(twice, torch.cat([once, once]), rtol=0, atol=1e-10)


def test_what_does_not_fit_is_named(models, levels, pivot):
    with pytest.raises(ValueError, match="4 states for 5 levels"):
        optimised(models, pivot[1:], levels, 1)
    with pytest.raises(ValueError, match="1 prompts for 2 pictures"):
        optimised(models, pivot, levels, 1, prompts=PROMPTS[:1])
    with pytest.raises(ValueError, match="iterations is -1"):
        optimised(models, pivot, levels, -1)
    with pytest.raises(ValueError, match="guidance_scale is -1"):
        optimised(models, pivot, levels, 1, guidance_scale=-1.0)
    nulls = optimised(models, pivot, levels, 0)
    with pytest.raises(ValueError, match="3 embeddings for 4 steps"):
        null_text_model(models, PROMPTS, nulls[1:], levels)
    with pytest.raises(ValueError, match="of 2 pictures for 3 prompts"):
        null_text_model(models, [*PROMPTS, "a"], nulls, levels)
