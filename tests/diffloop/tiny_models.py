"""What the training tests share: a loaded tiny checkpoint, its bits, and a run that is cut off and taken up again."""

from itertools import islice

import torch
from tests.diffloop.tiny import build
from torch import nn

from diffloop.denoising import denoising_loss, text_conditioned
from diffloop.pretrained import load


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


def exact_mixture(mixture, prediction, labels=None):
    """model(x_t, level, cond): exact for an isotropic mixture, all levels of a batch at once.

    labels: for each value of cond, the weights of the components under it, as rows; None: cond is ignored."""
    means, var = mixture.means, mixture.variances[:, 0]

    def model(x_t, level, cond):
        weights = mixture.weights if labels is None else labels[cond]
        signal, noise = columns(level)  # (b or 1, 1)
        noised = signal**2 * var + noise**2  # (b, K)
        off = x_t[:, None].double() - signal[:, :, None] * means  # (b, K, D)
        share = (weights.log() - off.square().sum(2) / (2 * noised) - means.shape[1] / 2 * noised.log()).softmax(1)
        eps = noise * (share[:, :, None] * off / noised[:, :, None]).sum(1)
        x_0 = (share[:, :, None] * (means + (signal * var / noised)[:, :, None] * off)).sum(1)
        return {"eps": eps, "x_0": x_0, "v": signal * eps - noise * x_0}[prediction].to(x_t)

    return model


def columns(level):
    """(signal, noise) of a level, float64 of shape (b, 1); (1, 1) for one level of a whole batch."""
    return (torch.as_tensor(x, dtype=torch.float64).reshape(-1, 1) for x in (level.signal, level.noise))


class Corrected(nn.Module):
    """An exact model plus a small network that starts at zero: a copy of a teacher that can learn. `told` goes from cond
    to what the network is told of it, (b, n)."""

    def __init__(self, model, told=None, n=0):
        super().__init__()
        self.model, self.told = model, told
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.net = nn.Sequential(nn.Linear(4 + n, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 2))
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, x_t, level, cond):
        numbers = [x.float().expand(len(x_t), 1) for x in columns(level)]
        seen = [x_t, *numbers] + ([] if self.told is None else [self.told(cond)])
        return self.model(x_t, level, cond) + self.net(torch.cat(seen, 1))


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
