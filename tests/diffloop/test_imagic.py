"""Imagic: what each stage moves and what it leaves alone, resumed runs, and the ends of the interpolation."""

import dataclasses

import pytest
import torch
from tests.diffloop.tiny_models import assert_same_run, bits, cut_off_and_resumed, fixed_loss, same_bits, seeded, tiny

from diffloop.denoising import denoising_loss, text_conditioned
from diffloop.finetuning import full_copy, lora_copy, lora_parameters
from diffloop.guidance import guide
from diffloop.imagic import embedding_model, fine_tune, interpolate, optimize_embedding
from diffloop.levels import vp_level
from diffloop.text_to_image import denoise, encode_prompts, prompted_model

X_0 = torch.randn(1, 4, 8, 8, generator=seeded(9))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("tiny"))


def target(models):
    return encode_prompts(models, ["a red circle on black"]).clone()


def test_stage_1_moves_the_embedding_only_and_lowers_the_loss(models):
    before, start = bits(models.unet, models.text_encoder, models.vae), target(models)
    e = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([e], lr=0.1)
    losses = list(optimize_embedding(models, X_0, e, optimizer, generator=seeded(), steps=25, batch=4))
    assert [step for step, _ in losses] == list(range(25))
    assert fixed_loss(models, X_0, e) < fixed_loss(models, X_0, start) - 1e-3
    assert same_bits(before, models.unet, models.text_encoder, models.vae)


def test_pictures_that_share_steps_do_not_touch_each_other(models):
    """A picture's embedding comes out the same beside any other picture, and the loss is the sum of the pictures'."""
    others = [torch.randn(1, 4, 8, 8, generator=seeded(k)) for k in (10, 11)]
    found, losses = [], []
    for other in others:
        e = target(models).repeat(2, 1, 1).requires_grad_()
        optimizer, both = torch.optim.Adam([e], lr=0.1), torch.cat([X_0, other])
        losses.append([x for _, x in optimize_embedding(models, both, e, optimizer, generator=seeded(), steps=5)])
        found.append(e.detach())
    torch.testing.assert_close(found[0][0], found[1][0], atol=1e-5, rtol=1e-5)
    assert (found[0][1] - found[1][1]).abs().max() > 0.01
    twice, start = torch.cat([X_0, X_0]), target(models).repeat(2, 1, 1)
    e = start.clone().requires_grad_()
    stuck = torch.optim.SGD([e], lr=0.0)
    ((_, summed),) = optimize_embedding(models, twice, e, stuck, generator=seeded(), steps=1, batch=3)
    model = text_conditioned(models.unet, start[:1])
    each = denoising_loss(
        model, X_0.expand(6, -1, -1, -1), models.alphas_cumprod, seeded(), prediction=models.prediction
    )
    assert summed == pytest.approx(2 * each.mean().item(), rel=1e-5)


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_stage_2_tunes_a_copy_and_leaves_base_and_embedding_alone(models, kind):
    before, e = bits(models.unet, models.text_encoder, models.vae), target(models)
    kept = e.clone()
    unet = full_copy(models.unet) if kind == "full" else lora_copy(models.unet, rank=2, generator=seeded())
    tuned = dataclasses.replace(models, unet=unet)
    parameters = list(unet.parameters()) if kind == "full" else lora_parameters(unet)
    optimizer = torch.optim.Adam(parameters, lr=2e-3)
    list(fine_tune(tuned, X_0, e, optimizer, generator=seeded(), steps=15, batch=4))
    assert fixed_loss(tuned, X_0, e) < fixed_loss(models, X_0, e) - 1e-3
    assert torch.equal(e, kept)
    assert same_bits(before, models.unet, models.text_encoder, models.vae)


@pytest.mark.parametrize("stage", [1, 2])
def test_each_stage_resumes(models, tmp_path, stage):
    def run(path):
        saving = {"generator": seeded(3), "steps": 8, "checkpoint": path, "save_every": 2}
        e = target(models)
        if stage == 1:
            e.requires_grad_()
            return optimize_embedding(models, X_0, e, torch.optim.Adam([e], lr=0.01), **saving), lambda: [e.detach()]
        tuned = dataclasses.replace(models, unet=full_copy(models.unet))
        optimizer = torch.optim.AdamW(tuned.unet.parameters(), lr=1e-3)
        return fine_tune(tuned, X_0, e, optimizer, **saving), lambda: list(tuned.unet.parameters())

    assert_same_run(*cut_off_and_resumed(run, tmp_path / "stage.pt", at=5))


