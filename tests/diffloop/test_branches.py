"""Two trees in the plane: what they promise of their mean, spread, classes and branches."""

import pytest
import torch

from diffloop.branches import two_trees
from diffloop.exact import condition, sample_mixture


def trees(seed=0, **how):
    return two_trees(torch.Generator().manual_seed(seed), **how)


@pytest.mark.parametrize("seed", [0, 1])
def test_samples_have_the_mean_and_the_deviation_that_are_promised(seed):
    x = sample_mixture(trees(seed, std=0.7).mixture, 200_000, torch.Generator().manual_seed(5))
    assert x.mean(0).abs().max() < 0.01
    torch.testing.assert_close(x.square().mean().sqrt().item(), 0.7, atol=0.005, rtol=0)


@pytest.mark.parametrize(("depth", "per_branch"), [(1, 1), (3, 2), (4, 5)])
def test_classes_and_branches(depth, per_branch):
    made = trees(depth=depth, per_branch=per_branch)
    branches = 2**depth - 1
    assert len(made.mixture.weights) == 2 * branches * per_branch
    assert made.branch.bincount().tolist() == [per_branch] * (2 * branches)
    for k, (components, tips) in enumerate(zip(made.classes, made.tips, strict=True)):
        assert set(made.branch[list(components)].tolist()) == set(range(k * branches, (k + 1) * branches))
        assert made.mixture.weights[list(components)].sum().item() == pytest.approx(0.5)
        assert len(tips) == 2 ** (depth - 1)
        assert tips[-1] == (k + 1) * branches - 1


def test_branches_are_narrow_and_get_shorter():
    made = trees()
    long, across = made.mixture.variances.sqrt().amax(1), made.mixture.variances.sqrt().amin(1)
    torch.testing.assert_close(across / long, torch.full_like(long, 0.7))
    inner, tips = ([(made.branch == b).nonzero()[0].item() for b in which] for which in ([0], made.tips[0]))
    assert long[tips].max() < 0.6 * long[inner]


def test_the_same_seed_grows_the_same_trees_and_the_classes_differ():
    first, second, other = trees(3), trees(3), trees(4)
    assert torch.equal(first.mixture.means, second.mixture.means)
    assert not torch.allclose(first.mixture.means, other.mixture.means)
    centres = [condition(first.mixture, c).means.mean(0) for c in first.classes]
    assert (centres[0] - centres[1]).norm() > 0.5


@pytest.mark.parametrize("how", [{"depth": 0}, {"per_branch": 0}, {"std": 0.0}])
def test_bad_input_is_named(how):
    with pytest.raises(ValueError, match=str(next(iter(how.values())))):
        trees(**how)
