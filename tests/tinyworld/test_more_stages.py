"""The stages on top of the trained U-Net: resumed to the bit, exported, and loaded by what the posts call."""

import csv
import shutil
from pathlib import Path

import pytest
import torch
from tests.tinyworld.conftest import LATER, STUDENTS
from tests.tinyworld.test_training import ONE_STEP

from diffloop.levels import vp_level
from tinyworld.batches import captions_at
from tinyworld.budget import Budget
from tinyworld.captions import parse
from tinyworld.checkpoint import load_checkpoint
from tinyworld.models import load_unet
from tinyworld.noised_clip import encode_noised, load_noised_clip, make_noised_clip
from tinyworld.patches import guided_pixel_model, pixel_model
from tinyworld.sampling import encode_text
from tinyworld.stage_export_more import NETWORKS, export_more
from tinyworld.stage_glide import generate_glide
from tinyworld.stage_guided import sample_student, train_guided, trained_student
from tinyworld.stage_inpaint import measure_inpaint, random_masks, with_channels
from tinyworld.stage_noised_clip import measure_noised_clip
from tinyworld.stage_unet import trained_parts
from tinyworld.stage_web import measure_web

NEEDED = ("oracle", "vae", "clip", "unet")


@pytest.fixture
def start(runs, tmp_path):
    """A function that copies what the new stages stand on into a fresh runs folder."""

    def copy(name: str) -> Path:
        for stage in NEEDED:
            shutil.copytree(runs / stage, tmp_path / name / stage)
        shutil.copytree(runs / "world", tmp_path / name / "world", dirs_exist_ok=True)
        shutil.copy(runs / "latents.pt", tmp_path / name)
        return tmp_path / name

    return copy


