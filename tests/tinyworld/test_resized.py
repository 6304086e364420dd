import pytest
import torch
from tests.diffloop.devices import pretended_gpu

from tinyworld.resized import to_model, to_oracle

RENDERS = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("side", [64, 128, 192])
def test_there_and_back_is_the_same_picture(side):
    images = to_model(RENDERS, side)
    assert images.shape == (2, 3, side, side)
    assert torch.equal(to_oracle(images), RENDERS)


def test_it_averages_areas_and_clips():
    image = torch.zeros(1, 3, 128, 128)
    image[..., ::2] = 1.0
    assert (to_oracle(image) == 128).all()
    assert (to_oracle(torch.full((1, 3, 64, 64), 1.01)) == 255).all()


def test_pictures_may_be_on_a_gpu():
    with pretended_gpu() as device:
        there = to_model(RENDERS.to(device), 128)
        assert there.device == device
        back = to_oracle(there)
    assert back.device.type == "cpu"
    assert torch.equal(back, RENDERS)


@pytest.mark.parametrize("call", [lambda: to_model(RENDERS.float()), lambda: to_model(RENDERS, 0)])
def test_what_is_no_render_is_refused(call):
    with pytest.raises(ValueError, match="need uint8"):
        call()


def test_what_is_no_model_picture_is_refused():
    with pytest.raises(ValueError, match="need floats"):
        to_oracle(RENDERS)
