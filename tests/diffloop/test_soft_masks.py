"""Inpainting with masks between 0 and 1, and the pixels that are put back."""

import warnings

import pytest
import torch
from tests.diffloop.tiny_models import seeded, tiny

from diffloop.ddim import ddim_step
from diffloop.image_to_image import encode_images
from diffloop.inpainting import inpaint, latent_masks
from diffloop.levels import steps_down
from diffloop.parameterization import add_noise, predictions
from diffloop.text_to_image import decode_latents, prompted_model

PROMPT = ["a red circle"]
HOW = {"steps": 3, "guidance_scale": 2.0}
PICTURES = torch.rand(1, 3, 32, 32, generator=seeded(5))
RAMP = torch.linspace(0, 1, 32).expand(1, 1, 32, 32)  # 0 at the left, 1 at the right


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def nine(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("nine"), inpaint=True)


def filled(models, masks, **how):
    return inpaint(models, PICTURES, masks, PROMPT, generator=seeded(), **HOW | how)


def test_at_the_latents_size_a_hard_mask_is_picked_from_and_a_soft_one_averaged():
    hard = torch.tensor([[1.0, 0, 1, 1], [0, 0, 1, 1], [0, 1, 0, 1], [1, 1, 1, 1]])[None, None]
    assert latent_masks(hard, (2, 2)).tolist() == [[[[1, 1], [0, 0]]]]  # the first of each 2 x 2
    soft = torch.tensor([[1.0, 0, 0.5, 0.25], [0, 0, 0.25, 1], [0, 0, 1, 1], [0, 0, 1, 1]])[None, None]
    assert latent_masks(soft, (2, 2)).tolist() == [[[[0.25, 0.5], [0, 1]]]]
    both = latent_masks(torch.cat([hard, soft]), (2, 2))
    assert torch.equal(both[:1], latent_masks(hard, (2, 2)))  # each for itself
    assert torch.equal(both[1:], latent_masks(soft, (2, 2)))


def test_replacement_with_a_soft_mask_step_by_step(models):
    """Against the loop written out, with each latent's mean as its weight; and the pixels blended by the mask itself."""
    g, states = seeded(), []
    z_0 = encode_images(models, PICTURES, generator=g)
    noise = torch.randn(1, 4, 8, 8, generator=g)
    weight = RAMP.reshape(1, 1, 8, 4, 8, 4).mean((3, 5))
    model, x, expected = prompted_model(models, PROMPT, HOW["guidance_scale"]), noise, []
    steps = steps_down(models.levels(HOW["steps"]))
    for i, (at, to) in enumerate(steps):
        x = ddim_step(*predictions(model(x, at), x, at), at, to)
        known = z_0 if i == len(steps) - 1 else add_noise(z_0, noise, to)
        x = weight * x + (1 - weight) * known
        expected.append(x)
    out = filled(models, RAMP, callback=lambda i, level, state: states.append(state.clone()))
    torch.testing.assert_close(torch.stack(states), torch.stack(expected), atol=1e-5, rtol=0)
    made = decode_latents(models, x)
    torch.testing.assert_close(out, RAMP * made + (1 - RAMP) * PICTURES, atol=1e-5, rtol=0)
    torch.testing.assert_close(filled(models, RAMP, paste_back=False), made, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["models", "nine"])
def test_where_a_mask_is_0_the_pixels_are_the_inputs_bit_for_bit(kind, request):
    models = request.getfixturevalue(kind)
    out, made = (filled(models, RAMP, paste_back=paste) for paste in (True, False))
    assert torch.equal(out[..., 0], PICTURES[..., 0])
    assert torch.equal(out[..., -1], made[..., -1])
    assert torch.equal(out, RAMP * made + (1 - RAMP) * PICTURES)
    assert torch.equal(filled(models, torch.zeros(1, 1, 32, 32)), PICTURES)
    assert not torch.allclose(made[..., 0], PICTURES[..., 0], atol=0.01)  # or there were nothing to put back
    hard = (RAMP >= 0.5).float()
    out = filled(models, hard)
    assert torch.equal(out[..., :16], PICTURES[..., :16])
    assert torch.equal(out[..., 16:], filled(models, hard, paste_back=False)[..., 16:])


def test_an_inpainting_unet_is_shown_a_soft_mask_cut_at_a_half(nine):
    cut = filled(nine, (RAMP >= 0.5).float(), paste_back=False)
    assert torch.equal(filled(nine, RAMP, paste_back=False), cut)
    assert not torch.equal(filled(nine, (RAMP >= 0.7).float(), paste_back=False), cut)


def test_booleans_are_hard_masks(models):
    hard = RAMP >= 0.5
    assert torch.equal(filled(models, hard), filled(models, hard.float()))


def test_a_soft_line_is_not_lost_but_a_faint_one_is_for_an_inpainting_unet(models, nine):
    line = torch.zeros(1, 1, 32, 32)
    line[..., 9:11] = 0.4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        filled(models, line)
    with pytest.warns(UserWarning, match=r"masks \[0\]: most of the marked pixels are kept"):
        filled(nine, line)


@pytest.mark.parametrize(
    ("value", "said"), [(1.5, "1.5"), (-0.25, "-0.25"), (float("nan"), "nan"), (float("inf"), "inf"), (255, "255")]
)
@pytest.mark.parametrize("kind", ["models", "nine"])
def test_a_mask_outside_0_to_1_is_refused(kind, value, said, request):
    masks = torch.zeros(1, 1, 32, 32)
    masks[0, 0, 3, 4] = value
    for given in (masks, masks.to(torch.uint8)) if value == 255 else (masks,):
        with pytest.raises(ValueError, match=rf"masks holds {said}; every value must be in \[0, 1\]") as error:
            filled(request.getfixturevalue(kind), given)
        assert "masks / 255" in str(error.value)
