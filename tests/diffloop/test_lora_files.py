"""LoRA files of Diffusers, PEFT and kohya compute what their own libraries compute."""

import copy
import json
import math

import pytest
import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils import convert_state_dict_to_kohya
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from tests.diffloop.tiny import build
from tests.diffloop.tiny_models import seeded

from diffloop.denoising import text_conditioned
from diffloop.finetuning import load_lora, lora_copy, lora_parameters, lora_state, save_lora
from diffloop.ladders import levels_at
from diffloop.pretrained import load

LAYER = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
PLAIN = {"r": 4, "lora_alpha": 4, "target_modules": ["to_q", "to_v"]}
CONFIGS = {
    "plain": PLAIN,
    "alpha": PLAIN | {"lora_alpha": 16},
    "patterns": PLAIN | {"lora_alpha": 8, "rank_pattern": {LAYER: 2}, "alpha_pattern": {LAYER: 6, "attn2.to_v": 1}},
    "rslora": PLAIN | {"lora_alpha": 8, "use_rslora": True},
    "convolutions": PLAIN | {"lora_alpha": 2, "target_modules": ["conv1", "proj_in", "conv_in", "to_out.0"]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build(tmp_path_factory.mktemp("tiny"), latents=8)


@pytest.fixture(scope="module")
def models(folder):
    return load(folder)


TWO = levels_at(torch.linspace(0.99, 0.01, 1000), torch.tensor([3, 900]), 4)


def output(unet):
    x, text = torch.randn(2, 4, 8, 8, generator=seeded()), torch.randn(1, 16, 32, generator=seeded(1))
    with torch.no_grad():
        return text_conditioned(unet, text)(x, TWO)


def drawn(module):
    for i, (name, parameter) in enumerate(sorted(module.named_parameters())):
        if ".lora_" in name:
            parameter.data.normal_(std=0.2, generator=seeded(i))
    return module


def theirs(models, config):
    unet = copy.deepcopy(models.unet)
    unet.add_adapter(LoraConfig(**config))
    return drawn(unet)


def assert_same(path, models, unet):
    expected = output(unet)
    torch.testing.assert_close(output(load_lora(path, models.unet)), expected, atol=1e-5, rtol=1e-5)
    assert (expected - output(models.unet)).abs().max() > 1e-3


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("writer", ["adapter", "pipeline", "peft"])
def test_a_file_of_diffusers_or_peft_computes_the_same(models, tmp_path, writer, config):
    unet = theirs(models, config)
    if writer == "adapter":
        unet.save_lora_adapter(tmp_path)
    elif writer == "pipeline":
        about = unet.peft_config["default"].to_dict()
        layers = get_peft_model_state_dict(unet)
        StableDiffusionPipeline.save_lora_weights(tmp_path, unet_lora_layers=layers, unet_lora_adapter_metadata=about)
    else:
        unet = drawn(get_peft_model(copy.deepcopy(models.unet), LoraConfig(**config)))
        unet.save_pretrained(tmp_path)
        assert_same(tmp_path, models, unet.base_model.model)
        return
    assert_same(tmp_path / "pytorch_lora_weights.safetensors", models, unet)


def test_kohya_and_alpha_tensors(models, tmp_path):
    unet = theirs(models, CONFIGS["alpha"])
    state = {f"base_model.model.unet.{k}": v for k, v in get_peft_model_state_dict(unet).items()}
    kohya = {k.replace("lora_lora_unet", "lora_unet"): v for k, v in convert_state_dict_to_kohya(state).items()}
    kohya = {k if k.startswith("lora_unet_") else f"lora_unet_{k.split('unet_', 1)[1]}": v for k, v in kohya.items()}
    kohya |= {k: torch.tensor(16.0) for k in kohya if k.endswith(".alpha")}
    assert any(k.endswith("lora_down.weight") for k in kohya)
    save_file(kohya, tmp_path / "kohya.safetensors")
    assert_same(tmp_path / "kohya.safetensors", models, unet)
    state = {f"unet.{k}": v for k, v in get_peft_model_state_dict(unet).items()}
    alphas = {k.replace(".lora_A.weight", ".alpha"): torch.tensor(16.0) for k in state if "lora_A" in k}
    save_file({k: v.contiguous() for k, v in state.items()} | alphas, tmp_path / "alphas.safetensors")
    assert_same(tmp_path / "alphas.safetensors", models, unet)


@pytest.mark.parametrize(
    ("down", "up"),
    [(".lora.down", ".lora.up"), (".lora_linear_layer.down", ".lora_linear_layer.up"), ("processor", "processor")],
)
def test_names_of_old_diffusers(models, tmp_path, down, up):
    unet, state = theirs(models, PLAIN), {}
    for key, value in get_peft_model_state_dict(unet).items():
        layer, side = key.removesuffix(".weight").rsplit(".", 1)
        attention, projection = layer.rsplit(".", 1)
        old = f"{layer}{down if side == 'lora_A' else up}.weight"
        if down == "processor":
            old = f"{attention}.processor.{projection}_lora.{'down' if side == 'lora_A' else 'up'}.weight"
        state[f"unet.{old}"] = value.contiguous()
    save_file(state, tmp_path / "old.safetensors")
    assert_same(tmp_path / "old.safetensors", models, unet)


@pytest.mark.parametrize("config", [CONFIGS["alpha"], CONFIGS["patterns"], CONFIGS["rslora"]])
def test_what_was_loaded_is_saved_with_its_alphas(models, folder, tmp_path, config):
    unet = theirs(models, config)
    unet.save_lora_adapter(tmp_path)
    ours = load_lora(tmp_path / "pytorch_lora_weights.safetensors", models.unet)
    assert {id(p) for p in ours.parameters() if p.requires_grad} == {id(p) for p in lora_parameters(ours)}
    save_lora(tmp_path / "again.safetensors", ours)
    assert_same(tmp_path / "again.safetensors", models, unet)
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    pipeline.load_lora_weights(tmp_path, weight_name="again.safetensors")
    torch.testing.assert_close(output(pipeline.unet), output(unet), atol=1e-5, rtol=1e-5)


def test_a_text_encoder_beside_a_unet_in_one_file(models, tmp_path):
    clip = ("q_proj", "v_proj")
    text = drawn(lora_copy(models.text_encoder, rank=3, targets=clip, generator=seeded()))
    state = lora_state(text, part="text_encoder") | lora_state(lora_copy(models.unet, rank=2, generator=seeded()))
    about = {"unet.r": 2, "unet.lora_alpha": 2, "text_encoder.r": 3, "text_encoder.lora_alpha": 6}
    for prefix in ("text_encoder.", "text_encoder.text_model."):
        named = {key.replace("text_encoder.", prefix): value for key, value in state.items()}
        save_file(named, tmp_path / "both.safetensors", {"lora_adapter_metadata": json.dumps(about)})
        loaded = load_lora(tmp_path / "both.safetensors", models.text_encoder, part="text_encoder")
        assert {layer.scaling["default"] for layer in loaded.modules() if hasattr(layer, "scaling")} == {2.0}
        assert torch.equal(lora_state(loaded, part="text_encoder")[next(iter(state))], state[next(iter(state))])
    assert {len(p) for p in lora_parameters(load_lora(tmp_path / "both.safetensors", models.unet))[::2]} == {2}


def test_half_precision_files_and_bases(folder, models, tmp_path):
    unet = theirs(models, CONFIGS["alpha"])
    unet.save_lora_adapter(tmp_path)
    half = load_lora(tmp_path / "pytorch_lora_weights.safetensors", load(folder, dtype=torch.bfloat16).unet)
    assert {p.dtype for p in lora_parameters(half)} == {torch.float32}
    torch.testing.assert_close(output(half), output(unet), atol=0.1, rtol=0.1)


def test_what_is_no_plain_lora_is_named(models, tmp_path):
    save_lora(path := tmp_path / "plain.safetensors", lora_copy(models.unet, rank=2, generator=seeded()))
    plain = load_file(path)
    first = next(iter(plain))
    layer = first.split(".lora_")[0]
    cases = [
        (plain | {f"{layer}.dora_scale": torch.ones(4)}, {}, "not a plain LoRA .*dora_scale"),
        (plain | {f"{layer}.lora_magnitude_vector": torch.ones(4)}, {}, "not a plain LoRA .*magnitude"),
        (plain, {"use_dora": True}, "not a plain LoRA .*use_dora"),
        (plain, {"unet.r": 7}, "has rank 2, but the settings say 7"),
        (plain | {"unet.nowhere.lora_A.weight": torch.ones(2, 2)}, {}, "nowhere.lora_A.weight belongs to no layer"),
        ({k: v for k, v in plain.items() if k != first}, {}, "A and B must match"),
        (plain | {first: torch.ones(2, 5)}, {}, "does not fit this UNet2DConditionModel: .* another shape"),
        ({"text_encoder.x.lora_A.weight": torch.ones(2, 2)}, {}, "is not a LoRA of part 'unet'"),
    ]
    for state, about, words in cases:
        save_file(state, path, {"lora_adapter_metadata": json.dumps(about)})
        with pytest.raises(ValueError, match=words):
            load_lora(path, models.unet)
    torch.save(plain, tmp_path / "pickled.bin")
    with pytest.raises(ValueError, match=r"pickled.bin cannot be read .*must be converted"):
        load_lora(tmp_path / "pickled.bin", models.unet)
    with pytest.raises(FileNotFoundError):
        load_lora(tmp_path / "nowhere.safetensors", models.unet)
    assert math.isfinite(output(models.unet).sum())
