"""What the training tests share: a loaded tiny checkpoint, its bits, and a run that is cut off and taken up again."""

from itertools import islice

import torch
from tests.diffloop.tiny import build

from diffloop.pretrained import load
from diffloop.training import denoising_loss, text_conditioned


def tiny(folder, **options):
    """Base models of about 100,000 random weights, on 8 x 8 latents."""
    return load(build(folder, **({"latents": 8} | options)))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def fixed_loss(models, x_0, text, n=32):
    """Mean denoising loss on n timesteps and noises that are always the same."""
    x_0 = x_0.repeat(n // len(x_0), 1, 1, 1)
    model = text_conditioned(models.unet, text.detach().clone())
    return denoising_loss(model, x_0, models.alphas_cumprod, seeded(77)).mean().item()


def bits(*modules):
    """Copies of all weights and flags, to compare later with `same_bits`."""
    return [(name, p.detach().clone(), p.requires_grad) for m in modules for name, p in m.named_parameters()]


def same_bits(before, *modules):
    """Whether names, values, flags and the absence of gradients are as they were."""
    now = [(name, p) for m in modules for name, p in m.named_parameters()]
    return len(before) == len(now) and all(
        old_name == name and torch.equal(old, p) and flag == p.requires_grad and p.grad is None
        for (old_name, old, flag), (name, p) in zip(before, now, strict=True)
    )


def cut_off_and_resumed(run, path, *, at):
    """(a run left alone, the same cut off after `at` steps and started again). run(path or None) -> (losses, weights):
    losses is an iterator that trains from the same start each time, weights() what it has trained."""
    alone, weights = run(None)
    alone = (list(alone), weights())
    first, _ = run(path)
    list(islice(first, at))
    again, weights = run(path)
    return alone, (list(again), weights())


def assert_same_run(alone, resumed):
    assert alone[0] == resumed[0]
    assert len(alone[1]) == len(resumed[1]) > 0
    for a, b in zip(alone[1], resumed[1], strict=True):
        assert torch.equal(a, b)
