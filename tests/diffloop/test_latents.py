"""Between the VAE and the U-Net: every field that scales latents is followed, and NaN is never a picture."""

import copy
import dataclasses

import pytest
import torch
from tests.diffloop.test_pretrained import edit
from tests.diffloop.tiny import build
from tests.diffloop.tiny_models import seeded, tiny

from diffloop.image_to_image import check_images, encode_images
from diffloop.latents import check_vae
from diffloop.pretrained import load
from diffloop.text_to_image import decode_latents

MEAN, STD = [0.1, -0.2, 0.3, 0.4], [0.5, 2.0, 1.5, 0.7]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("tiny"))


def with_vae(base, **config):
    vae = copy.deepcopy(base.vae)
    vae.register_to_config(**config)
    return dataclasses.replace(base, vae=vae)


def theirs(vae, latents):
    """As Diffusers' pipelines for SDXL (mean and deviation) and SD3 (shift) write it."""
    c = vae.config
    if c.latents_mean is not None:
        mean, std = torch.tensor(c.latents_mean).view(1, 4, 1, 1), torch.tensor(c.latents_std).view(1, 4, 1, 1)
        z = latents * std / c.scaling_factor + mean
    else:
        z = latents / c.scaling_factor + (c.shift_factor or 0)
    with torch.no_grad():
        return (vae.decode(z).sample / 2 + 0.5).clamp(0, 1)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"scaling_factor": 1.5305, "shift_factor": 0.0609},
        {"scaling_factor": 0.3611, "shift_factor": 0.1159},
        {"scaling_factor": 0.5, "latents_mean": MEAN, "latents_std": STD},
    ],
)
def test_scale_shift_mean_and_deviation_equal_diffusers(base, config):
    models, latents = with_vae(base, **config), torch.randn(2, 4, 8, 8, generator=seeded())
    torch.testing.assert_close(decode_latents(models, latents), theirs(models.vae, latents), atol=1e-6, rtol=0)
    images = torch.rand(2, 3, 32, 32, generator=seeded(1))
    with torch.no_grad():
        z = models.vae.encode(2 * images - 1).latent_dist.mean
    ours = encode_images(models, images)
    torch.testing.assert_close(
        decode_latents(models, ours), (models.vae.decode(z).sample / 2 + 0.5).clamp(0, 1), atol=1e-5, rtol=0
    )
    if config:
        assert not torch.allclose(ours, 0.18215 * z, atol=1e-3)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"scaling_factor": None}, "scaling_factor is None; it must be a number above 0"),
        ({"scaling_factor": 0}, "scaling_factor is 0"),
        ({"shift_factor": "0.1"}, "shift_factor is '0.1'"),
        ({"latents_mean": MEAN}, "both a mean and a standard deviation"),
        ({"latents_mean": MEAN, "latents_std": STD, "shift_factor": 0.1}, "or none of them"),
        ({"latents_mean": MEAN[:3], "latents_std": STD}, "latents_mean is .* 4 numbers"),
        ({"latents_mean": MEAN, "latents_std": [0, 1, 1, 1]}, "above 0"),
    ],
)
def test_what_cannot_be_used_is_refused(base, config, words):
    with pytest.raises(ValueError, match=words):
        check_vae(config)
    models = with_vae(base, **config)
    with pytest.raises(ValueError, match=words):
        decode_latents(models, torch.zeros(1, 4, 8, 8))
    with pytest.raises(ValueError, match=words):
        encode_images(models, torch.zeros(1, 3, 32, 32))


@pytest.mark.parametrize("value", [float("nan"), 1e38])
@pytest.mark.parametrize("part", ["decoder", "encoder"])
def test_a_vae_that_gives_no_numbers_is_an_error(base, part, value):
    models = with_vae(base)
    getattr(models.vae, part).conv_out.weight.data[0] = value
    call, shape = {"decoder": (decode_latents, (1, 4, 8, 8)), "encoder": (encode_images, (1, 3, 32, 32))}[part]
    with pytest.raises(
        ValueError, match=f"the VAE's {part} gave NaN or infinities in .*torch.float32; check its weights"
    ):
        call(models, torch.rand(shape, generator=seeded()))


def test_latents_that_are_no_numbers_are_blamed_on_the_sampler(base):
    with pytest.raises(ValueError, match=r"the input of the VAE's decoder holds NaN.*first step"):
        decode_latents(base, torch.full((1, 4, 8, 8), float("nan")))


@pytest.mark.parametrize("upcast", [True, False])
def test_a_half_precision_overflow_is_computed_again_in_float32_if_the_file_asks_for_it(base, upcast):
    """The last layer's scale is put where float16 ends; the layer before it makes good for it."""
    models = with_vae(base, force_upcast=upcast)
    models.vae.decoder.conv_out.bias.data.zero_()
    models.vae.decoder.conv_norm_out.weight.data.mul_(3e4)
    models.vae.decoder.conv_norm_out.bias.data.mul_(3e4).add_(3e4)
    models.vae.decoder.conv_out.weight.data.mul_(1e-2)
    half = dataclasses.replace(models, vae=copy.deepcopy(models.vae).half())
    latents = 0.1 * torch.randn(1, 4, 8, 8, generator=seeded())
    with torch.no_grad():
        z = (latents / 0.18215).half()
        assert not half.vae.decode(z).sample.isfinite().all()
    if upcast:
        expected = decode_latents(dataclasses.replace(models, vae=copy.deepcopy(half.vae).float()), latents)
        torch.testing.assert_close(decode_latents(half, latents), expected, atol=1e-2, rtol=0)
        assert half.vae.dtype == torch.float16
    else:
        with pytest.raises(
            ValueError, match=r"computed in torch.float16; (?:load|check) the checkpoint in torch.float32"
        ):
            decode_latents(half, latents)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64])
def test_integers_never_wrap(base, dtype):
    black = torch.zeros(1, 3, 32, 32, dtype=dtype)
    check_images(base, black, 1)
    assert torch.equal(encode_images(base, black), encode_images(base, black.float()))
    for value in (1, 200):
        for call in (check_images, lambda models, images, _: encode_images(models, images)):
            with pytest.raises(ValueError, match=rf"{dtype} with values up to {value}; give floats .* images / 255"):
                call(base, black + value, 1)


def test_half_precision_pictures_are_not_rounded_twice(base):
    images = torch.rand(1, 3, 32, 32, generator=seeded()).half()
    assert torch.equal(encode_images(base, images), encode_images(base, images.float()))


def test_a_null_scaling_factor_names_the_file(tmp_path):

    edit(build(tmp_path) / "vae/config.json", scaling_factor=None)
    with pytest.raises(ValueError, match=r"vae/config.json: scaling_factor is None"):
        load(tmp_path)
