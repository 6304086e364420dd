"""Graphs of the network's calls: the pictures of a GPU without them, to the bit, whatever is done to the network between.

On a pretended GPU, whose graphs do what real ones do (`graphs_pretended.py`); what they cost is not seen here.
"""

import copy
import dataclasses
import gc
import pickle
import warnings
from functools import partial

import pytest
import torch
from diffusers.models.attention_processor import AttnProcessor
from tests.diffloop import devices
from tests.diffloop.devices import pretended_gpu
from tests.diffloop.graphs_pretended import Graph, Stream
from tests.diffloop.test_devices import GUIDANCE, PROMPTS, SAMPLERS
from tests.diffloop.tiny import build
from tests.diffloop.tiny_families import build_3, build_xl
from tests.diffloop.tiny_models import seeded
from torch import nn

from diffloop.attention import cross_attention_maps
from diffloop.finetuning import lora_copy, lora_parameters
from diffloop.graphs import Graphs
from diffloop.guidance import Guidance
from diffloop.pretrained import load
from diffloop.text_to_image import denoise, encode_prompts, prompted_model, text_to_image

FAMILIES = [build, build_xl, build_3]


@pytest.fixture(autouse=True)
def no_warnings():
    """That a network cannot be captured is a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="the network")
        yield


@pytest.fixture(autouse=True)
def gpu():
    with pretended_gpu() as device:
        yield device


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}

    def folder(make):
        if make not in made:
            how = {"latents": 8} if make is build else {}
            made[make] = make(tmp_path_factory.mktemp("graphs"), **how)
        return made[make]

    return folder


@pytest.fixture
def models(folders, gpu):
    return load(folders(build), device=gpu)


def without(models):
    """The same networks, called through Python."""
    return dataclasses.replace(models, graphs=None)


def replayed(act):
    """act's result, and how many replays it took."""
    before = Graph.replays
    return act(), Graph.replays - before


def predict(models, *, seed=0, b=2, side=8):
    """One call of the network."""
    x_t = torch.randn(b, models.latent_channels, side, side, generator=seeded(seed)).to(models.device)
    return models.predict(x_t, models.levels(3)[1], encode_prompts(models, ["a red circle"] * b))


def captured(models):
    """The models, after a call was captured and replayed."""
    for seed in range(3):
        predict(models, seed=seed)
    assert replayed(lambda: predict(models))[1] == 1
    return models


def assert_as_without(models, replays=None, **how):
    """A call is what it is without graphs, twice; replays: of the three that are made, how many are graphs."""
    expected = predict(without(models), **how)
    for seed in (7, 8):
        predict(models, seed=seed, **how)
    result, n = replayed(lambda: predict(models, **how))
    assert torch.equal(result, expected)
    if replays is not None:
        assert n == replays
    return result


# Pictures


@pytest.mark.parametrize("make", FAMILIES)
def test_families(folders, gpu, make):
    models = load(folders(make), device=gpu)
    for prompts, s in ((PROMPTS, 4.0), (["a blue square"], 1.0), (PROMPTS[::-1], 3.0)):
        how = {"steps": 3, "guidance_scale": s, "generator": seeded()}
        pictures, n = replayed(partial(text_to_image, models, prompts, **how))
        how["generator"] = seeded()
        assert torch.equal(pictures, text_to_image(without(models), prompts, **how))
        assert n in (2, 3)  # all calls but the first of its shape


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_samplers_and_waits(models, sampler):
    """As without graphs; and the GPU is waited for as often in a long run as in a short one."""
    waits = []
    for steps in (3, 6):
        devices.waits.clear()
        how = {"steps": steps, "sampler": sampler, "guidance_scale": 2.0}
        pictures, n = replayed(partial(text_to_image, models, PROMPTS, generator=seeded(), **how))
        waits.append([*devices.waits])
        assert n > 0
        assert torch.equal(pictures, text_to_image(without(models), PROMPTS, generator=seeded(), **how))
    assert len(waits[0]) == len(waits[1]) <= 5


