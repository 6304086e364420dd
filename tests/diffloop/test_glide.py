"""GLIDE: the two stages on models whose answer is known, and the noised CLIP's similarity and loss by hand."""

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from tests.diffloop.tiny_models import seeded

from diffloop.ddim import ddim_sample
from diffloop.ddpm import ddpm_sample
from diffloop.denoising import denoising_loss, stratified
from diffloop.glide import Stage, beside_low_res, glide_sample, noised_clip_loss, noised_clip_similarity, shrink
from diffloop.guidance import clip_guidance
from diffloop.ladders import levels_at, trained_levels
from diffloop.levels import vp_level
from diffloop.parameterization import add_noise
from diffloop.schedules import alphas_cumprod_from_betas, cosine_betas, linear_betas, spaced_timesteps

BASE_BARS, UP_BARS = alphas_cumprod_from_betas(cosine_betas()), alphas_cumprod_from_betas(linear_betas())
TEN, FOUR = (
    trained_levels(bars, spaced_timesteps(n, spacing="trailing")) for bars, n in ((BASE_BARS, 10), (UP_BARS, 4))
)


def eps_towards(x_0_of):
    """A model that is sure of x_0: eps = (x_t - signal * x_0) / noise."""

    def model(x, level):
        x_t, x_0 = x_0_of(x)
        return (x_t - level.signal * x_0) / level.noise

    return model


def base(picture):
    return Stage(eps_towards(lambda x: (x, picture)), (4, 4), TEN)


def upsampler():
    """Is sure that the picture is the enlarged small one that it is shown."""
    return Stage(eps_towards(lambda x: x.chunk(2, dim=1)), (8, 8), FOUR)


@pytest.mark.parametrize("sampler", [ddpm_sample, partial(ddim_sample, eta=0.5)])
def test_the_upsampler_sees_what_the_base_made(sampler):
    picture = torch.linspace(-1.5, 1.5, 2 * 3 * 16).reshape(2, 3, 4, 4)  # overshoots [-1, 1] at its ends
    states = list(glide_sample(base(picture), upsampler(), 2, generator=seeded(), sampler=sampler))
    assert [name for name, _ in states] == ["base"] * 10 + ["upsampler"] * 4
    assert [state.shape for _, state in states] == [(2, 3, 4, 4)] * 10 + [(2, 3, 8, 8)] * 4
    torch.testing.assert_close(states[9][1], picture, atol=1e-4, rtol=0)
    large = F.interpolate(picture.clamp(-1, 1), (8, 8), mode="bilinear", align_corners=False)
    torch.testing.assert_close(states[-1][1], large, atol=1e-4, rtol=0)


def test_each_stage_is_the_sampler_on_the_same_noise():
    states = [s for _, s in glide_sample(base(torch.zeros(2, 3, 4, 4)), upsampler(), 2, generator=seeded(1))]
    g = seeded(1)
    x_T = torch.randn(2, 3, 4, 4, generator=g)
    first = list(ddpm_sample(base(torch.zeros(2, 3, 4, 4)).model, x_T, TEN, generator=g))
    model = beside_low_res(upsampler().model, first[-1].clamp(-1, 1))
    second = list(ddpm_sample(model, torch.randn(2, 3, 8, 8, generator=g), FOUR, generator=g))
    assert all(torch.equal(a, b) for a, b in zip(states, first + second, strict=True))


def test_a_picture_does_not_depend_on_its_neighbours():
    def last(seeds):
        stages = base(torch.full((len(seeds), 3, 4, 4), 0.3)), upsampler()
        *_, (_, x) = glide_sample(*stages, len(seeds), generator=[seeded(s) for s in seeds])
        return x

    torch.testing.assert_close(last([1, 2, 3])[1:2], last([2]), atol=1e-5, rtol=0)


def test_beside_low_res_in_training_and_sampling():
    low, x_t = torch.randn(2, 3, 4, 4, generator=seeded(1)), torch.randn(2, 3, 8, 8, generator=seeded(2))
    seen = beside_low_res(lambda x, level: x, low)(x_t, vp_level(UP_BARS[5].item(), 5))
    assert torch.equal(seen[:, :3], x_t)
    assert torch.equal(seen[:, 3:], F.interpolate(low, scale_factor=2, mode="bilinear", align_corners=False))
    x_0 = torch.ones(2, 3, 8, 8)

    def knows(x, level):  # x_0 is what it is shown
        x_t, x_0 = x.chunk(2, dim=1)
        return ((x_t - level.signal * x_0) / level.noise).float()

    loss = denoising_loss(beside_low_res(knows, shrink(x_0, (4, 4))), x_0, UP_BARS, seeded())
    assert loss.max() < 1e-6


