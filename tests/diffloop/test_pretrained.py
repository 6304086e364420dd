"""Loading a checkpoint: what comes back, and what is said when it cannot be loaded."""

import json
import shutil
import subprocess
import sys

import pytest
import torch
from diffusers import DDIMScheduler
from safetensors.torch import load_file, save_file
from tests.diffloop.tiny import build

from diffloop.pretrained import SCHEDULER_CONFIG, load


@pytest.fixture
def copy(eps_folder, tmp_path):
    """A copy of the checkpoint to break."""
    return shutil.copytree(eps_folder, tmp_path / "copy")


def edit(path, **changes):
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not ...}))


def test_settings(eps_folder, v_folder, inpaint_folder):
    eps, v, inpaint = (load(f) for f in (eps_folder, v_folder, inpaint_folder))
    assert (eps.prediction, v.prediction, inpaint.prediction) == ("eps", "v", "eps")
    assert (eps.inpaints, v.inpaints, inpaint.inpaints) == (False, False, True)
    assert (eps.spacing, eps.steps_offset, eps.set_alpha_to_one, eps.scale, eps.latent_channels) == (
        "leading",
        1,
        False,
        4,
        4,
    )
    assert (eps.device.type, eps.dtype) == ("cpu", torch.float32)
    assert eps.alphas_cumprod.dtype == torch.float64
    for network in (eps.text_encoder, eps.vae, eps.unet):
        assert not network.training
        assert not any(p.requires_grad for p in network.parameters())
    assert "Conv2d" not in repr(eps)


def test_string_and_path_and_dtype(eps_folder):
    models = load(str(eps_folder), dtype=torch.bfloat16)
    assert {p.dtype for part in (models.text_encoder, models.vae, models.unet) for p in part.parameters()} == {
        torch.bfloat16
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"beta_schedule": "linear"},
        {"beta_schedule": "squaredcos_cap_v2"},
        {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"},
        {"trained_betas": [0.1, 0.2, 0.3], "num_train_timesteps": 3},
        {"num_train_timesteps": 50},
        dict.fromkeys(("beta_start", "beta_end", "beta_schedule", "steps_offset", "set_alpha_to_one"), ...),
    ],
)
def test_scheduler_settings_equal_diffusers(copy, changes):
    """An ellipsis takes the key out: then the defaults of DDIMScheduler hold."""
    edit(copy / SCHEDULER_CONFIG, **changes)
    models, theirs = load(copy), DDIMScheduler.from_pretrained(copy / "scheduler")
    torch.testing.assert_close(models.alphas_cumprod, theirs.alphas_cumprod.double(), atol=1e-6, rtol=1e-3)
    assert models.steps_offset == theirs.config.steps_offset
    assert models.set_alpha_to_one == theirs.config.set_alpha_to_one
    assert models.spacing == theirs.config.timestep_spacing


def test_sharded_weights(copy):
    load(copy).unet.save_pretrained(copy / "unet", max_shard_size="1MB")
    (copy / "unet/diffusion_pytorch_model.safetensors").unlink()
    assert len(list((copy / "unet").glob("*-of-*.safetensors"))) > 1
    load(copy)


def test_importing_it_imports_no_diffusers():
    code = (
        "import sys, diffloop.text_to_image, diffloop.diffedit; print({'diffusers', 'transformers'} & set(sys.modules))"
    )
    lib = sys.modules["diffloop"].__path__[0].rsplit("/", 1)[0]
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": lib}
    )
    assert out.stdout.strip() == "set()"


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./here", "~/not/here", "plain", "a/b/c", "tests/nothing"])
def test_a_missing_folder(name):
    with pytest.raises(FileNotFoundError, match=r"is not a folder.*unet/.*hub id"):
        load(name)


def test_no_network(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ConnectionError, match=r"'nobody/nothing'.*not a folder.*network.*hf download nobody/nothing"):
        load("nobody/nothing")


@pytest.mark.parametrize(
    "name",
    [
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "text_encoder/model.safetensors",
        "scheduler/scheduler_config.json",
    ],
)
def test_a_wrong_layout_names_the_missing_file(copy, name):
    (copy / name).unlink()
    with pytest.raises(FileNotFoundError) as error:
        load(copy)
    assert f"missing: {name}." in str(error.value)


def test_every_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"text_encoder/config.json.*tokenizer/vocab.json or.*unet/diff"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["unet/diffusion_pytorch_model", "text_encoder/model", "vae/diffusion_pytorch_model"])
@pytest.mark.parametrize("keep", [0, 7, 5000, -1])
def test_truncated_weights(copy, name, keep):
    path = copy / f"{name}.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"safetensors is damaged or truncated \([\d,]+ bytes.*download"):
        load(copy)


def test_weights_that_lack_some(copy):
    """Diffusers and Transformers only warn, and fill in random numbers."""
    for name in ("unet/diffusion_pytorch_model", "text_encoder/model"):
        path = copy / f"{name}.safetensors"
        weights = load_file(path)
        gone = sorted(k for k in weights if k.endswith("weight"))[0]
        save_file({k: v for k, v in weights.items() if k != gone}, path, metadata={"format": "pt"})
        with pytest.raises(ValueError, match=r"do not fit its config.json: .*weight.*missing"):
            load(copy)
        save_file(weights, path, metadata={"format": "pt"})
    load(copy)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("prediction_type", "flow", ["'flow'", "'epsilon', 'v_prediction', 'sample'"]),
        ("beta_schedule", "exp", ["'exp'", "'linear', 'scaled_linear', 'squaredcos_cap_v2'"]),
        ("timestep_spacing", "even", ["'even'", "'leading', 'trailing', 'linspace'"]),
    ],
)
def test_unknown_settings(copy, key, value, words):
    edit(copy / SCHEDULER_CONFIG, **{key: value})
    with pytest.raises(ValueError, match=key) as error:
        load(copy)
    for word in words:
        assert word in str(error.value)


def test_a_file_that_is_not_json(copy):
    (copy / "unet/config.json").write_text('{"sample_size": 1')
    with pytest.raises(ValueError, match=r"unet/config.json is not JSON"):
        load(copy)
    (copy / "unet/config.json").write_text("[]")
    with pytest.raises(ValueError, match=r"holds a list; it must be a JSON object"):
        load(copy)


def test_a_unet_of_an_odd_number_of_channels(tmp_path):
    build(tmp_path)
    edit(tmp_path / "unet/config.json", in_channels=5)
    weights = load_file(path := tmp_path / "unet/diffusion_pytorch_model.safetensors")
    weights["conv_in.weight"] = torch.zeros(32, 5, 3, 3)
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=r"takes 5 channels; it must be 4 .* or 9"):
        load(tmp_path)
