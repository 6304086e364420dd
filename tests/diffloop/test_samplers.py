"""Every sampler, by one table: a new one is one row of `ROWS`, and goes through every check below.

The models are exact, so that any error is the sampler's. On a Gaussian every sampler is affine in the state that it
starts from and in the noises that it draws; `moments` solves for the coefficients, and so knows the mean and the
variance of what comes out without sampling error.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
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
ONE = gaussian_mixture(torch.ones(1), torch.tensor([[0.8]], dtype=F64), torch.tensor([0.25]))
THREE = gaussian_mixture(
    torch.tensor([0.5, 0.3, 0.2]),
    torch.tensor([[1.5, 0.0], [-1.0, 1.0], [-0.5, -1.5]]),
    torch.tensor([0.1, 0.2, 0.15]),
)


def algorithm_2(model, x, levels, generator, amount):
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
    calls: int = 1  # of the model a step; the last step makes one
    between: bool = False  # whether it calls the model at levels that are not on the ladder
    order_on_a_gaussian: int | None = None  # where it is higher there than elsewhere


DDIM = [
    trained(DDIMScheduler, "leading", p, to_one=one, clip_sample=False, set_alpha_to_one=one)
    for p in ("eps", "v", "x_0")
    for one in (True, False)
]
DPM = [
    trained(DPMSolverMultistepScheduler, s, p, timesteps=dpm_solver_timesteps, to_one=f == "zero", final_sigmas_type=f)
    for s in SPACINGS
    for p in ("eps", "v", "x_0")
    for f in ("zero", "sigma_min")
]
DEIS = [
    trained(DEISMultistepScheduler, s, p, timesteps=dpm_solver_timesteps, to_one=False, solver_order=2)
    for s in SPACINGS
    for p in ("eps", "v", "x_0")
]


def ddpm(kind):
    return [
        trained(DDPMScheduler, s, p, clip_sample=False, variance_type=f"fixed_{kind}")
        for s in SPACINGS
        for p in ("eps", "v")
        if not (s == "trailing" and kind == "large")
    ]


EULER = [
    *(rescaled(EulerDiscreteScheduler, s, p) for s in SPACINGS[:2] for p in ("eps", "v")),
    rescaled(EulerDiscreteScheduler, use_karras_sigmas=True),
    edm,
    flow(FlowMatchEulerDiscreteScheduler),
]
HEUN = [
    *(rescaled(HeunDiscreteScheduler, s, p) for s in SPACINGS[:2] for p in ("eps", "v")),
    rescaled(HeunDiscreteScheduler, use_karras_sigmas=True),
    flow(FlowMatchHeunDiscreteScheduler),
]
CHURN = {"s_churn": 3.0, "s_noise": 1.0}

ROWS = {
    "ddim eta 0": Row(ddim_sample, DDIM, 1, recursion={"eta": 0.0}),
    "ddim eta 1": Row(partial(ddim_sample, eta=1.0), DDIM, 1, {"eta": 1.0}, draws=True, recursion={"eta": 1.0}),
    "ddpm small": Row(ddpm_sample, ddpm("small"), 1, draws=True, recursion={"eta": 1.0}),
    "ddpm large": Row(partial(ddpm_sample, variance="large"), ddpm("large"), 1, draws=True, recursion={"large": True}),
    "dpm_solver": Row(dpm_solver_sample, DPM, 2),
    "euler": Row(euler_sample, EULER, 1, recursion={"eta": 0.0}),
    "euler with churn": Row(
        partial(euler_sample, churn=Churn(amount=3.0)),
        [rescaled(EulerDiscreteScheduler)],
        1,
        CHURN,
        draws=True,
        between=True,
    ),
    "heun": Row(heun_sample, HEUN, 2, own=True, calls=2),
    "heun with churn": Row(
        partial(heun_sample, churn=Churn(amount=3.0)), [], 2, draws=True, own=True, calls=2, between=True
    ),
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
        pytest.skip("Diffusers has no such scheduler")
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
    model, prediction = exact(row, ONE)
    states = torch.cat(run(row, model, x_T, levels, prediction), 1)
    solution = torch.linalg.lstsq(columns, states).solution
    torch.testing.assert_close(columns @ solution, states, atol=1e-9, rtol=0)  # affine it is
    offset, gain, stds = solution[0], solution[1], solution[2:]
    return list(zip((offset + gain * mean).tolist(), (gain**2 * variance + (stds**2).sum(0)).tolist(), strict=True))


def slope(counts, errors):
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]


def true_moments(level):
    return level.signal * 0.8, level.signal**2 * 0.25 + level.noise**2


@every()
@pytest.mark.parametrize("view", VIEWS)
def test_order_of_the_marginals(row, view):
    counts, errors = [40, 80, 160], []
    for n in counts:
        levels = ladder(n, view, high=2.0, low=0.5)
        ours = moments(row, levels, *true_moments(levels[0]))[-1]
        errors.append(math.dist(ours, true_moments(levels[-1])))
    if row.order is None:
        assert max(errors) < 1e-9
    else:
        assert slope(counts, errors) == pytest.approx(row.order_on_a_gaussian or row.order, abs=0.1)


@every()
@pytest.mark.parametrize("view", VIEWS)
def test_the_data_comes_out_as_steps_grow(row, view):
    errors = []
    for n in (25, 100):
        levels = ladder(n, view, low=0.01, clean=True)
        errors.append(math.dist(moments(row, levels, *true_moments(levels[0]))[-1], (0.8, 0.25)))
    assert errors[1] < max(errors[0] / 3.5, 1e-9)
    assert errors[1] < (0.02 if row.order == 1 else 1e-3)


@every(draws=False)
@pytest.mark.parametrize("view", VIEWS)
def test_order_on_the_flow_map(row, view):
    """Path by path, on a Gaussian whose axes are turned."""
    turned = gaussian_mixture(torch.ones(1), torch.tensor([[0.8, -0.3]]), torch.tensor([[[0.3, 0.1], [0.1, 0.2]]]))
    counts, errors = [40, 80, 160], []
    for n in counts:
        levels = ladder(n, view, high=2.0, low=0.5)
        x_T = start(levels, 64)
        wanted = gaussian_flow_map(x_T, turned, levels[0], levels[-1])
        errors.append((run(row, mixture_eps_model(turned), x_T, levels)[-1] - wanted).square().mean().sqrt().item())
    assert slope(counts, errors) == pytest.approx(row.order_on_a_gaussian or row.order, abs=0.1)


@pytest.fixture(scope="module")
def on_the_mixture():
    """Where the paths lead: there is no closed form, so many more steps of Heun's method."""
    *_, end = heun_sample(mixture_eps_model(THREE), start(ladder(1, high=2.0), 64), ladder(1200, high=2.0, low=0.5))
    return end