@pytest.mark.parametrize("guidance", GUIDANCE.values(), ids=GUIDANCE)
def test_guidance_and_waits(models, guidance):
    counts = []
    for steps in (2, 5):
        devices.waits.clear()
        how = {"steps": steps, "guidance_scale": guidance}
        pictures = text_to_image(models, PROMPTS, generator=seeded(), **how)
        counts.append(len(devices.waits))
        assert torch.equal(pictures, text_to_image(without(models), PROMPTS, generator=seeded(), **how))
    assert counts[0] == counts[1]


def test_a_callback_may_keep_the_states(models):
    """Samplers and callers keep earlier results: no later call writes into them."""
    kept, copies = [], []

    def keep(i, level, state):
        kept.append(state)
        copies.append(state.clone())

    denoise(
        models,
        prompted_model(models, PROMPTS, 3.0),
        torch.randn(2, 4, 8, 8).to(models.device),
        models.levels(5),
        callback=keep,
    )
    outputs = [predict(models, seed=seed) for seed in range(4)]
    as_they_were = [x.clone() for x in outputs]
    predict(models, seed=9)
    for a, b in zip([*kept, *outputs], [*copies, *as_they_were], strict=True):
        assert torch.equal(a, b)


def test_autoguidance_has_two_networks(models, folders, gpu):
    weak = load(folders(build), device=gpu)
    weak.unet.conv_out.bias.data.add_(0.1)
    how = {"steps": 4, "guidance_scale": Guidance(2.0, weak=weak)}
    pictures, n = replayed(partial(text_to_image, models, PROMPTS, generator=seeded(), **how))
    assert n == 6
    how["guidance_scale"] = Guidance(2.0, weak=without(weak))
    assert torch.equal(pictures, text_to_image(without(models), PROMPTS, generator=seeded(), **how))


# How many, and whose


def test_the_least_recently_used_graph_goes(models):
    models = dataclasses.replace(models, graphs=Graphs(2))
    gc.collect()
    alive = Graph.alive
    for side in (8, 4, 8, 6, 8):  # 4 is the one that goes
        for _ in range(2):
            predict(models, side=side)
        assert Graph.alive - alive <= 2
    assert replayed(lambda: predict(models, side=8))[1] == 1
    assert replayed(lambda: predict(models, side=4))[1] == 0
    for side in (8, 4, 6):
        assert_as_without(models, replays=1, side=side)


def test_many_shapes_in_turn_are_never_captured(models):
    models = dataclasses.replace(models, graphs=Graphs(2))
    _, n = replayed(lambda: [predict(models, side=side) for side in (8, 4, 6) * 3])
    assert n == 0


def test_graphs_go_with_their_network(folders, gpu):
    models = captured(load(folders(build), device=gpu))
    gc.collect()
    graphs, alive = models.graphs, Graph.alive
    del models
    gc.collect()
    assert Graph.alive == alive - 1
    assert not graphs._networks


def test_a_copy_has_graphs_of_its_own(models):
    captured(models)
    for again in (copy.deepcopy(models.graphs), pickle.loads(pickle.dumps(models.graphs))):
        assert again.most == models.graphs.most
        assert not again._networks


# What happens to the network


def test_weights_that_change_in_place(models):
    """As an optimizer writes them."""
    before = predict(captured(models))
    with torch.no_grad():
        models.unet.conv_in.weight.mul_(1.5)
    after, n = replayed(lambda: predict(models))
    assert n == 1
    assert torch.equal(after, predict(without(models)))
    assert not torch.equal(after, before)


def _data(unet):
    unet.conv_in.weight.data = unet.conv_in.weight.data * 1.5


def _parameter(unet):
    unet.conv_in.weight = nn.Parameter(unet.conv_in.weight * 1.5, requires_grad=False)


def _module(unet):
    unet.mid_block.attentions[0].proj_out = nn.Conv2d(64, 64, 1).eval().to(unet.conv_in.weight.device)


