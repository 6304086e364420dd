import pytest
import torch
from tests.diffloop.devices import pretended_gpu
from torch import nn

from diffloop.fingerprint import fingerprint
from diffloop.noise import draw_noise
from diffloop.seeds import ROOM, seeded, seeded_each


def test_a_stream_depends_on_seed_and_offset_alone():
    states = [seeded(seed, offset).initial_seed() for seed in range(3) for offset in (0, 1, ROOM - 1)]
    assert len(set(states)) == 9
    first, second = (torch.randn(4, generator=seeded(1, 2)) for _ in range(2))
    assert torch.equal(first, second)


def test_a_picture_s_noise_depends_on_no_other_picture():
    three, two = (draw_noise((n, 2), seeded_each(5, n, offset=7)) for n in (3, 2))
    assert torch.equal(three[:2], two)
    assert torch.equal(draw_noise((1, 2), [seeded(5, 9)]), three[2:])


@pytest.mark.parametrize("call", [lambda: seeded(-1), lambda: seeded(0, ROOM), lambda: seeded_each(0, 2, ROOM - 1)])
def test_streams_of_two_seeds_never_meet(call):
    with pytest.raises(ValueError, match="offset in 0"):
        call()


def test_a_fingerprint_sees_every_bit_and_no_device():
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).to(torch.bfloat16)
    before = fingerprint(net, nn.Linear(1, 1))
    other = fingerprint(net)
    with pretended_gpu() as device:
        assert fingerprint(net.to(device)) == other
        net.to("cpu")
    assert before != other
    with torch.no_grad():
        net[0].weight.view(torch.int16)[0, 0] ^= 1
    assert fingerprint(net) != other
    with pytest.raises(ValueError, match="1 networks, 0 with weights"):
        fingerprint(nn.ReLU())