@every(draws=False)
def test_order_on_a_mixture(row, on_the_mixture):
    counts, errors = [40, 80, 160], []
    for n in counts:
        ours = run(row, mixture_eps_model(THREE), start(ladder(1, high=2.0), 64), ladder(n, high=2.0, low=0.5))[-1]
        errors.append((ours - on_the_mixture).square().mean().sqrt().item())
    assert slope(counts, errors) == pytest.approx(row.order, abs=0.15)


@pytest.mark.parametrize("row", [row for row in ROWS.values() if row.recursion])
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("steps", [1, 3, 30])
def test_every_state_follows_the_recursion(row, view, steps):
    levels = ladder(steps, view, high=80.0, low=0.01, clean=steps > 1)
    ours = moments(row, levels, 0.0, initial_std(levels[0]) ** 2)
    wanted = list(gaussian_recursion(0.8, 0.25, levels, **row.recursion))
    torch.testing.assert_close(torch.tensor(ours), torch.tensor(wanted), atol=1e-9, rtol=1e-9)


# 3. Three networks, three scales


def network_of(view, seen):
    """A network that was trained in a view: it knows its state and the number it is told, and nothing else."""
    logs = ((1 - BARS) / BARS).log().numpy() / 2

    def level_of(t):
        if view == "vp":
            return vp(Level(1.0, math.exp(np.interp(t, np.arange(1000), logs))))
        return Level(1.0, math.exp(4 * t)) if view == "karras" else Level(1 - t / 1000, t / 1000)

    def network(x, level):
        seen.append(level)
        at = level_of(level.t)
        eps = mixture_eps_model(THREE)(x, at)
        x_0 = (x - at.noise * eps) / at.signal
        return {"vp": at.signal * eps - at.noise * x_0, "karras": x_0, "straight": eps - x_0}[view]

    return network


CLOCKS = {"vp": trained_clock(BARS), "karras": edm_clock, "straight": lambda level: 1000 * straight(level).noise}
PREDICTS = {"vp": "v", "karras": "x_0", "straight": "velocity"}


@every()
def test_three_networks_in_three_scales_give_the_same_samples(row):
    base = ladder(12, high=10.0, low=0.1, clean=True)
    x_T, ends = start(base), {}
    direct = run(row, network_of("karras", []), x_T, base, "x_0")
    for scale, view in VIEWS.items():
        levels = retold([view(level) for level in base], CLOCKS[scale])
        for trained_in in VIEWS:
            seen, prediction = [], PREDICTS[trained_in]
            model = seen_as(network_of(trained_in, seen), VIEWS[trained_in], CLOCKS[trained_in], prediction=prediction)
            states = run(row, model, x_T * levels[0].signal, levels, prediction)
            ends[scale, trained_in] = torch.stack(
                [x / level.signal for x, level in zip(states, levels[1:], strict=True)]
            )
            assert len(seen) == row.calls * 12 - (row.calls - 1)
    for (scale, _), states in ends.items():
        if scale == "karras" or not row.own:
            torch.testing.assert_close(states, torch.stack(direct), atol=1e-10, rtol=1e-10)
        else:  # along the ladder's own coordinates: the same for each network, but not in each scale
            torch.testing.assert_close(states, ends[scale, "karras"], atol=1e-10, rtol=1e-10)
            assert (states - torch.stack(direct)).abs().max() > 1e-5


