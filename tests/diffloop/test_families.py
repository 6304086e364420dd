"""Every family against Diffusers' own pipeline on the same noise: a row per family. And what `load` says of its files.

Random checkpoints of the published classes. What is measured is about 2e-6 of the pixel range; the limit is 1e-5.
"""

import dataclasses
import json
import shutil
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.diffloop.test_checkpoint_files import as_variant
from tests.diffloop.test_pretrained import edit
from tests.diffloop.tiny import build
from tests.diffloop.tiny_families import build_3, build_pix2pix, build_xl
from tests.diffloop.tiny_models import seeded

from diffloop.diffedit import diffedit
from diffloop.euler import euler_sample
from diffloop.guidance import Guidance
from diffloop.image_to_image import image_to_image
from diffloop.inpainting import inpaint
from diffloop.instruct_pix2pix import instruct, instructed_model
from diffloop.ladders import trained_levels
from diffloop.pretrained import FAMILIES, load
from diffloop.scheduler_file import FLOW_REFUSED, flow_settings
from diffloop.stable_diffusion import StableDiffusion
from diffloop.stable_diffusion_3 import StableDiffusion3
from diffloop.stable_diffusion_xl import StableDiffusionXL
from diffloop.text_to_image import encode_prompts, text_to_image

LIMIT = 1e-5
PROMPTS = ["a red circle", "two Blue Squares on grey"]
NEGATIVE = ["large green", "a circle"]
NO_T5 = {"text_encoder_3": None, "tokenizer_3": None}
UNSAFE = {"safety_checker": None, "requires_safety_checker": False}


@dataclass
class Row:
    """A family, and the names of its pipelines in Diffusers, without "Pipeline"."""

    build: Any  # (folder) -> the folder, with a random checkpoint
    models: type
    text: str
    image: str | None  # None: there is none from image to image
    parts: dict  # what the pipelines are loaded with
    call: dict = field(default_factory=dict)  # what they are called with
    channels: int = 4  # of latents
    edits: bool = False  # whether it edits pictures by instruction, and nothing else


ROWS = {
    "sd eps": Row(build, StableDiffusion, "StableDiffusion", "StableDiffusionImg2Img", UNSAFE),
    "sd v": Row(
        partial(build, seed=1, prediction_type="v_prediction"),
        StableDiffusion, "StableDiffusion", "StableDiffusionImg2Img", UNSAFE,
    ),
    "sdxl": Row(build_xl, StableDiffusionXL, "StableDiffusionXL", "StableDiffusionXLImg2Img", {}),
    "sd3": Row(build_3, StableDiffusion3, "StableDiffusion3", "StableDiffusion3Img2Img", {}, channels=16),
    "sd3 without t5": Row(
        partial(build_3, with_t5=False, seed=1),
        StableDiffusion3, "StableDiffusion3", "StableDiffusion3Img2Img", NO_T5, channels=16,
    ),
    "pix2pix": Row(build_pix2pix, StableDiffusion, "StableDiffusionInstructPix2Pix", None, UNSAFE, edits=True),
}  # fmt: skip
IMAGES = [name for name, row in ROWS.items() if row.image]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """name -> folder, built when first asked for."""
    made = {}

    def folder(name):
        if name not in made:
            made[name] = ROWS[name].build(tmp_path_factory.mktemp("family"))
        return made[name]

    return folder


@pytest.fixture(scope="module")
def ours(folders):
    made = {}
    return lambda name: made[name] if name in made else made.setdefault(name, load(folders(name)))


@pytest.fixture
def copy(folders, tmp_path):
    return lambda name: shutil.copytree(folders(name), tmp_path / "copy")


def pipeline(folder, name, **parts):
    pipe = getattr(diffusers, f"{name}Pipeline").from_pretrained(folder, **parts)
    pipe.set_progress_bar_config(disable=True)
    return lambda *args, **how: pipe(*args, output_type="pt", generator=seeded(), **how).images


def pictures(size=(64, 64)):
    return torch.rand(2, 3, *size, generator=seeded(5))