def test_shrink_takes_means():
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert shrink(x, (2, 2)).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]


def features(x_t, t):
    """A stand-in for f: fixed projections, told the time."""
    weight = torch.randn(48, 6, generator=seeded(8))
    return x_t.flatten(1) @ weight + t[:, None] / 1000


def test_similarity_is_the_cosine_and_guidance_climbs_it():
    x_t, text = torch.randn(2, 3, 4, 4, generator=seeded()), 5 * torch.randn(2, 6, generator=seeded(1))
    similarity = noised_clip_similarity(features, text)
    expected = F.cosine_similarity(features(x_t, torch.tensor([300, 300])), text)
    level = vp_level(BASE_BARS[300].item(), 300)
    torch.testing.assert_close(similarity(x_t, level), expected)
    guided = clip_guidance(lambda x, level: torch.zeros_like(x), similarity, guidance_scale=2.0)
    x = x_t.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(similarity(x, level).sum(), x)
    torch.testing.assert_close(guided(x_t, level), -2 * math.sqrt(1 - BASE_BARS[300].item()) * gradient)
    text = text / text.norm(dim=1, keepdim=True)
    ends = []
    for scale in (0.0, 30.0):
        model = clip_guidance(base(torch.zeros(2, 3, 4, 4)).model, similarity, guidance_scale=scale)
        stages = base(None)._replace(model=model), upsampler()
        low = [s for name, s in glide_sample(*stages, 2, generator=seeded()) if name == "base"][-1]
        ends.append(low)
    moved = (features(ends[1] - ends[0], torch.zeros(2)) * text).sum(1)
    assert (moved > 0).all()


def test_noised_clip_loss_by_hand():
    x_0, text = torch.randn(3, 3, 4, 4, generator=seeded()), torch.randn(3, 6, generator=seeded(1))
    ours = noised_clip_loss(features, x_0, text, BASE_BARS, seeded(2), logit_scale=10.0)
    g = seeded(2)
    t = stratified(3, 1000, g)
    x_t = add_noise(x_0, torch.randn(3, 3, 4, 4, generator=g), levels_at(BASE_BARS, t, 4))
    image = features(x_t, t)
    logits = torch.stack([F.cosine_similarity(image[i : i + 1], text) for i in range(3)]) * 10
    rows, columns = logits.log_softmax(1).diagonal().mean(), logits.log_softmax(0).diagonal().mean()
    torch.testing.assert_close(ours, -(rows + columns) / 2, atol=1e-5, rtol=1e-5)


def test_noised_clip_loss_at_its_ends():
    x_0, right = torch.randn(4, 3, 4, 4, generator=seeded()), torch.eye(4)
    assert noised_clip_loss(lambda x, t: right, x_0, right, BASE_BARS, seeded()).item() < 1e-6
    same = torch.ones(4, 4)
    assert noised_clip_loss(lambda x, t: same, x_0, right, BASE_BARS, seeded()).item() == pytest.approx(math.log(4))


def test_bad_input_is_named():
    small, large = base(torch.zeros(1, 3, 4, 4)), upsampler()
    g = seeded()
    calls = [
        (lambda: glide_sample(small, large, 0, generator=g), ["n is 0", ">= 1"]),
        (lambda: glide_sample(small._replace(prediction="x0"), large, 1, generator=g), ["'x0'", "'eps', 'x_0', 'v'"]),
        (lambda: glide_sample(large, small, 1, generator=g), ["(4, 4)", "at least the base's, (8, 8)"]),
        (lambda: shrink(torch.zeros(1, 3, 8, 8), (3, 3)), ["(3, 3)", "divide", "(8, 8)"]),
        (lambda: noised_clip_loss(features, torch.zeros(1, 3, 4, 4), torch.zeros(1, 6), BASE_BARS, g), ["1 pictures"]),
    ]
    for call, words in calls:
        with pytest.raises(ValueError, match=r".") as error:
            call()
        for word in words:
            assert word in str(error.value)
