"""Every sampler, by one table: a new one is one row of `ROWS`, and goes through every check below.

The models are exact, so that any error is the sampler's. On a Gaussian every sampler is affine in the state that it
starts from and in the noises that it draws; `moments` solves for the coefficients, and so knows the mean and the
variance of what comes out without sampling error.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DEISMultistepScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    HeunDiscreteScheduler,
)
from tests.diffloop.cases import edm, flow, lcm, rescaled, trained
from tests.diffloop.reference import BARS, F64, SPACINGS, diffusers_states, normal, seeded, worst

from diffloop.consistency import consistency_sample
from diffloop.ddim import ddim_sample
from diffloop.ddpm import ddpm_sample
from diffloop.deis import deis_sample
from diffloop.dpm_solver import dpm_solver_sample, dpm_solver_timesteps
from diffloop.euler import Churn, euler_sample
from diffloop.exact import gaussian_flow_map, gaussian_mixture, gaussian_recursion, mixture_eps_model
from diffloop.heun import heun_sample
from diffloop.ladders import edm_clock, retold, trained_clock
from diffloop.levels import CLEAN, Level, initial_std, karras, straight, vp
from diffloop.preconditioning import seen_as

VIEWS = {"vp": vp, "karras": karras, "straight": straight}
ONE = gaussian_mixture(torch.ones(1), torch.tensor([[0.8]]), torch.tensor([0.25]))
THREE = gaussian_mixture(
    torch.tensor([0.5, 0.3, 0.2]),
    torch.tensor([[1.5, 0.0], [-1.0, 1.0], [-0.5, -1.5]]),
    torch.tensor([0.1, 0.2, 0.15]),
)


def algorithm_2(model, x, levels, prediction, generator, amount):
    """EDM's Algorithm 2, line by line, on sigmas; for which Diffusers has no counterpart."""
    sigmas = [level.sigma for level in levels]
    for sigma, after in pairwise(sigmas):
        hat = sigma * (1 + min(amount / (len(sigmas) - 1), math.sqrt(2) - 1))
        x = x + math.sqrt(hat**2 - sigma**2) * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        d = model(x, Level(1.0, hat, math.log(hat) / 4))
        there = x + (after - hat) * d
        if after > 0:
            there = x + (after - hat) * (d / 2 + model(there, Level(1.0, after, math.log(after) / 4)) / 2)
        x = there
        yield x


@dataclass(frozen=True)
class Row:
    """A sampler, and what is expected of it."""

    sample: Callable
    theirs: list  # cases in which Diffusers' states are the same
    order: int | None  # of convergence; None: exact in one step, given an exact consistency function
    step: dict = None  # more for the scheduler's `step`
    draws: bool = False
    recursion: dict = None  # its arguments, where `gaussian_recursion` describes the sampler
    own: bool = False  # whether it moves along the ladder's own coordinates, and so differs between the three scales
    calls: int = 1  # of the model a step, the last one excepted


DDIM = [trained(DDIMScheduler, "leading", p, to_one=one, clip_sample=False, set_alpha_to_one=one)
        for p in ("eps", "v", "x_0") for one in (True, False)]
DPM = [trained(DPMSolverMultistepScheduler, s, p, timesteps=dpm_solver_timesteps, to_one=f == "zero", final_sigmas_type=f)
       for s in SPACINGS for p in ("eps", "v", "x_0") for f in ("zero", "sigma_min")]
DEIS = [trained(DEISMultistepScheduler, s, p, timesteps=dpm_solver_timesteps, to_one=False, solver_order=2)
        for s in SPACINGS for p in ("eps", "v", "x_0")]


def ddpm(kind):
    return [trained(DDPMScheduler, s, p, clip_sample=False, variance_type=f"fixed_{kind}")
            for s in SPACINGS for p in ("eps", "v") if not (s == "trailing" and kind == "large")]


EULER = [*(rescaled(EulerDiscreteScheduler, s, p) for s in SPACINGS[:2] for p in ("eps", "v")),
         rescaled(EulerDiscreteScheduler, use_karras_sigmas=True), edm, flow(FlowMatchEulerDiscreteScheduler)]
HEUN = [*(rescaled(HeunDiscreteScheduler, s, p) for s in SPACINGS[:2] for p in ("eps", "v")),
        rescaled(HeunDiscreteScheduler, use_karras_sigmas=True), flow(FlowMatchHeunDiscreteScheduler)]
CHURN = {"s_churn": 3.0, "s_noise": 1.0}