def _scalar(unet):
    unet.down_blocks[0].resnets[0].output_scale_factor = 2.0


def _freeu(unet):
    unet.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)


def _processors(unet):
    unet.set_attn_processor(AttnProcessor())


def _half(unet):
    unet.to(torch.bfloat16)


def _layout(unet):
    unet.to(memory_format=torch.channels_last)


def _there_and_back(unet):
    device = unet.conv_in.weight.device
    unet.to("cpu").to(device)


def _class(unet):
    class Doubled(type(unet.conv_act)):
        __module__ = "torch.nn"

        def forward(self, x):
            return 2 * super().forward(x)

    unet.conv_act.__class__ = Doubled


def _gone(unet):
    del unet.down_blocks[0].resnets[0].output_scale_factor
    unet.down_blocks[0].resnets[0].output_scale_factor = 3.0


CHANGES = [_data, _parameter, _module, _scalar, _freeu, _processors, _half, _layout, _there_and_back, _class, _gone]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_network_is_captured_again(models, change):
    captured(models)
    change(models.unet)
    assert not replayed(lambda: predict(models))[1]
    assert_as_without(models, replays=1)


def test_lora_on_and_off(models):
    captured(models)
    tuned = dataclasses.replace(models, unet=lora_copy(models.unet, rank=2, generator=seeded()))
    assert torch.equal(assert_as_without(tuned, replays=1), predict(models))
    with torch.no_grad():
        for parameter in lora_parameters(tuned.unet):
            parameter.add_(0.1)
    trained = assert_as_without(tuned, replays=1)
    layers = [m for m in tuned.unet.modules() if hasattr(m, "lora_A")]
    for layer in layers:
        layer.enable_adapters(False)
    assert torch.equal(assert_as_without(tuned, replays=1), predict(models))
    for layer in layers:
        layer.enable_adapters(True)
    assert torch.equal(assert_as_without(tuned, replays=1), trained)
    layers[0].scaling["default"] = 3.0
    assert not torch.equal(assert_as_without(tuned, replays=1), trained)
    layers[0].merge()
    assert_as_without(tuned, replays=1)
    layers[0].unmerge()
    assert_as_without(tuned, replays=1)


# Calls that go through Python


def test_attention_maps_are_those_of_the_call(models):
    with cross_attention_maps(models.unet) as expected:
        predict(without(models), seed=1)
    expected = dict(expected)
    captured(models)
    with cross_attention_maps(models.unet) as maps:
        for seed in (0, 2, 1):
            _, n = replayed(partial(predict, models, seed=seed))
            assert n == 0
    assert list(maps) == list(expected)
    assert all(torch.equal(maps[name], expected[name]) for name in maps)
    assert_as_without(models, replays=1)


def test_gradients_go_through_python(models):
    captured(models)
    x, layer = torch.ones(2, 4, device=models.device), nn.Linear(4, 1).eval().to(models.device)
    run = lambda layer, x: layer(x)  # noqa: E731
    for _ in range(3):
        models.graphs(layer, run, x).sum().backward()
    assert torch.equal(layer.weight.grad, torch.full((1, 4), 6.0, device=models.device))
    with torch.no_grad():
        for _ in range(3):
            assert not models.graphs(layer, run, x).requires_grad


def test_calls_that_are_made_as_ever(models):
    captured(models)
    torch.set_autocast_enabled("cuda", True)  # as torch.autocast would, if there were one
    assert replayed(lambda: predict(models))[1] == 0
    torch.set_autocast_enabled("cuda", False)
    models.unet.train()
    assert replayed(lambda: [predict(models) for _ in range(3)])[1] == 0
    models.unet.eval()
    models.unet.mid_block.train()
    assert replayed(lambda: [predict(models) for _ in range(3)])[1] == 0
    models.unet.eval()
    captured(models)
    with torch.cuda.stream(Stream()):
        assert replayed(lambda: predict(models))[1] == 0
    calls = []
    hook = nn.modules.module.register_module_forward_hook(lambda *_: calls.append(1))
    predict(models)
    hook.remove()
    assert len(calls) > 100