def losses(folder: Path) -> list[list[str]]:
    with open(folder / "curve.csv", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("stage", list(LATER))
def test_stopped_after_every_step_gives_the_same_losses(stage, world, start):
    alone, stopped = start("alone"), start("stopped")
    LATER[stage](world, alone, Budget(3))
    for call in range(1, 4):
        assert LATER[stage](world, stopped, Budget(3, ONE_STEP))["step"] == call
    assert losses(alone / stage) == losses(stopped / stage)
    assert len(losses(alone / stage)) == 4


def test_students_go_on_where_they_were_stopped(world, start):
    """Round by round, and a finished round is left alone: the next one began from it."""
    alone, stopped = start("alone"), start("stopped")
    rounds = {2: 2, 1: 2}
    for folder in (alone, stopped):
        LATER["guided"](world, folder, Budget(2))
    STUDENTS(world, alone, Budget(None), rounds=rounds)
    seen = []
    for _ in range(4):
        STUDENTS(world, stopped, Budget(None, ONE_STEP), rounds=rounds)
        seen.append([n for n in (2, 1) if (stopped / f"student-{n}" / "checkpoint.pt").exists()])
    assert seen[0] == [2]
    assert seen[-1] == [2, 1]
    for n in rounds:
        a, b = (load_checkpoint(f / f"student-{n}" / "checkpoint.pt", f"student-{n}") for f in (alone, stopped))
        assert a["finished"]
        assert all(torch.equal(a["ema"]["unet"][k], b["ema"]["unet"][k]) for k in a["ema"]["unet"])
    kept = (alone / "student-2" / "checkpoint.pt").read_bytes()
    STUDENTS(world, alone, Budget(None), rounds={2: 4, 1: 2})
    assert (alone / "student-2" / "checkpoint.pt").read_bytes() == kept


def test_the_student_learns(world, start):
    """Stage 1 starts as a network of noise that is read as one of v: its loss must fall from there."""
    runs = start("learns")
    train_guided(world, runs, Budget(60), batch=8, samples=1)
    values = [float(row[2]) for row in losses(runs / "guided")[1:]]
    assert sum(values[-10:]) < 0.8 * sum(values[:10])


def test_exported_networks_load_and_draw(world, start, tmp_path):
    runs = start("all")
    with pytest.raises(ValueError, match="holds none of guided"):
        export_more(runs, tmp_path / "models")
    for stage in LATER.values():
        stage(world, runs, Budget(1))
    STUDENTS(world, runs, Budget(1), rounds={8: 1, 4: 1})
    sizes = export_more(runs, tmp_path / "models")
    assert {name.removesuffix(" MB") for name in sizes} == set(NETWORKS) - {
        "tiny-students/steps-2",
        "tiny-students/steps-1",
    }
    parts = trained_parts(runs)
    text = encode_text(parts, ["a red ball on grass", "a blue cube at night"])
    student = load_unet(tmp_path / "models" / "tiny-students" / "steps-4")
    for name, value in trained_student(runs, "student-4").state_dict().items():
        assert torch.allclose(student.state_dict()[name], value, atol=2e-3, rtol=2e-3)
    generators = [torch.Generator().manual_seed(i) for i in range(2)]
    x_0 = sample_student(student, text, torch.tensor([1.0, 5.0]), steps=4, generators=generators)
    assert x_0.shape == (2, 4, 16, 16)
    assert x_0.isfinite().all()
    base, upsampler = (load_unet(tmp_path / "models" / "tiny-glide" / name) for name in ("base", "upsampler"))
    small, large = generate_glide(base, upsampler, parts, ["a red ball on grass"], steps=(2, 2))
    assert (small.shape, large.shape) == ((1, 3, 32, 32), (1, 3, 64, 64))
    encoder = load_noised_clip(tmp_path / "models" / "tiny-glide" / "noised-clip")
    assert encode_noised(encoder, x_0, torch.tensor([0, 999])).shape == (2, encoder.config.projection_dim)
    assert set(measure_noised_clip(runs, world, n=4, group=2)) == {
        f"top-1 of 2 at t = {t}" for t in range(0, 1000, 200)
    }
    assert set(measure_web(runs, world, n=2)) == {"guidance 1", "guidance 4", "ideal at 1"}
    assert set(measure_inpaint(runs, world, n=2)) == {"trained for it", "by replacement"}
    broken = tmp_path / "models" / "tiny-inpaint" / "diffusion_pytorch_model.safetensors"
    broken.write_bytes(broken.read_bytes()[:-10])
    with pytest.raises(ValueError, match="is truncated"):
        load_unet(tmp_path / "models" / "tiny-inpaint")


def test_new_channels_change_nothing_at_first(runs):
    """An inpainting U-Net starts as the U-Net that it was; one for pixels keeps the inner weights only."""
    unet = trained_parts(runs).unet
    text, x_t = torch.randn(2, 32, unet.config.cross_attention_dim), torch.randn(2, 4, 16, 16)
    wider = with_channels(unet, 9)
    with torch.no_grad():
        assert torch.allclose(
            wider(torch.cat([x_t, torch.randn(2, 5, 16, 16)], 1), 7, text).sample, unet(x_t, 7, text).sample, atol=1e-5
        )
    pixels = with_channels(unet, 12, 12)
    same = [k for k, v in unet.state_dict().items() if torch.equal(v, pixels.state_dict()[k])]
    assert len(same) >= len(unet.state_dict()) - 4


def test_random_masks_are_holes():
    labels = torch.zeros(200, 64, 64, dtype=torch.long)
    labels[:, 20:30, 20:30] = 1
    masks = random_masks(labels, torch.Generator().manual_seed(0))
    assert masks.shape == (200, 1, 64, 64)
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    shares = masks.mean((1, 2, 3))
    assert shares.min() > 0.01
    assert 0.05 < (shares == 1).float().mean() < 0.2
    assert ((masks[:, 0] >= (labels == 1).float()).all((1, 2)).float().mean()) > 0.3  # some cover the thing


def test_pixels_go_through_squares_and_back():
    """A network that returns its input returns the picture; text states follow the halves of a guided call."""
    x_t = torch.arange(2 * 3 * 8 * 8).float().reshape(2, 3, 8, 8)

    class Same(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, x, t, encoder_hidden_states, return_dict):
            assert x.shape[1:] == (48, 2, 2)
            return (x + encoder_hidden_states.mean((1, 2))[:, None, None, None],)

    cond, uncond = torch.ones(2, 4, 5), torch.zeros(1, 4, 5)
    assert torch.equal(pixel_model(Same(), uncond, patch=4)(x_t, vp_level(0.5, 3)), x_t)
    without, with_text = guided_pixel_model(Same(), cond, uncond, patch=4)(x_t, vp_level(0.5, 3))
    assert torch.equal(without, x_t)
    assert torch.equal(with_text, x_t + 1)


def test_the_noised_clip_knows_the_time():
    torch.manual_seed(0)
    encoder = make_noised_clip(32, 2).eval()
    x_t = torch.randn(1, 4, 16, 16).expand(3, -1, -1, -1)
    a, b, c = encode_noised(encoder, x_t, torch.tensor([0, 500, 501]))
    assert (a - b).norm() > (b - c).norm() > 0


def test_captions_follow_the_generator(world):
    rows = world.take("train", "rows", slice(0, 32))
    first, again = (captions_at(rows, torch.Generator().manual_seed(3)) for _ in range(2))
    assert first == again
    assert all(len(parse(text).things) == int(row[0]) for text, row in zip(first, rows, strict=True))
    dropped = captions_at(rows, torch.Generator().manual_seed(3), dropout=0.5)
    assert 4 < dropped.count("") < 28
