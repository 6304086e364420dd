"""What a caller may hand in: timesteps of several kinds, thin masks, pictures to keep."""

import numpy as np
import pytest
import torch
from tests.diffloop.tiny_models import seeded, tiny

from diffloop.ddim import ddim_sample
from diffloop.image_to_image import image_to_image
from diffloop.inpainting import inpaint
from diffloop.schedules import as_timesteps
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
        lambda t: list(ddim_sample(lambda x, t: x, torch.ones(1, 1), as_timesteps(t), models.alphas_cumprod))[-1],
    ):
        assert torch.equal(call(times), call(expected))


@pytest.mark.parametrize("times", [[900.5, 1.0], ["900"], [[900, 1]], np.array([float("nan")]), [True, False]])
def test_timesteps_between_the_trained_ones_are_refused(models, times):
    with pytest.raises(ValueError, match=r"timesteps is .*must be integers"):
        text_to_image(models, ["a red"], timesteps=times, generator=seeded())