def test_inference_mode_in_any_order(models):
    for mode in (True, False, True, False, True):
        with torch.inference_mode(mode):
            result = predict(models, seed=int(mode))
        assert torch.equal(result, predict(without(models), seed=int(mode)))
    assert replayed(lambda: predict(models))[1] == 1


def test_other_settings_of_torch_are_captured_again(models):
    captured(models)
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        assert replayed(lambda: predict(models))[1] == 0
        assert_as_without(models, replays=1)
    assert replayed(lambda: predict(models))[1] == 1


class Counting(AttnProcessor):
    """Somebody's own: it does something in Python at every call."""

    calls = 0

    def __call__(self, *args, **kwargs):
        Counting.calls += 1
        return super().__call__(*args, **kwargs)


def test_a_processor_of_ones_own_is_called_each_time_and_said_once(models):
    captured(models)
    models.unet.set_attn_processor(Counting())
    with pytest.warns(UserWarning, match=r"has a .*test_graphs\.Counting, which may do something else") as said:
        results = [predict(models) for _ in range(3)]
    assert Counting.calls == 3 * len(models.unet.attn_processors)
    assert len(said) == 1
    assert torch.equal(results[2], predict(without(models)))


def test_a_forward_that_was_replaced(models):
    captured(models)
    plain, calls = models.unet.forward, []
    models.unet.forward = lambda *args, **kwargs: calls.append(1) or plain(*args, **kwargs)
    with pytest.warns(UserWarning, match="has a UNet2DConditionModel whose forward was replaced"):
        assert [predict(models) for _ in range(3)]
    assert len(calls) == 3


def _reads(layer, x):
    return layer(x) * x.sum().item()


def _sends(layer, x):
    return layer(x) * torch.tensor([1.0, 2.0]).to(x.device)


def _picks(layer, x):
    return layer(x)[x[:, 0] > 0]


def _makes(layer, x):
    return layer(x) + torch.ones(2).to(x)


@pytest.mark.parametrize("run", [_reads, _sends, _picks, _makes])
def test_what_waits_for_the_gpu_cannot_be_captured(gpu, run):
    """The call is made as ever, and that is said once."""
    graphs, layer, x = Graphs(), nn.Linear(2, 2).eval().to(gpu).requires_grad_(False), torch.ones(3, 2, device=gpu)
    with torch.no_grad():
        graphs(layer, run, x)
        with pytest.warns(UserWarning, match="could not be captured as a CUDA graph .*not permitted") as said:
            results = [graphs(layer, run, i * x) for i in range(4)]
        assert all(torch.equal(result, run(layer, i * x)) for i, result in enumerate(results))
    assert len(said) == 1


def test_nan_on_a_gpu_names_the_first_timestep(models):
    calls = []

    def model(x_t, level):
        calls.append(level.t)
        return x_t / (0 if len(calls) >= 2 else 1)

    with pytest.raises(ValueError, match=f"returned infinity at t = {models.levels(4)[1].t};"):
        denoise(models, model, torch.ones(1, 4, 8, 8, device=models.device), models.levels(4))
    assert len(calls) == 4


# load


def test_what_load_makes(folders, gpu, monkeypatch):
    assert load(folders(build)).graphs is None
    assert load(folders(build), device=gpu, graphs=False).graphs is None
    with pytest.raises(ValueError, match="graphs is True and device 'cpu'; only a CUDA device has graphs"):
        load(folders(build), graphs=True)

    def broken(function, **how):
        raise RuntimeError("no compiler\nmore")

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.raises(
        RuntimeError, match=r"compile is True, .* device 'cpu' here \(RuntimeError: no compiler\)\. It needs"
    ):
        load(folders(build), compile=True)
