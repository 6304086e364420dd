"""Folders of other families, other kinds of weights and odd tokenizers: loaded, or named with a way out."""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
import torch
from diffusers import AutoencoderTiny, UNet2DModel
from tests.diffloop.test_pretrained import edit
from tests.diffloop.tiny_models import seeded

from diffloop.guided_distillation import guided_student
from diffloop.pretrained import load
from diffloop.text_to_image import encode_prompts, text_to_image


@pytest.fixture
def copy(eps_folder, tmp_path):
    return shutil.copytree(eps_folder, tmp_path / "copy")


def refused(folder, *words):
    with pytest.raises(ValueError, match="Supported are Stable Diffusion 1 and 2") as error:
        load(folder)
    for word in (str(folder), *words):
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("pipeline", "part", "words"),
    [
        ("FluxPipeline", "transformer", "a transformer in place of the U-Net"),
        ("DiTPipeline", "transformer", "DiT"),
        ("PixArtAlphaPipeline", "transformer", "PixArt"),
        ("UnCLIPPipeline", "prior", "a prior (unCLIP"),
        ("StableUnCLIPImg2ImgPipeline", "image_normalizer", "embedding of images"),
        ("LDMTextToImagePipeline", "vqvae", "VQ autoencoder"),
    ],
)
@pytest.mark.parametrize("how", ["bare", "beside", "not downloaded"])
def test_a_folder_of_another_family(copy, tmp_path, pipeline, part, words, how):
    """With nothing else in it, as those that have no U-Net; beside all that a Stable Diffusion has; or only named."""
    folder, index = copy if how == "beside" else tmp_path / "bare", {"_class_name": pipeline}
    (folder / part).mkdir(parents=True)
    if how == "not downloaded":
        (folder / part).rmdir()
        index[part] = ["diffusers", "SomeModel"]
    (folder / "model_index.json").write_text(json.dumps(index))
    refused(folder, pipeline, f"{part}/ is ", words)


@pytest.mark.parametrize(
    ("pipeline", "part"),
    [("StableDiffusionXLPipeline", "text_encoder_2"), ("StableDiffusion3Pipeline", "transformer")],
)
def test_a_family_that_is_known_by_its_parts_lacks_the_others(tmp_path, pipeline, part):
    (tmp_path / part).mkdir()
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    with pytest.raises(FileNotFoundError) as error:
        load(tmp_path)
    for missing in (f"{part}/config.json", "text_encoder/config.json", "vae/config.json", "tokenizer_2/vocab.json"):
        assert missing in str(error.value)


def test_a_single_network(tmp_path):
    UNet2DModel(
        sample_size=8, block_out_channels=(8, 8), norm_num_groups=4, attention_head_dim=4, layers_per_block=1,
        down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2,
    ).save_pretrained(tmp_path)  # fmt: skip
    (tmp_path / "model_index.json").write_text('{"_class_name": "DDPMPipeline"}')
    refused(tmp_path, "a DDPMPipeline", "single UNet2DModel")
    shutil.copytree(tmp_path, tmp_path / "whole/unet")
    refused(tmp_path / "whole", "unet/ is a UNet2DModel")


def test_another_autoencoder(copy):
    shutil.rmtree(copy / "vae")
    AutoencoderTiny().save_pretrained(copy / "vae")
    refused(copy, "vae/ is a AutoencoderTiny, not AutoencoderKL")


@pytest.mark.parametrize(
    ("part", "changes", "words"),
    [
        ("unet", {"addition_embed_type": "text_time"}, "SDXL"),
        ("unet", {"class_embed_type": "projection"}, "unCLIP"),
        ("unet", {"num_class_embeds": 1000}, "upscalers"),
        ("unet", {"encoder_hid_dim_type": "image_proj"}, "Kandinsky"),
        ("unet", {"time_cond_proj_dim": 256}, "guided_distillation.unet_student"),
        (
            "unet",
            {"out_channels": 8},
            "gives 8 channels, the prediction and a learned variance; it must give the VAE's 4",
        ),
        ("unet", {"cross_attention_dim": 48}, "takes text of width 48, and the text encoder gives 32"),
        ("text_encoder", {"model_type": "t5"}, "text_encoder/ is a t5, not clip_text_model"),
        ("vae", {"latent_channels": 16}, "gives 4 channels"),
    ],
)
def test_a_network_that_takes_or_gives_something_else(copy, part, changes, words):
    edit(copy / part / "config.json", **changes)
    refused(copy, words)