def test_churn_tells_the_network_by_the_clock_it_is_given():
    levels, told = retold(ladder(6), lambda level: 7 * level.noise), []
    model = lambda x, level: told.append((level.t, level.sigma)) or 0.1 * x  # noqa: E731
    churn = Churn(amount=1.2, sigma_max=3.0, clock=lambda level: 7 * level.sigma)
    list(euler_sample(model, start(levels), levels, generator=seeded(2), churn=churn))
    for (t, sigma), level in zip(told, levels[:-1], strict=True):
        assert sigma == pytest.approx(level.noise * (1.2 if level.noise <= 3.0 else 1.0))
        assert t == pytest.approx(7 * sigma)


# 4. The contract of types.Sampler


@every()
def test_same_seed_same_bits_and_batches_do_not_matter(row):
    levels, model = ladder(8, clean=True), mixture_eps_model(THREE)
    x_T = start(levels, 4)
    first, again, other = (run(row, model, x_T, levels, seed=seed) for seed in (2, 2, 3))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert torch.equal(first[-1], other[-1]) != row.draws
    *_, together = row.sample(model, x_T, levels, generator=[seeded(i) for i in range(4)])
    for i in range(4):
        *_, alone = row.sample(model, x_T[i : i + 1], levels, generator=[seeded(i)])
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-12, rtol=0)


@every()
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, F64])
def test_lazy_a_state_a_step_in_its_own_type_and_x_T_untouched(row, dtype):
    levels, calls = ladder(5, clean=True), []

    def model(x_t, level):
        calls.append(level)
        assert x_t.dtype == dtype
        return 0.1 * x_t

    x_T = start(levels, 2, 3, dtype=dtype)
    before = x_T.clone()
    states = row.sample(model, x_T, levels, generator=seeded(2))
    assert calls == []
    assert next(states).dtype == dtype
    assert len(calls) == row.calls
    rest = list(states)
    assert len(rest) == 4
    assert {state.dtype for state in rest} == {dtype}
    assert {state.shape for state in rest} == {x_T.shape}
    assert torch.equal(x_T, before)
    if not row.between:
        assert list(dict.fromkeys(calls)) == levels[:-1]


@every()
def test_writing_into_a_state_steers(row):
    """Two runs from elsewhere, both set to one state before the last step, end alike; and not where they would have."""
    levels, model, ends = ladder(8, clean=True), mixture_eps_model(THREE), []
    for seed, steered in [(1, True), (5, True), (1, False)]:
        states = row.sample(model, start(levels, seed=seed), levels, generator=seeded(2))
        for i, state in enumerate(states):
            if steered and i == 6:
                state.copy_(normal(16, 2, seed=9))
        ends.append(state)
    assert torch.equal(ends[0], ends[1])
    assert (ends[0] - ends[2]).abs().max() > 1e-3


@every()
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_an_error(row, bad):
    levels = ladder(3, clean=True)
    states = row.sample(lambda x, level: x * 0 + bad, start(levels), levels, generator=seeded())
    with pytest.raises(ValueError, match=r"returned (NaN|infinity) at t = 0.4"):
        next(states)


@every()
def test_bad_arguments_are_errors_at_the_call(row):
    levels, x = ladder(3, clean=True), torch.zeros(2, 3)
    for change, words in [
        ({"levels": levels[:1]}, "levels has 1"),
        ({"levels": levels[::-1]}, "must fall"),
        ({"prediction": "x0"}, "'x0'; choose one of 'eps', 'x_0', 'v', 'velocity'"),
        *([({"generator": None}, "generator is None")] if row.draws else []),
    ]:
        arguments = {"levels": levels, "prediction": "eps", "generator": seeded()} | change
        with pytest.raises(ValueError, match=words):
            row.sample(lambda x, level: x, x, arguments.pop("levels"), **arguments)


@every()
def test_pairs_are_honoured_or_refused(row):
    levels = ladder(3, clean=True)
    pair = lambda x, level: (0.1 * x, 0.1 * x)  # noqa: E731
    if row in (ROWS["ddim eta 0"], ROWS["ddim eta 1"]):
        plain = run(row, lambda x, level: 0.1 * x, start(levels), levels)
        assert worst(run(row, pair, start(levels), levels), plain) == 0
    else:
        with pytest.raises(ValueError, match="CFG"):
            run(row, pair, start(levels), levels)
