"""Tokenizer, oracle, and the exported folders: what they give, and what they say when something is wrong."""

import json
import shutil

import pytest
import torch
from diffusers import (
    DDIMInverseScheduler,
    StableDiffusionDiffEditPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
)

from tinyworld.captions import STYLES, caption
from tinyworld.models import load_clip, load_tiny, parts_of
from tinyworld.oracle import Oracle, bootstrap, frechet_distance, load_oracle, read, score, segment
from tinyworld.sampling import generate
from tinyworld.scene import attributes, decode, sample_scene
from tinyworld.stage_clip import said, tokenize, top1, true_of
from tinyworld.stage_export import export
from tinyworld.tokenizer import LENGTH, load_tokenizer, make_tokenizer


@pytest.fixture(scope="module")
def models(runs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    export(runs, folder)
    return folder


def test_any_text_tokenises_and_words_of_captions_are_one_token():
    tokenizer = make_tokenizer()
    for i in range(200):
        text = caption(sample_scene(i), i % STYLES)
        ids = tokenizer(text).input_ids
        assert len(ids) == 2 + len(text.replace(",", " ,").split()) <= LENGTH
    odd = "a mauve unicorn \u00e9\u4e2d\U0001f600"
    assert tokenizer.unk_token_id not in tokenizer(odd).input_ids[1:-1]
    assert len(tokenize(tokenizer, ["a red ball " * 30, ""])[0]) == LENGTH


def test_new_tokens_go_behind():
    tokenizer = make_tokenizer()
    size = len(tokenizer)
    assert tokenizer.add_tokens(["<thing>"]) == 1
    assert tokenizer("a <thing> on grass").input_ids[2] == size


def test_which_captions_are_true_of_a_picture():
    from tinyworld.scene import encode

    scene = sample_scene(2, count=2)
    rows = torch.tensor([encode(scene)])
    texts = [caption(scene, 3), caption(scene, 1, omit=("size", "ground")), caption(sample_scene(5, count=1))]
    assert true_of(rows, torch.tensor([said(t) for t in texts])).tolist() == [[True, True, False]]


def test_stable_diffusion_pipelines_load_and_agree_with_our_loop(models):
    pipeline = StableDiffusionPipeline.from_pretrained(models / "tiny", safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    assert {m.dtype for m in (pipeline.unet, pipeline.vae, pipeline.text_encoder)} == {torch.float32}
    text = "a red ball on grass"
    generator = torch.Generator().manual_seed(0)
    theirs = pipeline([text], num_inference_steps=5, guidance_scale=3.0, generator=[generator], output_type="pt").images
    ours = generate(parts_of(load_tiny(models / "tiny")), [text], guidance_scale=3.0, steps=5)
    torch.testing.assert_close(ours[0] / 255.0, theirs[0], atol=0.006, rtol=0)


def test_other_pipelines_run(models):
    loaded = load_tiny(models / "tiny")
    image = torch.rand(1, 3, 64, 64)
    options = {"prompt": "a red ball on grass", "image": image, "num_inference_steps": 4, "output_type": "pt"}
    for kind in (StableDiffusionImg2ImgPipeline, StableDiffusionInpaintPipeline):
        pipeline = kind(**loaded.components, requires_safety_checker=False)
        pipeline.set_progress_bar_config(disable=True)
        more = {"mask_image": torch.ones(1, 1, 64, 64)} if kind is StableDiffusionInpaintPipeline else {}
        more |= {"height": 64, "width": 64} if more else {}
        assert pipeline(**options, **more).images.shape == (1, 3, 64, 64)


def test_diffedit_runs(models):
    inverse = DDIMInverseScheduler.from_pretrained(models / "tiny", subfolder="scheduler")
    pipeline = StableDiffusionDiffEditPipeline.from_pretrained(
        models / "tiny", safety_checker=None, inverse_scheduler=inverse
    )
    pipeline.set_progress_bar_config(disable=True)
    image, prompts = torch.rand(1, 3, 64, 64), {"source_prompt": "a red ball", "target_prompt": "a blue cube"}
    mask = pipeline.generate_mask(image, **prompts, num_maps_per_mask=2, num_inference_steps=4)
    latents = pipeline.invert("a red ball", image=image, num_inference_steps=4, inpaint_strength=0.8).latents
    out = pipeline(
        "a blue cube",
        mask_image=mask,
        image_latents=latents,
        num_inference_steps=4,
        inpaint_strength=0.8,
        output_type="pt",
    )
    assert out.images.shape == (1, 3, 64, 64)


def test_clip_loads_and_ranks(models):
    clip, tokenizer = load_clip(models / "tiny-clip"), load_tokenizer(models / "tiny-clip")
    images = torch.zeros(3, 3, 64, 64, dtype=torch.uint8)
    assert top1(clip, tokenizer, images, ["a red ball"] * 3).tolist() == [1, 1, 1]


def test_pictures_do_not_depend_on_their_batch(models):
    parts = parts_of(load_tiny(models / "tiny"))
    texts = ["a red ball", "a blue cube on snow", "a pink ring at night"]
    together, split = generate(parts, texts, steps=3), generate(parts, texts, steps=3, batch=2)
    assert (together.int() - split.int()).abs().max() <= 1


@pytest.mark.parametrize("folder", ["tiny", "tiny-clip", "tiny-oracle"])
def test_a_truncated_or_missing_file_is_named(models, tmp_path, folder):
    load = {"tiny": load_tiny, "tiny-clip": load_clip, "tiny-oracle": load_oracle}[folder]
    with pytest.raises(ValueError, match="nowhere"):
        load(tmp_path / "nowhere")
    shutil.copytree(models / folder, tmp_path / folder)
    path = sorted((tmp_path / folder).rglob("*.safetensors"))[0]
    for keep in (1000, 4):
        path.write_bytes(path.read_bytes()[:keep])
        with pytest.raises(ValueError, match=path.name if folder != "tiny-oracle" else "tiny-oracle"):
            load(tmp_path / folder)


@pytest.mark.parametrize(("folder", "name"), [("tiny", "tiny.json"), ("tiny-oracle", "config.json")])
def test_another_version_is_named(models, tmp_path, folder, name):
    shutil.copytree(models / folder, tmp_path / folder)
    path = tmp_path / folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 2}))
    with pytest.raises(ValueError, match="version 2; this code reads version 1"):
        (load_tiny if folder == "tiny" else load_oracle)(tmp_path / folder)