def test_a_guided_student_does_not_lose_its_scale(copy):
    models = load(copy)
    student = guided_student(models.unet, dim=32)
    student.save_pretrained(copy / "unet")
    refused(copy, "time_cond_proj_dim is 32", "unet_student")
    replaced = dataclasses.replace(models, unet=student)
    with pytest.raises(ValueError, match=r"takes the guidance scale as an input; use .*unet_student"):
        text_to_image(replaced, ["a red"], generator=seeded(), steps=1)


def as_variant(folder, name):
    for path in folder.glob("*/*.safetensors"):
        path.rename(path.with_name(path.name.replace(".safetensors", f".{name}.safetensors")))


def test_a_variant_is_loaded_when_asked_for(copy):
    expected = load(copy).unet.conv_in.weight
    as_variant(copy, "fp16")
    with pytest.raises(FileNotFoundError, match=r"variant 'fp16': load\(\.\.\., variant='fp16'\)"):
        load(copy)
    assert torch.equal(load(copy, variant="fp16").unet.conv_in.weight, expected)
    with pytest.raises(FileNotFoundError, match=r"missing: text_encoder/model\.ema\.safetensors"):
        load(copy, variant="ema")


@pytest.mark.parametrize("variant", [None, "fp16"])
def test_shards(copy, variant):
    unet = load(copy).unet
    shutil.rmtree(copy / "unet")
    if variant:
        as_variant(copy, variant)
    unet.save_pretrained(copy / "unet", max_shard_size="200KB", variant=variant)
    shards = sorted((copy / "unet").glob("*-of-*.safetensors"))
    assert len(shards) > 1
    assert torch.equal(load(copy, variant=variant).unet.conv_in.weight, unet.conv_in.weight)
    shards[0].unlink()
    with pytest.raises(FileNotFoundError, match=f"missing: unet/{re.escape(shards[0].name)}. Shards are missing"):
        load(copy, variant=variant)
    (index,) = (copy / "unet").glob("*.index*.json")
    index.write_text('{"weight_map": {"a": "../../x"}}')
    with pytest.raises(ValueError, match=r"has no weight_map of file names"):
        load(copy, variant=variant)
    index.unlink()
    with pytest.raises(FileNotFoundError, match=f"missing: unet/{re.escape(index.name)}"):
        load(copy, variant=variant)


def test_pickled_weights_and_single_files(copy):
    unet = load(copy).unet
    shutil.rmtree(copy / "unet")
    unet.save_pretrained(copy / "unet", safe_serialization=False)
    with pytest.raises(FileNotFoundError, match=r"missing: unet/.*safetensors. unet/\S+\.bin is there, but only safe"):
        load(copy)
    (copy / "model.safetensors").touch()
    with pytest.raises(ValueError, match=r"is a single file; convert it.*from_single_file"):
        load(copy / "model.safetensors")


@pytest.mark.parametrize("length", [..., 10**30, 77])
def test_a_tokenizer_that_allows_more_than_the_encoder_has_positions(copy, eps_folder, length):
    edit(copy / "tokenizer/tokenizer_config.json", model_max_length=length)
    models = load(copy)
    assert models.tokenizer.model_max_length == 16
    assert torch.equal(encode_prompts(models, ["a red"]), encode_prompts(load(eps_folder), ["a red"]))


def test_a_tokenizer_of_more_words_than_the_encoder(copy):
    models = load(copy)
    models.tokenizer.add_tokens(["<toy>"])
    models.tokenizer.save_pretrained(copy / "tokenizer")
    with pytest.raises(ValueError, match=r"tokenizer has \d+ tokens and the text encoder \d+; .*same checkpoint"):
        load(copy)


def test_a_checkpoint_that_does_not_say_its_size(copy):
    edit(copy / "unet/config.json", sample_size=None)
    models, how = load(copy), {"steps": 1, "guidance_scale": 1.0}
    with pytest.raises(ValueError, match=r"sample_size is null.*pass size=\(height, width\)"):
        text_to_image(models, ["a red"], generator=seeded(), **how)
    ours = text_to_image(models, ["a red"], generator=seeded(), size=(32, 64), **how)
    assert ours.shape == (1, 3, 32, 64)
    sized = text_to_image(models, ["a red"], generator=seeded(), size=(np.int64(32), np.int32(64)), **how)
    assert torch.equal(sized, ours)
    for size in ((32.0, 64), (True, 32), (32,), 64, (0, 32), (30, 32)):
        with pytest.raises(ValueError, match=r"size is .*multiples of 4"):
            text_to_image(models, ["a red"], generator=seeded(), size=size, **how)
