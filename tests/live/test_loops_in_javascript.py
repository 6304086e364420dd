"""The engine's noise, levels, samplers and editing in Node, against diffloop's on the same numbers."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch.testing import assert_close

from diffloop.ddim import ddim_invert, ddim_sample
from diffloop.ddpm import ddpm_sample
from diffloop.diffedit_mask import binary_masks
from diffloop.dpm_solver import dpm_solver_sample, dpm_solver_timesteps
from diffloop.heun import heun_sample
from diffloop.image_to_image import last_levels
from diffloop.inpainting import latent_masks
from diffloop.ladders import trained_levels
from diffloop.parameterization import predict
from diffloop.schedules import alphas_cumprod_from_betas, scaled_linear_betas, spaced_timesteps

from .node import in_node, needs_node

pytestmark = needs_node
BARS = alphas_cumprod_from_betas(scaled_linear_betas())


def test_a_seed_gives_the_noise_of_torch(tmp_path):
    seeds, sizes = [0, 1, 7, 20240, 2**32 - 1], [1024, 16, 1030, 2048, 17]
    script = "say(given.seeds.map((seed) => { const g = new Generator(seed); return given.sizes.map((n) => g.normal(n)); }));"
    found = in_node(script, {"seeds": seeds, "sizes": sizes}, tmp_path, from_noise="Generator")
    for seed, rows in zip(seeds, found, strict=True):
        generator = torch.Generator().manual_seed(seed)
        for n, row in zip(sizes, rows, strict=True):
            assert_close(torch.tensor(row), torch.randn(n, generator=generator), atol=2e-6, rtol=2e-6)


def test_timesteps_are_those_of_python_for_every_number_of_steps(tmp_path):
    script = """
    const all = [...Array(1000).keys()].map((i) => i + 1);
    const each = (how, find = spacedTimesteps, last = 1000) => all.slice(0, last).map((n) => find(n, 1000, how));
    say({ leading: each({ spacing: "leading" }), trailing: each({ spacing: "trailing" }), linspace: each({ spacing: "linspace" }),
          offset: each({ offset: 1 }, spacedTimesteps, 999), dpm: each({ offset: 1 }, dpmSolverTimesteps, 998) });
    """
    found = in_node(script, None, tmp_path, from_levels="spacedTimesteps, dpmSolverTimesteps")
    for spacing in ("leading", "trailing", "linspace"):
        assert found[spacing] == [spaced_timesteps(n, spacing=spacing).tolist() for n in range(1, 1001)]
    assert found["offset"] == [spaced_timesteps(n, steps_offset=1).tolist() for n in range(1, 1000)]
    assert found["dpm"] == [dpm_solver_timesteps(n, spacing="leading", steps_offset=1).tolist() for n in range(1, 999)]


@pytest.mark.parametrize("strength", [0.0, 0.1, 0.55, 0.58, 0.8, 1.0])
def test_the_end_of_a_ladder_is_that_of_python(tmp_path, strength):
    levels = trained_levels(BARS, spaced_timesteps(50, steps_offset=1), set_alpha_to_one=False)
    script = """
    const ladder = trainedLevels(given.bars, spacedTimesteps(50, 1000, { offset: 1 }), false);
    say(lastLevels(ladder, given.strength).map(({ signal, noise, t }) => [signal, noise, t]));
    """
    given = {"bars": BARS.tolist(), "strength": strength}
    found = in_node(script, given, tmp_path, from_levels="trainedLevels, spacedTimesteps, lastLevels")
    assert_close(
        torch.tensor(found, dtype=torch.float64),
        torch.tensor([(one.signal, one.noise, one.t) for one in last_levels(levels, strength)], dtype=torch.float64),
        atol=1e-14,
        rtol=0,
    )


# A network that both sides can compute: linear in the state, and different at each timestep.
def network(x, level):
    return 0.7 * x + 0.2 * math.sin(level.t)


SAMPLERS = {
    "ddim": (ddim_sample, {"eta": 0.0}),
    "ddim, half of the noise": (partial(ddim_sample, eta=0.5), {"eta": 0.5}),
    "ddim, all of the noise": (partial(ddim_sample, eta=1.0), {"eta": 1.0}),
    "ddpm": (ddpm_sample, {}),
    "ddpm, large": (partial(ddpm_sample, variance="large"), {"variance": "large"}),
    "dpm-solver": (dpm_solver_sample, {}),
    "heun": (heun_sample, {}),
}
WALK = """
const normal = (generator) => (n) => generator.normal(n);
const model = (x, { t }) => x.map((value) => 0.7 * value + 0.2 * Math.sin(t));
const found = [];
for (const [sampler, how] of given.samplers) {
  const { steps, prediction, toClean, seed } = given, generator = new Generator(seed), x = generator.normal(64);
  const levels = trainedLevels(given.bars, spacedTimesteps(steps, 1000, { offset: 1 }), toClean), rows = [];
  for await (const { state, x0 } of SAMPLERS[sampler](model, x, levels, { ...how, prediction, normal: normal(generator) })) rows.push([state, x0]);
  found.push(rows);
}
say(found);
"""


@pytest.mark.parametrize("prediction", ["eps", "v", "x_0"])
@pytest.mark.parametrize(("steps", "to_clean"), [(7, True), (7, False), (20, False), (1, True)])
def test_samplers_take_the_steps_of_python(tmp_path, prediction, steps, to_clean):
    levels = trained_levels(BARS, spaced_timesteps(steps, steps_offset=1), set_alpha_to_one=to_clean)
    given = {"steps": steps, "prediction": prediction, "toClean": to_clean, "seed": 3, "bars": BARS.tolist()}
    given["samplers"] = [(name.partition(",")[0], how) for name, (_, how) in SAMPLERS.items()]
    modules = {"from_levels": "trainedLevels, spacedTimesteps", "from_noise": "Generator", "from_samplers": "SAMPLERS"}
    found = in_node(WALK, given, tmp_path, **modules)
    for (name, (sampler, _)), rows in zip(SAMPLERS.items(), found, strict=True):
        generator = torch.Generator().manual_seed(3)
        x = torch.randn(1, 64, generator=generator)
        states = list(sampler(network, x, levels, prediction=prediction, generator=generator))
        before = [x, *states[:-1]]
        guesses = [predict(network, s, at, prediction=prediction)[0] for s, at in zip(before, levels, strict=False)]
        assert len(rows) == len(states) == steps
        for i, (state, guess) in enumerate(zip(states, guesses, strict=True)):
            for what, want, got in (("state", state, rows[i][0]), ("x_0_hat", guess, rows[i][1])):
                assert_close(torch.tensor([got]), want, atol=1e-4, rtol=1e-4, msg=lambda m: f"{name}, {what} {i}: {m}")  # noqa: B023


def test_a_state_that_is_written_into_steers_the_rest(tmp_path):
    script = """
    const levels = trainedLevels(given.bars, spacedTimesteps(5, 1000, { offset: 1 }), false);
    let x = null;
    for await (const { state } of ddim((x) => x, f32([1, -1, 0.5]), levels)) { keepKnown(state, f32([9, 9, 9]), f32([1, 0, 0.5])); x = state; }
    say(x);
    """
    modules = {"from_levels": "trainedLevels, spacedTimesteps", "from_samplers": "ddim", "from_editing": "keepKnown"}
    found = in_node(script, {"bars": BARS.tolist()}, tmp_path, **modules)
    levels = trained_levels(BARS, spaced_timesteps(5, steps_offset=1), set_alpha_to_one=False)
    mask = torch.tensor([[1, 0, 0.5]])
    for state in ddim_sample(lambda x, level: x, torch.tensor([[1, -1, 0.5]]), levels):
        state.copy_(mask * state + (1 - mask) * 9)
    assert_close(torch.tensor([found]), state)


def test_inversion_goes_up_as_in_python(tmp_path):
    script = """
    const levels = trainedLevels(given.bars, spacedTimesteps(6, 1000, { offset: 1 }), false), found = [];
    const model = (x, { t }) => x.map((value) => 0.7 * value + 0.2 * Math.sin(t));
    for await (const { state } of ddimInvert(model, f32(given.x), levels)) found.push(state);
    say(found);
    """
    x = torch.linspace(-2, 2, 9)[None]
    modules = {"from_levels": "trainedLevels, spacedTimesteps", "from_samplers": "ddimInvert"}
    found = in_node(script, {"bars": BARS.tolist(), "x": x[0].tolist()}, tmp_path, **modules)
    levels = trained_levels(BARS, spaced_timesteps(6, steps_offset=1), set_alpha_to_one=False)
    assert_close(torch.tensor(found), torch.cat(list(ddim_invert(network, x, levels))), atol=1e-5, rtol=1e-5)


def test_masks_are_those_of_python(tmp_path):
    generator = torch.Generator().manual_seed(0)
    hard = (torch.rand(1, 1, 12, 20, generator=generator) > 0.5).float()
    soft = torch.rand(1, 1, 12, 20, generator=generator)
    contrast = torch.rand(1, 16, 16, generator=generator) ** 3
    script = """
    say({ hard: latentMask(f32(given.hard), 12, 20, 4), soft: latentMask(f32(given.soft), 12, 20, 4),
          binary: binaryMask(f32(given.contrast)), flat: binaryMask(f32([2, 2, 2])), low: binaryMask(f32(given.contrast), { threshold: 0.1 }),
          map: contrastMap(f32(given.a), f32(given.b), 4) });
    """
    a, b = torch.randn(3, 4, 2, 2, generator=generator), torch.randn(3, 4, 2, 2, generator=generator)
    given = {"hard": hard, "soft": soft, "contrast": contrast, "a": a, "b": b}
    given = {name: value.flatten().tolist() for name, value in given.items()}
    found = in_node(script, given, tmp_path, from_editing="latentMask, binaryMask, contrastMap")
    for name, mask in (("hard", hard), ("soft", soft)):
        assert_close(torch.tensor(found[name]).float().reshape(3, 5), latent_masks(mask, (3, 5))[0, 0])
    assert found["binary"] == binary_masks(contrast).flatten().tolist()
    assert found["low"] == binary_masks(contrast, threshold=0.1).flatten().tolist()
    assert found["flat"] == [0, 0, 0]
    assert_close(torch.tensor(found["map"]), (b - a).abs().mean((0, 1)).flatten())


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("spacedTimesteps(0, 1000)", "steps is 0; it must be a whole number from 1 to 1000"),
        ("spacedTimesteps(10, 1000, { spacing: 'even' })", 'spacing is "even"; choose one of'),
        ("trainedLevels([0.9, 0.5], [1, 1], true)", "timesteps is [1,1]; they must fall"),
        ("lastLevels([1, 2, 3], 0.3)", "strength is 0.3; with 2 steps it must be 0 or at least 0.5"),
        ("new Generator(-1)", "seed is -1; it must be a whole number from 0"),
        ("new Generator(1).normal(3)", "n is 3; it must be a whole number of at least 16"),
        ("halves(f32([1]), f32([1]), { signal: 1, noise: 1 }, 'u')", 'prediction is "u"; choose one of'),
    ],
)
def test_what_is_illegal_is_named(tmp_path, script, message):
    modules = {"from_levels": "spacedTimesteps, trainedLevels, lastLevels", "from_noise": "Generator"}
    code = f"try {{ say([{script}]); }} catch (error) {{ say(error.message); }}"
    assert message in in_node(code, None, tmp_path, **modules, from_samplers="halves")