class Sees(Oracle):
    """An oracle that always sees the scenes it was given."""

    def __init__(self, rows):
        super().__init__(8)
        self.rows = rows

    def forward(self, images):
        from tinyworld.oracle import HEADS

        _, features, masks = super().forward(images)
        rows = torch.tensor(self.rows).clamp(min=0)
        logits = {name: torch.eye(n)[rows[:, k]] for k, (name, n) in enumerate(HEADS.items())}
        return logits, features, masks


def test_score_counts_what_the_caption_says_and_nothing_else():
    from tinyworld.scene import encode

    scenes = [sample_scene(i, count=2) for i in range(4)]
    oracle, images = Sees([encode(s) for s in scenes]), torch.zeros(4, 3, 64, 64, dtype=torch.uint8)
    right = score(images, [caption(s, i) for i, s in enumerate(scenes)], oracle)
    assert right.by["all"] == (1.0, 1.0, 1.0)
    s = scenes[0]
    other = "red" if s.things[0].colour != "red" else "blue"
    wrong = f"a {other} {s.things[0].shape} left of a {s.things[1].colour} {s.things[1].shape}"
    found = score(images[:1], [wrong], Sees([encode(s)])).by
    assert found["colour"][0] == 0
    assert found["shape"][0] == found["count"][0] == 1
    assert "size" not in found
    turned = f"a {s.things[1].colour} {s.things[1].shape} and a {s.things[0].colour} {s.things[0].shape}"
    assert score(images[:1], [turned], Sees([encode(s)])).by["all"][0] == 1
    assert [attributes(x) for x in read(images, oracle)] == [attributes(decode(encode(x))) for x in scenes]
    assert segment(images, oracle).shape == (4, 2, 64, 64)
    with pytest.raises(ValueError, match="4 images, 1 captions"):
        score(images, ["a red ball"], oracle)
    with pytest.raises(ValueError, match=r"float32.*uint8"):
        score(images.float(), ["a red ball"] * 4, oracle)


def test_bootstrap_interval_of_a_coin():
    """400 draws with half of them 1: the interval of the mean is +- 1.96 * 0.5 / 20."""
    mean, low, high = bootstrap(torch.tensor([0.0, 1.0] * 200), 4000, torch.Generator().manual_seed(0))
    assert mean == 0.5
    assert high - low == pytest.approx(2 * 1.96 * 0.025, rel=0.1)


def test_frechet_distance_of_gaussians():
    """Two sets of one covariance whose means differ by a vector: the distance is its squared length."""
    a = torch.randn(500, 6, generator=torch.Generator().manual_seed(0))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a + 2.0) == pytest.approx(24.0, abs=1e-6)
    a = (a - a.mean(0)) / a.std(0)
    assert frechet_distance(a[:, :1], 3 * a[:, :1]) == pytest.approx(4.0, abs=1e-4)
    with pytest.raises(ValueError, match="at least 2"):
        frechet_distance(a[:1], a)