ROWS = {
    "ddim eta 0": Row(ddim_sample, DDIM, 1, recursion={"eta": 0.0}),
    "ddim eta 1": Row(partial(ddim_sample, eta=1.0), DDIM, 1, {"eta": 1.0}, draws=True, recursion={"eta": 1.0}),
    "ddpm small": Row(ddpm_sample, ddpm("small"), 1, draws=True, recursion={"eta": 1.0}),
    "ddpm large": Row(partial(ddpm_sample, variance="large"), ddpm("large"), 1, draws=True, recursion={"large": True}),
    "dpm_solver": Row(dpm_solver_sample, DPM, 2),
    "euler": Row(euler_sample, EULER, 1, recursion={"eta": 0.0}),
    "euler with churn": Row(
        partial(euler_sample, churn=Churn(amount=3.0)), [rescaled(EulerDiscreteScheduler)], 1, CHURN, draws=True
    ),
    "heun": Row(heun_sample, HEUN, 2, own=True, calls=2),
    "heun with churn": Row(partial(heun_sample, churn=Churn(amount=3.0)), [], 2, draws=True, own=True, calls=2),
    "deis": Row(deis_sample, DEIS, 2),
    "consistency": Row(consistency_sample, [lcm("eps"), lcm("v")], None, draws=True),
}


def every(**where):
    """For each row (of those rows that are as stated)."""
    names = [name for name, row in ROWS.items() if all(bool(getattr(row, k)) == v for k, v in where.items())]
    return pytest.mark.parametrize("row", [ROWS[name] for name in names], ids=names)


def run(row, model, x_T, levels, prediction="eps", seed=2):
    return list(row.sample(model, x_T, levels, prediction=prediction, generator=seeded(seed) if row.draws else None))


def start(levels, n=16, d=2, seed=1, dtype=F64):
    return normal(n, d, seed=seed, dtype=dtype) * initial_std(levels[0])


def ladder(n, view="karras", high=5.0, low=0.2, *, clean=False):
    """Even steps in log sigma, told as EDM does; and with clean data at the end."""
    sigmas = np.geomspace(high, low, n + 1 - clean).tolist()
    levels = [VIEWS[view](level) for level in [*(Level(1.0, s) for s in sigmas), *[CLEAN] * clean]]
    return retold(levels, edm_clock)


# 1. Against Diffusers


@every()
def test_same_states_as_diffusers(row):
    if not row.theirs:
        pytest.skip("Diffusers has no such scheduler; see the next test")
    for case in row.theirs:
        for steps in (2, 3, 7, 14, 15, 50):
            scheduler, levels, network, ours, prediction = case(steps)
            x_T = start(levels, 4, 3)
            step = (row.step or {}) | ({"generator": seeded(2)} if row.draws else {})
            theirs = diffusers_states(scheduler, network, x_T, levels, **step)
            # 1e-9 only: Diffusers' DDPM clamps a variance of 0 to 1e-20, and so adds noise of 1e-10
            limit = 1e-9 if isinstance(scheduler, DDPMScheduler) else 1e-11
            assert worst(run(row, ours, x_T, levels, prediction), theirs) < limit, (case, steps)


@pytest.mark.parametrize("amount", [0.0, 3.0, 1000.0])
def test_heun_with_churn_is_the_papers_algorithm(amount):
    model, levels = mixture_eps_model(THREE), ladder(12, high=80.0, low=0.02, clean=True)
    x_T = start(levels)
    theirs = algorithm_2(model, x_T, levels, seeded(2), amount)
    assert worst(heun_sample(model, x_T, levels, generator=seeded(2), churn=Churn(amount=amount)), theirs) < 1e-11


# 2. Closed forms


def exact(row, mixture):
    """(model, prediction) of one Gaussian; for a consistency model, where the ODE leads."""
    if row.order is None:
        return lambda x, level: gaussian_flow_map(x, mixture, level, CLEAN), "x_0"
    return mixture_eps_model(mixture), "eps"


def moments(row, levels, mean, variance):
    """(mean, variance) of each state, exactly, for x_T of this mean and variance, from the coefficients."""
    n = len(levels) - 1
    x_T, generator = start(levels, 2 * n + 4, 1), seeded(2)
    noises = [torch.randn(x_T.shape, generator=generator, dtype=F64) for _ in range(n if row.draws else 0)]
    columns = torch.cat([torch.ones_like(x_T), x_T, *noises], 1)
    for state in run(row, exact(row, ONE)[0], x_T, levels, exact(row, ONE)[1]):
        solution = torch.linalg.lstsq(columns, state).solution.flatten()
        assert (columns @ solution - state.flatten()).abs().max() < 1e-9  # affine it is
        offset, gain, *stds = solution.tolist()
        yield offset + gain * mean, gain**2 * variance + sum(std**2 for std in stds)


def slope(counts, errors):
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]


def true_moments(level):
    return level.signal * 0.8, level.signal**2 * 0.25 + level.noise**2


@every()
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("clean", [False, True])
def test_the_marginals_come_out_at_the_order_that_is_stated(row, view, clean):
    counts, errors = [40, 80, 160], []
    for n in counts:
        levels = ladder(n, view, low=0.01 if clean else 0.2, clean=clean)
        *_, ours = moments(row, levels, *true_moments(levels[0]))
        errors.append(math.dist(ours, true_moments(levels[-1])))
    print(errors, slope(counts, errors) if errors[0] else 0)
    if row.order is None:
        assert max(errors) < 1e-9
    else:
        assert slope(counts, errors) == pytest.approx(row.order, abs=0.1)