def at(models, t):
    return vp_level(models.alphas_cumprod[t].item(), t)


def test_interpolation_ends_at_the_picture_and_at_the_text():
    e_tgt, e_opt = torch.randn(2, 1, 5, 3, generator=seeded())
    assert torch.equal(interpolate(e_tgt, e_opt, eta=0.0), e_opt)
    assert torch.equal(interpolate(e_tgt, e_opt, eta=1.0), e_tgt)
    torch.testing.assert_close(interpolate(e_tgt, e_opt, eta=0.25), 0.25 * e_tgt + 0.75 * e_opt)


def test_the_embedding_of_a_prompt_gives_the_pictures_of_the_prompt(models):
    """An embedding that was not moved is a prompt: same states as the text-to-image loop's model."""
    x_T, levels = torch.randn(2, 4, 8, 8, generator=seeded(1)), models.levels(4)
    prompt = "a red circle on black"
    for scale in (1.0, 3.0):
        ours = embedding_model(models, target(models), guidance_scale=scale)
        theirs = prompted_model(models, [prompt, prompt], scale)
        torch.testing.assert_close(denoise(models, ours, x_T, levels), denoise(models, theirs, x_T, levels))


def test_each_item_can_have_an_embedding_of_its_own(models):
    x, t = torch.randn(2, 4, 8, 8, generator=seeded(1)), at(models, 300)
    two = torch.cat([target(models), encode_prompts(models, ["a blue cube"])])
    together = embedding_model(models, two, guidance_scale=2.5)(x, t)
    alone = [embedding_model(models, two[i : i + 1], guidance_scale=2.5)(x[i : i + 1], t) for i in range(2)]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-5)
    assert (alone[0] - embedding_model(models, two[1:], guidance_scale=2.5)(x[:1], t)).abs().max() > 1e-3


def test_guidance_pushes_away_from_the_empty_prompt(models):
    x, e = torch.randn(2, 4, 8, 8, generator=seeded(1)), target(models)
    cond, uncond = (models.predict(x, 500, t.expand(2, -1, -1)) for t in (e, encode_prompts(models, [""])))
    guided = embedding_model(models, e, guidance_scale=2.5)(x, at(models, 500))
    torch.testing.assert_close(guided, guide(uncond, cond, guidance_scale=2.5), atol=1e-5, rtol=1e-5)
    assert torch.equal(embedding_model(models, e, guidance_scale=0.0)(x, at(models, 500)), uncond)


def test_bad_input_is_named(models):
    e = target(models).requires_grad_()
    of_e, of_base = torch.optim.SGD([e], lr=0.1), torch.optim.SGD(models.unet.parameters(), lr=0.1)
    g, two = seeded(), torch.cat([X_0, X_0])
    calls = [
        (lambda: interpolate(e, e, eta=1.1), ["eta is 1.1", "[0, 1]"]),
        (lambda: optimize_embedding(models, X_0, e, of_base, generator=g), ["not the embedding"]),
        (lambda: optimize_embedding(models, X_0[:, :3], e, of_e, generator=g), ["(1, 3, 8, 8)", "takes 4 channels"]),
        (lambda: optimize_embedding(models, X_0, e, of_e, generator=g, batch=0), ["batch is 0", ">= 1"]),
        (lambda: optimize_embedding(models, two, e, of_e, generator=g), ["1 embeddings, 2 pictures"]),
        (lambda: fine_tune(models, X_0, e, of_e, generator=g), ["not weights of models.unet"]),
        (lambda: fine_tune(models, X_0, e, of_base, generator=g), ["do not need gradients", "full_copy or lora_copy"]),
        (lambda: embedding_model(models, e, guidance_scale=-1.0), ["guidance_scale is -1.0"]),
    ]
    for call, words in calls:
        with pytest.raises(ValueError, match=r".") as error:
            call()
        for word in words:
            assert word in str(error.value)
