"""Networks side by side do not know of each other."""

import pytest
import torch

from diffloop.small_networks import small_networks


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def points(n, seed=1):
    return torch.randn(5, n, 2, generator=seeded(seed))


def test_each_network_is_the_one_that_it_would_be_alone():
    net, x = small_networks(3, seeded(0)), points(3)
    together = net(x, 0.3)
    for k in range(3):
        torch.testing.assert_close(net.part(slice(k, k + 1))(x[:, k : k + 1], 0.3), together[:, k : k + 1])
    assert not torch.allclose(together[:, 0], net.part(slice(1, 2))(x[:, :1], 0.3)[:, 0])


def test_a_loss_of_one_network_moves_no_other():
    net = small_networks(3, seeded(0))
    net(points(3), 0.5)[:, 1].square().sum().backward()
    for p in net.parameters():
        assert p.grad[1].abs().max() > 0
        assert p.grad[[0, 2]].abs().max() == 0


def test_copies_begin_alike():
    net, x = small_networks(2, seeded(0), copies=2), points(2)
    first, second = net(x.repeat(1, 2, 1), 0.2).split(2, 1)
    torch.testing.assert_close(first, second, atol=0, rtol=0)
    torch.testing.assert_close(first, small_networks(2, seeded(0))(x, 0.2))


def test_a_time_per_point_and_per_network():
    net, x = small_networks(2, seeded(0)), points(2)
    u = torch.rand(5, 1, 1, generator=seeded(2))
    by_point = net(x, u)
    torch.testing.assert_close(by_point, net(x, u.expand(5, 2, 1)), atol=0, rtol=0)
    torch.testing.assert_close(by_point[3], net(x, u[3].item())[3])
    assert not torch.allclose(by_point, net(x, u.flip(0)))


def test_a_part_is_a_copy_without_gradients():
    net = small_networks(2, seeded(0))
    part = net.part(slice(0, 1))
    with torch.no_grad():
        net.biases[-1].add_(1.0)
    assert not any(p.requires_grad for p in part.parameters())
    assert part.biases[-1].abs().max() == 0


def test_no_network_is_refused():
    with pytest.raises(ValueError, match="must be >= 1"):
        small_networks(0, seeded(0))