def assert_same(a, b):
    assert a.shape == b.shape
    assert a.std() > 0.05  # a picture, not a flat square
    assert (a - b).abs().max().item() < LIMIT


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(
    ("s", "negative", "size"), [(1.0, None, (64, 64)), (5.0, None, (64, 64)), (5.0, NEGATIVE, (48, 72))]
)
def test_prompts_to_images(folders, ours, name, s, negative, size):
    row, models = ROWS[name], ours(name)
    pipe = pipeline(folders(name), row.text, **row.parts)
    theirs = {"num_inference_steps": 4, "guidance_scale": s} | row.call
    if negative is not None:
        theirs["negative_prompt"] = negative
    if not row.edits:
        guidance = Guidance(s, negative=negative)
        a = text_to_image(models, PROMPTS, generator=seeded(), steps=4, guidance_scale=guidance, size=size)
        b = pipe(PROMPTS, height=size[0], width=size[1], **theirs)
        other = text_to_image(models, PROMPTS[::-1], generator=seeded(), steps=4, guidance_scale=guidance, size=size)
    else:
        own = 1.4 if s > 1 else 1.0
        how = {"guidance_scale": s, "image_guidance_scale": own, "negative": negative, "steps": 4}
        a = instruct(models, pictures(size), PROMPTS, generator=seeded(), **how)
        b = pipe(PROMPTS, pictures(size), image_guidance_scale=own, **theirs)
        other = instruct(models, pictures(size), PROMPTS[::-1], generator=seeded(), **how)
    assert_same(a, b)
    assert (a - other).abs().max() > 0.01  # the prompts count


@pytest.mark.parametrize("name", ROWS)
def test_the_class_and_what_it_says(ours, name):
    models = ours(name)
    assert type(models) is ROWS[name].models
    assert (models.scale, models.inpaints, models.device.type, models.dtype) == (4, False, "cpu", torch.float32)
    assert models.latent_channels == ROWS[name].channels
    assert "Linear" not in repr(models)
    assert not any(p.requires_grad for p in models.network.parameters())


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_image_to_image(folders, ours, name, strength):
    """5 steps, so that strength is a whole number of them: Stable Diffusion 3's pipeline rounds up, the others down."""
    row, size = ROWS[name], (48, 64)
    how = Guidance(4.0, negative=NEGATIVE)
    a = image_to_image(
        ours(name), pictures(size), PROMPTS, generator=seeded(), steps=5, strength=strength, guidance_scale=how
    )
    theirs = {"num_inference_steps": 5, "strength": strength, "guidance_scale": 4.0, "negative_prompt": NEGATIVE}
    if "sd3" in name:
        theirs |= {"height": size[0], "width": size[1]}  # it resizes to the trained size otherwise
    assert_same(a, pipeline(folders(name), row.image, **row.parts)(PROMPTS, image=pictures(size), **theirs))


@pytest.mark.parametrize("name", ["sdxl", "sd3"])
def test_the_other_loops(ours, name):
    """Replacement keeps what an all-keep mask keeps; DiffEdit runs under a condition of several tensors."""
    models, images = ours(name), pictures()
    kept = inpaint(models, images, torch.zeros(2, 1, 64, 64), PROMPTS, generator=seeded(), steps=2, paste_back=False)
    torch.testing.assert_close(kept, models.decode(models.encode(images, generator=seeded())))
    out, masks = diffedit(models, images, PROMPTS, NEGATIVE, generator=seeded(), steps=4, n=2)
    assert out.isfinite().all()
    assert masks.shape == (2, 16, 16)


