"""What a caller may hand in: timesteps of several kinds, thin masks, pictures to keep."""

import warnings

import numpy as np
import pytest
import torch
from tests.diffloop.tiny_models import seeded, tiny

from diffloop.ddim import ddim_sample
from diffloop.image_to_image import image_to_image
from diffloop.inpainting import inpaint
from diffloop.ladders import trained_levels
from diffloop.text_to_image import text_to_image

TIMES = [900, 500, 100]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize(
    "times",
    [
        TIMES,
        tuple(TIMES),
        np.array(TIMES),
        np.array(TIMES, dtype=np.float32),
        torch.tensor(TIMES, dtype=torch.float32),
        [900.0, 500.0, 100.0],
        [900.0, 500, np.float32(100)],
        [np.int64(900), np.float64(500), torch.tensor(100)],
    ],
)
def test_timesteps_of_every_kind_are_the_same(models, times):
    expected = torch.tensor(TIMES)
    how = {"generator": seeded(), "guidance_scale": 1.0}
    ours = text_to_image(models, ["a red"], timesteps=times, **how)
    assert torch.equal(ours, text_to_image(models, ["a red"], timesteps=expected, **how | {"generator": seeded()}))
    pictures, masks = torch.rand(1, 3, 32, 32, generator=seeded()), torch.ones(1, 1, 32, 32)
    how = {"guidance_scale": 1.0, "strength": 1.0}
    for call in (
        lambda t: image_to_image(models, pictures, ["a red"], timesteps=t, generator=seeded(), **how),
        lambda t: inpaint(models, pictures, masks, ["a red"], timesteps=t, generator=seeded(), **how),
        lambda t: list(ddim_sample(lambda x, t: x, torch.ones(1, 1), trained_levels(models.alphas_cumprod, t)))[-1],
    ):
        assert torch.equal(call(times), call(expected))


@pytest.mark.parametrize(
    "times", [[900.5, 1.0], ["900"], [[900, 1]], [[900], 1], [None], np.array([float("nan")]), [True, False]]
)
def test_timesteps_between_the_trained_ones_are_refused(models, times):
    with pytest.raises(ValueError, match=r"timesteps is .*must be a sequence of integers"):
        text_to_image(models, ["a red"], timesteps=times, generator=seeded())


def test_kept_pixels_are_the_inputs_own_when_pasted_back(models):
    pictures = torch.rand(2, 3, 32, 32, generator=seeded())
    masks = torch.zeros(2, 1, 32, 32)
    masks[:, :, 8:24, 8:24] = 1
    how = {"steps": 2, "guidance_scale": 1.0}
    for strength in (1.0, 0.5, 0.0):
        plain, pasted = (
            inpaint(models, pictures, masks, ["a red"] * 2, generator=seeded(), strength=strength, paste_back=p, **how)
            for p in (False, True)
        )
        kept = (masks == 0).expand_as(pictures)
        assert torch.equal(pasted[kept], pictures[kept])
        assert torch.equal(pasted[~kept], plain[~kept])
        assert not torch.allclose(plain[kept], pictures[kept], atol=0.01)


def test_a_mask_thinner_than_a_latent_is_told(models):
    pictures, how = torch.rand(2, 3, 32, 32, generator=seeded()), {"steps": 1, "guidance_scale": 1.0}
    masks = torch.zeros(2, 1, 32, 32)
    masks[0, :, 8:16] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inpaint(models, pictures, masks, ["a red"] * 2, generator=seeded(), **how)
    masks[1, :, 9:11] = 1
    with pytest.warns(UserWarning, match=r"masks \[1\]: most of the marked pixels are kept.*thinner than 4 pixels"):
        inpaint(models, pictures, masks, ["a red"] * 2, generator=seeded(), **how)


def test_integer_pictures_are_not_inpainted(models):
    masks = torch.ones(1, 1, 32, 32)
    white = torch.ones(1, 3, 32, 32, dtype=torch.uint8)
    for call in (
        lambda x: inpaint(models, x, masks, ["a red"], generator=seeded(), steps=1),
        lambda x: image_to_image(models, x, ["a red"], generator=seeded(), steps=2),
    ):
        with pytest.raises(ValueError, match=r"images is torch.uint8 .* images / 255"):
            call(white)
    black = [
        inpaint(models, (0 * white).to(dtype), masks, ["a red"], generator=seeded(), steps=1)
        for dtype in (torch.uint8, torch.float32)
    ]
    assert torch.equal(*black)
