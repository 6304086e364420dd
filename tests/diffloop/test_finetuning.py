"""Copies to train: they start as the base to the bit, and the base never changes."""

import pytest
import torch
from diffusers import StableDiffusionPipeline
from tests.diffloop.tiny import build
from tests.diffloop.tiny_models import bits, same_bits, seeded, tiny

from diffloop.denoising import text_conditioned
from diffloop.finetuning import full_copy, load_lora, lora_copy, lora_parameters, lora_state, save_lora
from diffloop.ladders import levels_at

CLIP_ATTENTION = ("q_proj", "k_proj", "v_proj", "out_proj")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("tiny"))


TWO = levels_at(torch.linspace(0.99, 0.01, 1000), torch.tensor([3, 900]), 4)


def output(unet, seed=0):
    x, text = torch.randn(2, 4, 8, 8, generator=seeded(seed)), torch.randn(1, 16, 32, generator=seeded(seed + 1))
    with torch.no_grad():
        return text_conditioned(unet, text)(x, TWO)


def trained(unet, parameters, steps=3):
    """Some real updates."""
    optimizer = torch.optim.Adam(parameters, lr=0.01)
    for i in range(steps):
        optimizer.zero_grad()
        x, text = torch.randn(2, 4, 8, 8, generator=seeded(i)), torch.randn(1, 16, 32, generator=seeded(i + 50))
        text_conditioned(unet, text)(x, TWO).square().mean().backward(inputs=parameters)
        optimizer.step()


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_a_copy_starts_as_the_base_and_training_it_leaves_the_base_alone(models, kind):
    before, was = bits(models.unet), output(models.unet)
    if kind == "full":
        copied = full_copy(models.unet)
        parameters = list(copied.parameters())
        assert all(p.requires_grad for p in parameters)
    else:
        copied = lora_copy(models.unet, rank=2, generator=seeded())
        parameters = lora_parameters(copied)
        assert {id(p) for p in copied.parameters() if p.requires_grad} == {id(p) for p in parameters}
        assert sum(p.numel() for p in parameters) < sum(p.numel() for p in models.unet.parameters()) / 10
    assert torch.equal(output(copied), was)  # zero B: no change, not even of the last bit
    trained(copied, parameters)
    assert not torch.allclose(output(copied), was)
    assert same_bits(before, models.unet)
    assert torch.equal(output(models.unet), was)


def test_lora_shares_the_base_and_is_drawn_from_its_own_generator(models):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    a, b = (lora_copy(models.unet, rank=3, generator=seeded(5)) for _ in range(2))
    assert torch.equal(torch.rand(3), expected)  # the global generator was left alone
    assert all(torch.equal(p, q) for p, q in zip(lora_parameters(a), lora_parameters(b), strict=True))
    base = {id(p) for p in models.unet.parameters()}
    assert sum(id(p) in base for p in a.parameters()) == len(base)
    other = lora_copy(models.unet, rank=3, generator=seeded(6))
    assert not torch.equal(lora_parameters(a)[0], lora_parameters(other)[0])


def test_lora_of_the_text_encoder(models):
    ids = torch.tensor([[1, 5, 9, 2]])
    tuned = lora_copy(models.text_encoder, rank=2, targets=CLIP_ATTENTION, generator=seeded())
    assert torch.equal(tuned(ids)[0], models.text_encoder(ids)[0])
    assert len(lora_parameters(tuned)) == 2 * 4 * 2  # A and B of four projections in two layers
    assert all(name.startswith("text_encoder.") for name in lora_state(tuned, part="text_encoder"))


def test_saved_lora_loads_again_and_in_diffusers(models, tmp_path):
    tuned = lora_copy(models.unet, rank=2, generator=seeded())
    trained(tuned, lora_parameters(tuned))
    save_lora(tmp_path / "lora.safetensors", tuned)
    again = load_lora(tmp_path / "lora.safetensors", models.unet)
    assert torch.equal(output(again), output(tuned))
    pipeline = StableDiffusionPipeline.from_pretrained(build(tmp_path / "sd", latents=8), safety_checker=None)
    torch.testing.assert_close(output(pipeline.unet), output(models.unet))
    pipeline.load_lora_weights(tmp_path, weight_name="lora.safetensors")
    torch.testing.assert_close(output(pipeline.unet), output(tuned), atol=1e-5, rtol=1e-5)
    assert (output(tuned) - output(models.unet)).abs().max() > 1e-3  # so that the line above says something


def test_bad_input_is_named(models, tmp_path):
    tuned = lora_copy(models.unet, generator=seeded())
    save_lora(tmp_path / "lora.safetensors", tuned)
    calls = [
        (lambda: lora_copy(models.unet, rank=0, generator=seeded()), ["rank is 0", ">= 1"]),
        (lambda: lora_copy(models.unet, targets=["query"], generator=seeded()), ["'query'", "time_embedding.linear_1"]),
        (lambda: lora_parameters(models.unet), ["no LoRA layers", "lora_copy"]),
        (lambda: lora_state(tuned, part="vae"), ["'vae'", "'unet' or 'text_encoder'"]),
        (lambda: load_lora(tmp_path / "lora.safetensors", models.unet, part="text_encoder"), ["'text_encoder'"]),
        (lambda: load_lora(tmp_path / "lora.safetensors", models.text_encoder), ["does not fit", "self_attn"]),
    ]
    for call, words in calls:
        with pytest.raises(ValueError, match=r".") as error:
            call()
        for word in words:
            assert word in str(error.value)