@pytest.mark.parametrize("name", ["sd eps", "sdxl", "sd3"])
def test_compiled(folders, ours, name, monkeypatch):
    """torch.compile follows the network's call in one piece; what its compiler makes of that is not asked for here."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager", fullgraph=True))
    models, how = load(folders(name), compile=True), {"steps": 2, "guidance_scale": 3.0}
    assert models.graphs.compiled
    pictures = text_to_image(models, PROMPTS, generator=seeded(), **how)
    assert torch.equal(pictures, text_to_image(ours(name), PROMPTS, generator=seeded(), **how))


def test_inpainting_with_an_xl_unet_of_9_channels(tmp_path):
    folder, mask = build_xl(tmp_path, channels=9), torch.zeros(2, 1, 64, 64)
    mask[:, :, 16:50, 20:] = 1
    models, how = load(folder), {"strength": 1.0, "guidance_scale": 4.0}
    assert models.inpaints
    a = inpaint(models, pictures(), mask, PROMPTS, generator=seeded(), steps=3, paste_back=False, **how)
    pipe = pipeline(folder, "StableDiffusionXLInpaint")
    theirs = {"image": pictures(), "mask_image": mask, "height": 64, "width": 64, "num_inference_steps": 3}
    assert_same(a, pipe(PROMPTS, **theirs, **how))
    with pytest.raises(ValueError, match="is for inpainting"):
        text_to_image(models, PROMPTS, generator=seeded())


def test_xl_is_told_other_sizes(folders, ours):
    models = dataclasses.replace(ours("sdxl"), original_size=(128, 96), crop=(8, 0))
    a = text_to_image(models, PROMPTS, generator=seeded(), steps=2, guidance_scale=3.0)
    pipe = pipeline(folders("sdxl"), "StableDiffusionXL")
    theirs = {"num_inference_steps": 2, "guidance_scale": 3.0, "original_size": (128, 96)}
    assert_same(a, pipe(PROMPTS, crops_coords_top_left=(8, 0), **theirs))
    plain = text_to_image(ours("sdxl"), PROMPTS, generator=seeded(), steps=2, guidance_scale=3.0)
    assert (a - plain).abs().max() > 1e-4


@pytest.mark.parametrize("force_zeros", [True, False])
def test_no_prompt_is_zeros_or_the_empty_one(tmp_path, force_zeros):
    models = load(build_xl(tmp_path, force_zeros=force_zeros))
    none, empty, both = (models.encode_text(prompts) for prompts in ([None], [""], [None, "a circle", "", None]))
    assert (none.text.abs().max() == 0) == force_zeros == (none.pooled.abs().max() == 0)
    torch.testing.assert_close(none.text if not force_zeros else both.text[2:3], empty.text)
    assert torch.equal(both.text[0], both.text[3])
    if not force_zeros:
        a = text_to_image(models, PROMPTS, generator=seeded(), steps=2, guidance_scale=3.0)
        pipe = pipeline(tmp_path, "StableDiffusionXL")
        assert_same(a, pipe(PROMPTS, num_inference_steps=2, guidance_scale=3.0))


def test_xl_with_the_solver_that_it_was_published_with(copy):
    """Diffusers' Euler goes to clean data in Karras' scale: DDIM over the same timesteps, if its ladder ends there."""
    folder = copy("sdxl")
    edit(folder / "scheduler/scheduler_config.json", _class_name="EulerDiscreteScheduler")
    edit(folder / "model_index.json", scheduler=["diffusers", "EulerDiscreteScheduler"])
    with pytest.warns(UserWarning, match="published with EulerDiscrete; you sample with DDIM"):
        models = load(folder)
    to_clean = trained_levels(models.alphas_cumprod, [level.t for level in models.levels(4)[:-1]])
    a = text_to_image(models, PROMPTS, generator=seeded(), timesteps=to_clean, guidance_scale=3.0)
    b = pipeline(folder, "StableDiffusionXL")(PROMPTS, num_inference_steps=4, guidance_scale=3.0)
    assert_same(a, b)


@pytest.mark.parametrize("shift", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("T", [50, 1000])
@pytest.mark.parametrize("steps", [1, 2, 28])
def test_the_ladder_of_a_flow(ours, shift, T, steps):
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=T, shift=shift)
    scheduler.set_timesteps(steps)
    settings, note = flow_settings(json.loads(scheduler.to_json_string()), Path("somewhere"))
    assert note == ""
    levels = dataclasses.replace(ours("sd3"), **settings).levels(steps)
    noise, t = (torch.tensor([getattr(level, key) for level in levels]) for key in ("noise", "t"))
    torch.testing.assert_close(noise, scheduler.sigmas, atol=2e-7, rtol=1e-6)
    torch.testing.assert_close(t[:-1], scheduler.timesteps, atol=2e-4, rtol=1e-6)
    assert all(level.signal == 1 - level.noise for level in levels)


def test_a_flow_over_timesteps_of_ones_own(ours):
    models = ours("sd3")
    levels = models.levels(3, [1000, 400.5, 20])
    assert [level.t for level in levels] == [1000, 400.5, 20, 0]
    assert levels[1].noise == pytest.approx(0.4005)
    by_levels = text_to_image(models, PROMPTS, generator=seeded(), timesteps=levels, sampler=euler_sample)
    by_times = text_to_image(models, PROMPTS, generator=seeded(), timesteps=[1000, 400.5, 20])
    torch.testing.assert_close(by_levels, by_times, atol=1e-5, rtol=0)  # Euler and DDIM are one on a flow
    for wrong in ([], [10, 10], [5, 10], [1001], [0], [3, -1]):
        with pytest.raises(ValueError, match=r"timesteps is .*must fall, be in \(0, 1000\]"):
            models.levels(3, wrong)


def test_sizes_of_a_transformer(ours):
    models = ours("sd3")
    for size in ((64, 60), (60, 64), (0, 64), (64,), 64):
        with pytest.raises(ValueError, match="multiples of 8"):
            text_to_image(models, PROMPTS, generator=seeded(), size=size)
    with pytest.raises(ValueError, match="positions for 96 pixels"):
        text_to_image(models, PROMPTS, generator=seeded(), size=(64, 104))
    with pytest.raises(ValueError, match="multiples of 8"):
        image_to_image(models, pictures((64, 60)), PROMPTS, generator=seeded())


def test_each_prompt_is_encoded_once_by_each_encoder(ours, monkeypatch):
    models, calls = ours("sd3"), []
    for name in ("text_encoder", "text_encoder_2", "text_encoder_3", "transformer"):
        module = getattr(models, name)
        module.register_forward_pre_hook(
            lambda _, args, kwargs, name=name: calls.append((name, len(args[0] if args else kwargs["hidden_states"]))),
            with_kwargs=True,
        )
    text_to_image(models, ["a circle"] * 3, generator=seeded(), steps=2)
    for name in ("text_encoder", "text_encoder_2", "text_encoder_3", "transformer"):
        getattr(models, name)._forward_pre_hooks.clear()
    assert calls == [("text_encoder", 2), ("text_encoder_2", 2), ("text_encoder_3", 2), *[("transformer", 6)] * 2]


@pytest.mark.parametrize("name", ["sdxl", "sd3"])
def test_what_a_context_cuts_is_named(ours, name):
    with pytest.warns(UserWarning, match="takes 16; lost: 'red'"):
        encode_prompts(ours(name), ["a " * 14 + "red"])


def test_the_t5_cuts_at_256(ours):
    with pytest.warns(UserWarning, match="takes 256; lost: 'red red'"):
        encode_prompts(ours("sd3"), ["a " * 255 + "red red"])


# Editing by instruction


def test_the_two_scales_of_an_edit(ours, monkeypatch):
    """e(0, 0) + s_I * (e(image, 0) - e(0, 0)) + s_T * (e(image, text) - e(image, 0)), with the calls that it needs."""
    models, images = ours("pix2pix"), pictures()
    x_t, level = torch.randn(2, 4, 16, 16, generator=seeded()), models.levels(3)[0]
    z = models.vae.encode(2 * images - 1).latent_dist.mode()  # not scaled
    text, none = models.encode_text(PROMPTS), models.encode_text([None, None])
    both, image, neither = (
        models.predict(x_t, level, t, extra=picture) for t, picture in ((text, z), (none, z), (none, 0 * z))
    )
    sizes, predict = [], StableDiffusion.predict
    monkeypatch.setattr(
        StableDiffusion, "predict", lambda *args, **how: (sizes.append(len(args[1])), predict(*args, **how))[1]
    )
    for s_t, s_i, calls in [(7.5, 1.5, 3), (1, 1, 1), (1, 1.5, 3), (7.5, 1, 2), (3, 3, 2), (0, 0, 1), (0, 1, 1)]:
        expected = neither + s_i * (image - neither) + s_t * (both - image)
        torch.testing.assert_close(instructed_model(models, images, PROMPTS, s_t, s_i)(x_t, level), expected)
        assert sizes.pop() == 2 * calls


def test_an_edit_that_cannot_be(ours):
    models, images, how = ours("pix2pix"), pictures(), {"generator": seeded()}
    with pytest.raises(ValueError, match=r"takes 4 channels; one that edits by instruction takes 8"):
        instruct(ours("sd eps"), images, PROMPTS, **how)
    with pytest.raises(ValueError, match=r"use diffloop.instruct_pix2pix.instruct"):
        text_to_image(models, PROMPTS, **how)
    with pytest.raises(ValueError, match="instructions is 'a red'"):
        instruct(models, images, "a red", **how)
    with pytest.raises(ValueError, match=r"negative has 1 instructions for 2 images"):
        instruct(models, images, PROMPTS, negative=["a"], **how)
    with pytest.raises(ValueError, match="guidance_scale is -1"):
        instruct(models, images, PROMPTS, image_guidance_scale=-1.0, **how)
    with pytest.raises(ValueError, match="one image per prompt"):
        instruct(models, images[:1], PROMPTS, **how)


# Files


def test_a_row_names_what_it_needs():
    for family in FAMILIES:
        assert family.mark in family.parts
        assert set(family.optional) <= set(family.parts)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("sdxl", "text_encoder_2"),
        ("sdxl", "tokenizer_2"),
        ("sdxl", "text_encoder"),
        ("sd3", "text_encoder_2"),
        ("sd3", "text_encoder_3"),
        ("sd3", "tokenizer_3"),
        ("sd3", "transformer"),
    ],
)
def test_a_part_that_is_missing_is_named(copy, name, part):
    shutil.rmtree((folder := copy(name)) / part)
    words = 'do without it: "text_encoder_3": ' if part == "text_encoder_3" else ""
    with pytest.raises(FileNotFoundError, match=rf"missing: {part}/.*{words}"):
        load(folder)


def test_a_checkpoint_without_its_index_is_told_by_its_parts(copy, folders):
    folder = copy("sd3")
    (folder / "model_index.json").unlink()
    assert load(folder).text_encoder_3 is not None
    shutil.rmtree(folder / "text_encoder_3")
    assert load(folder).text_encoder_3 is None
    xl = shutil.copytree(folders("sdxl"), folder.parent / "xl")
    (xl / "model_index.json").unlink()
    assert type(load(xl)) is StableDiffusionXL


def test_a_t5_that_the_index_leaves_out_is_not_loaded(copy):
    folder = copy("sd3")
    edit(folder / "model_index.json", text_encoder_3=[None, None], tokenizer_3=[None, None])
    models = load(folder)
    assert models.text_encoder_3 is models.tokenizer_3 is None
    assert models.encode_text(["a"]).states[:, 16:].abs().max() == 0


@pytest.mark.parametrize(
    ("name", "part", "changes", "words"),
    [
        ("sdxl", "unet", {"in_channels": 8}, r"takes 8 channels; it must be 4 \(text to image\) or 9 \(inpainting\)"),
        ("sdxl", "unet", {"out_channels": 8}, "gives 8 channels, the prediction and a learned variance"),
        ("sdxl", "unet", {"cross_attention_dim": 32}, "takes text of width 32, and the text encoders give 72"),
        ("sdxl", "unet", {"addition_embed_type": None}, "addition_embed_type is None; SDXL's is 'text_time'"),
        ("sdxl", "unet", {"projection_class_embeddings_input_dim": 64}, "told 64 numbers beside the text; it must be 72"),
        ("sdxl", "unet", {"time_cond_proj_dim": 8}, "time_cond_proj_dim is 8: an embedding of the guidance scale"),
        ("sdxl", "", {"requires_aesthetics_score": True}, "refiner"),
        ("sdxl", "", {"force_zeros_for_empty_prompt": 1}, "force_zeros_for_empty_prompt is 1; it must be true or false"),
        ("sdxl", "text_encoder_2", {"model_type": "t5"}, "text_encoder_2/ is a t5, not clip_text_model"),
        ("sdxl", "text_encoder_2", {"architectures": ["T5EncoderModel"]}, "text_encoder_2/ is a second text encoder"),
        ("sd3", "transformer", {"in_channels": 4}, "the transformer takes 4 channels; it must be the VAE's 16"),
        ("sd3", "transformer", {"out_channels": 32}, "the transformer gives 32 channels; it must be the VAE's 16"),
        ("sd3", "transformer", {"pooled_projection_dim": 24}, "takes 24 numbers of pooled text, and the CLIPs give 48"),
        ("sd3", "transformer", {"joint_attention_dim": 96}, "takes text of width 96, .* give 72, the T5 80"),
        ("sd3", "transformer", {"_class_name": "FluxTransformer2DModel"}, "transformer in place of the U-Net.* Flux"),
        ("sd3", "text_encoder_3", {"model_type": "mt5"}, "text_encoder_3/ is a mt5, not t5"),
        ("sd3", "scheduler", {"_class_name": "DDIMScheduler"}, "'DDIMScheduler'; .*FlowMatchEulerDiscreteScheduler"),
        ("sd3", "scheduler", {"shift": 0}, "shift is 0; it must be a number above 0"),
        ("sd3", "scheduler", {"num_train_timesteps": 0.5}, "num_train_timesteps is 0.5; it must be an integer >= 1"),
        ("sdxl", "scheduler", {"_class_name": "FlowMatchEulerDiscreteScheduler"}, "flow matching"),
        *(("sd3", "scheduler", {field: 1}, f"{field} is 1, which is not supported") for field in FLOW_REFUSED),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(copy, name, part, changes, words):
    files = {"": "model_index.json", "scheduler": "scheduler/scheduler_config.json"}
    edit((folder := copy(name)) / files.get(part, f"{part}/config.json"), **changes)
    if part == "transformer":
        edit(
            folder / "model_index.json", transformer=["diffusers", changes.get("_class_name", "SD3Transformer2DModel")]
        )
    with pytest.raises(ValueError, match=words) as error:
        load(folder)
    assert str(folder) in str(error.value)


def test_an_unknown_field_of_a_flow_is_told(copy):
    edit((folder := copy("sd3")) / "scheduler/scheduler_config.json", a_new_field=True)
    with pytest.warns(UserWarning, match=r"a_new_field \(unknown\), which we do not follow"):
        assert "a_new_field" in load(folder).note


@pytest.mark.parametrize(
    ("name", "key"), [("sdxl", "text_projection.weight"), ("sd3", "text_projection.weight"), ("sd3", "shared.weight")]
)
def test_weights_that_are_made_up_are_refused(copy, name, key):
    """Transformers only warns, and fills in random numbers."""
    part = "text_encoder_3" if key.startswith("shared") else "text_encoder_2"
    path = (folder := copy(name)) / part / "model.safetensors"
    weights = load_file(path)
    del weights[key]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ValueError, match=rf"{part} do not fit its config.json: .*{key.split('.')[0]}|embed_tokens"):
        load(folder)


@pytest.mark.parametrize("name", ["sdxl", "sd3"])
def test_variants_and_shards(copy, ours, name):
    folder, network = copy(name), ours(name).network
    as_variant(folder, "fp16")
    part = folder / ("unet" if name == "sdxl" else "transformer")
    (part / "diffusion_pytorch_model.fp16.safetensors").unlink()
    network.save_pretrained(part, max_shard_size="100KB", variant="fp16")
    assert len(list(part.glob("*-of-*.safetensors"))) > 1
    models = load(folder, variant="fp16")
    for a, b in zip(models.network.parameters(), network.parameters(), strict=True):
        assert torch.equal(a, b)
    with pytest.raises(FileNotFoundError, match=r"variant 'fp16'"):
        load(folder)


@pytest.mark.parametrize("name", ["sdxl", "sd3"])
def test_half_precision(folders, ours, name):
    """The VAE of SDXL stays in float32 in float16, as its config asks for, and not in bfloat16, which does not overflow."""
    exact = text_to_image(ours(name), PROMPTS, generator=seeded(), steps=2, guidance_scale=2.0)
    for dtype, limit in ((torch.float16, 0.02), (torch.bfloat16, 0.2)):
        models = load(folders(name), dtype=dtype)
        assert models.dtype == dtype
        full = name == "sdxl" and dtype == torch.float16
        assert models.vae.dtype == (torch.float32 if full else dtype)
        made = text_to_image(models, PROMPTS, generator=seeded(), steps=2, guidance_scale=2.0)
        assert made.dtype == torch.float32
        assert (made - exact).abs().max() < limit


def test_neighbouring_rows_of_a_ladder(ours):
    """A family's ladder falls, whatever the family."""
    for name in ROWS:
        levels = ours(name).levels(5)
        assert len(levels) == 6
        assert all(a.sigma > b.sigma for a, b in pairwise(levels))
