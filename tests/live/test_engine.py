"""The networks as they are exported, run by ONNX Runtime Web in Node: the pictures of diffloop, from the same seeds."""

from __future__ import annotations

import gzip
import json
from functools import partial
from itertools import product
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from diffloop.attention import cross_attention_maps, word_map, word_positions
from diffloop.ddim import ddim_sample
from diffloop.ddpm import ddpm_sample
from diffloop.diffedit import diffedit, encode
from diffloop.diffedit_mask import binary_masks, contrast_map
from diffloop.distillation import under
from diffloop.dpm_solver import dpm_solver_sample
from diffloop.guidance import Guidance
from diffloop.guided_distillation import unet_student
from diffloop.heun import heun_sample
from diffloop.image_to_image import image_to_image, last_levels
from diffloop.inpainting import inpaint
from diffloop.ladders import trained_levels
from diffloop.schedules import spaced_timesteps
from diffloop.text_to_image import decode_latents, encode_prompts, text_to_image
from tinyworld.captions import parse
from tinyworld.models import load_unet

from .conftest import ROOT, STUDENT
from .node import in_node, needs_node

pytestmark = [needs_node, pytest.mark.slow]
PROMPT = "a large red ball left of a small blue cube on grass"
OPEN = """
import { readFile } from "node:fs/promises";
const read = async (url, onBytes = () => {}) => {
  const bytes = new Uint8Array(await readFile(url));
  onBytes(bytes.length);
  return unzipped(bytes);
};
const seen = [];
const engine = await Engine.open(given.base, { device: "wasm", threads: 1, read, onProgress: (...all) => seen.push(all) });
"""
DRAW = """
const found = {};
for (const [name, request] of Object.entries(given.requests)) {
  for (const key of ["image", "mask", "noise"]) if (request[key]) request[key] = f32(request[key]);
  const steps = [];
  for await (const step of engine.draw(request)) steps.push(step);
  found[name] = { steps: steps.map(({ t, x0, state, pixels, maps }) => ({ t, pixels, ...(request.all ? { x0, state, maps } : {}) })) };
}
"""
EDIT = """
const image = f32(given.mask.image);
found["edit mask"] = await editMask(engine, { ...given.mask, image }, new Generator(given.mask.seed));
for (const [name, { mask, ...request }] of Object.entries(given.edits)) {
  const steps = [], asked = { ...request, image, maps: true, ...(mask ? { mask: f32(mask) } : {}) };
  for await (const step of diffedit(engine, asked)) steps.push({ ...step, maps: step.maps?.length });
  found[`edit: ${name}`] = { steps };
}
"""


def run(script: str, given: dict, served: Path, folder: Path):
    given = {"base": served.as_uri() + "/", **given}
    modules = {"from_engine": "Engine", "from_files": "unzipped", "from_diffedit": "diffedit, editMask"}
    return in_node(OPEN + script, given, folder, from_noise="Generator", **modules)


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    """A picture with two colours, (1, 3, 64, 64)."""
    image = torch.full((1, 3, 64, 64), 0.25)
    image[:, 0, 20:44, 24:48] = 0.9
    return image


@pytest.fixture(scope="module")
def mask() -> torch.Tensor:
    """The middle is to be redrawn."""
    mask = torch.zeros(1, 1, 64, 64)
    mask[:, :, 16:48, 16:52] = 1
    return mask


REQUESTS = {
    "ddim": {"scale": 4.0, "steps": 8},
    "unguided": {"scale": 1.0, "steps": 4},
    "unconditional": {"scale": 0.0, "steps": 3},
    "negative": {"scale": 3.0, "steps": 4, "negative": "a green ring at night"},
    "eta": {"scale": 4.0, "steps": 5, "eta": 1.0},
    "ddpm": {"scale": 4.0, "steps": 5, "sampler": "ddpm"},
    "dpm-solver": {"scale": 4.0, "steps": 6, "sampler": "dpm-solver"},
    "heun": {"scale": 4.0, "steps": 3, "sampler": "heun"},
}
PYTHON = {
    "eta": partial(ddim_sample, eta=1.0),
    "ddpm": ddpm_sample,
    "dpm-solver": dpm_solver_sample,
    "heun": heun_sample,
}


@pytest.fixture(scope="module")
def drawn(served, picture, mask, tmp_path_factory):
    """What the engine draws, all of it in one process."""
    requests = {name: {"prompt": PROMPT, "seed": 7, **request} for name, request in REQUESTS.items()}
    requests["ddim"] |= {"all": True, "maps": True, "show": "x0"}
    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(99))
    requests["given noise"] = {"prompt": PROMPT, "noise": noise.flatten().tolist(), "scale": 4.0, "steps": 3}
    requests["student"] = {"prompt": PROMPT, "seed": 7, "scale": 3.0, "steps": 4, "unet": "steps-4"}
    edit = {"prompt": "a blue ball on snow", "seed": 5, "scale": 4.0, "image": picture.flatten().tolist()}
    requests["image to image"] = {**edit, "strength": 0.6, "steps": 10}
    requests["nothing"] = {**edit, "strength": 0, "steps": 10}
    requests["inpainting"] = {**edit, "mask": mask.flatten().tolist(), "steps": 5}
    requests["gentle inpainting"] = {**edit, "mask": mask.flatten().tolist(), "steps": 10, "strength": 0.5}
    source = {"source": "a red cube", "image": picture.flatten().tolist()}
    given = {"requests": requests, "mask": source | {"target": "a blue ball on snow", "n": 3, "seed": 2}}
    whole = {"prompt": "a blue ball on snow", "seed": 4, "scale": 3.0, "steps": 8, "strength": 0.75, "n": 2}
    given["edits"] = {"found": source | whole, "given": source | whole | {"mask": [1] * 128 + [0] * 128}}
    given["edits"]["nothing"] = given["edits"]["given"] | {"strength": 0}
    script = DRAW + EDIT + "found.seen = seen; say(found);"
    return run(script, given, served, tmp_path_factory.mktemp("engine"))


def pixels(drawn, name: str) -> torch.Tensor:
    return torch.tensor(drawn[name]["steps"][-1]["pixels"]).reshape(1, 3, 64, 64)


def close(got: torch.Tensor, want: torch.Tensor) -> None:
    assert_close(got, want, atol=1 / 255, rtol=0)
    assert (got - want).abs().mean() < 1e-4


@pytest.mark.parametrize("name", REQUESTS)
def test_a_seed_draws_the_picture_of_text_to_image(drawn, models, name):
    request = REQUESTS[name]
    how = Guidance(request["scale"], negative=[request["negative"]] if "negative" in request else None)
    generator, sampler = torch.Generator().manual_seed(7), PYTHON.get(name, ddim_sample)
    settings = {"steps": request["steps"], "guidance_scale": how, "sampler": sampler}
    close(pixels(drawn, name), text_to_image(models, [PROMPT], generator=generator, **settings))


def test_so_does_noise_that_is_handed_over(drawn, models):
    noise = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(99))
    close(pixels(drawn, "given noise"), text_to_image(models, [PROMPT], x_T=noise, steps=3, guidance_scale=4.0))


def test_a_student_draws_with_one_call_a_step(drawn, models):
    levels = trained_levels(models.alphas_cumprod, spaced_timesteps(4, spacing="trailing"))
    x_T = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(7))
    student = under(unet_student(load_unet(STUDENT)), (encode_prompts(models, [PROMPT]), torch.tensor([3.0])))
    with torch.no_grad():
        *_, x_0 = ddim_sample(student, x_T, levels, prediction="v")
    close(pixels(drawn, "student"), decode_latents(models, x_0))


@pytest.mark.parametrize(("name", "strength"), [("image to image", 0.6), ("nothing", 0.0)])
def test_image_to_image(drawn, models, picture, name, strength):
    how = {"strength": strength, "steps": 10, "guidance_scale": 4.0, "generator": torch.Generator().manual_seed(5)}
    close(pixels(drawn, name), image_to_image(models, picture, ["a blue ball on snow"], **how))


@pytest.mark.parametrize(("name", "strength", "steps"), [("inpainting", 1.0, 5), ("gentle inpainting", 0.5, 10)])
def test_inpainting(drawn, models, picture, mask, name, strength, steps):
    how = {"strength": strength, "steps": steps, "guidance_scale": 4.0, "generator": torch.Generator().manual_seed(5)}
    want = inpaint(models, picture, mask, ["a blue ball on snow"], **how)
    close(pixels(drawn, name), want)
    assert torch.equal(pixels(drawn, name)[:, :, :16], picture[:, :, :16])


def test_the_mask_of_diffedit(drawn, models, picture):
    how = {"n": 3, "steps": 50, "generator": torch.Generator().manual_seed(2)}
    want = contrast_map(models, picture, ["a red cube"], ["a blue ball on snow"], **how)
    got = torch.tensor(drawn["edit mask"]["map"]).reshape(1, 16, 16)
    assert_close(got, want, atol=1e-4, rtol=1e-3)
    assert (torch.tensor(drawn["edit mask"]["mask"]).reshape(1, 16, 16) != binary_masks(want)).sum() <= 1  # a tie


@pytest.mark.parametrize("name", ["found", "given", "nothing"])
def test_an_edit_is_that_of_diffedit(drawn, models, picture, name):
    masks = None if name == "found" else torch.tensor([1.0] * 128 + [0.0] * 128).reshape(1, 16, 16)
    how = {"steps": 8, "guidance_scale": 3.0, "n": 2, "masks": masks, "strength": 0.0 if name == "nothing" else 0.75}
    generator = torch.Generator().manual_seed(4)
    want, mask = diffedit(models, picture, ["a red cube"], ["a blue ball on snow"], generator=generator, **how)
    first, *rest = drawn[f"edit: {name}"]["steps"]
    assert first["phase"] == "mask"
    assert_close(torch.tensor(first["mask"]).float().reshape(1, 16, 16), mask, atol=0, rtol=0)
    close(pixels(drawn, f"edit: {name}"), want)
    up, down = ([step for step in rest if step["phase"] == phase] for phase in ("encode", "draw"))
    count = 0 if name == "nothing" else 6
    assert [step["step"] for step in up] == list(range(count))
    assert [step["step"] for step in down] == (list(range(count)) or [-1])
    assert {step["steps"] for step in [first, *up, *down]} == {count}
    assert {step.get("maps") for step in down} == ({32 * 256} if count else {None})


def test_the_way_up_is_that_of_encode(drawn, models, picture):
    generator = torch.Generator().manual_seed(4)
    levels = last_levels(models.levels(8), 0.75)
    *want, _ = encode(models, picture, levels, generator=generator)
    found = [step for step in drawn["edit: given"]["steps"] if step["phase"] == "encode"]
    assert [step["t"] for step in found] == [level.t for level in reversed(levels[:-1])]
    for state, step in zip(reversed(want), found, strict=True):
        assert_close(torch.tensor(step["state"]).reshape(1, 4, 16, 16), state, atol=1e-3, rtol=1e-3)


def test_each_step_says_its_state_its_guess_and_where_it_looks(drawn, models):
    steps, levels = drawn["ddim"]["steps"], models.levels(8)
    assert [step["t"] for step in steps] == [level.t for level in levels[:-1]]
    last, before = steps[-1], torch.tensor(steps[-2]["state"]).reshape(1, 4, 16, 16)
    with cross_attention_maps(models.unet) as maps, torch.no_grad():
        text = encode_prompts(models, [PROMPT, ""])
        cond, uncond = models.predict(before.expand(2, -1, -1, -1), levels[-2], text)
    eps = uncond + 4.0 * (cond - uncond)
    x_0 = (before[0] - levels[-2].noise * eps) / levels[-2].signal
    assert_close(torch.tensor(last["x0"]).reshape(4, 16, 16), x_0, atol=1e-3, rtol=1e-3)
    found = torch.tensor(last["maps"]).reshape(32, 16, 16)
    assert_close(found.sum(0), torch.ones(16, 16))
    for word in ("red", "blue", "grass"):
        at = word_positions(models.tokenizer, PROMPT, word)
        assert_close(found[at].mean(0), word_map(maps, at, size=(16, 16))[0], atol=1e-4, rtol=1e-3)
    shown = torch.tensor(steps[-2]["pixels"]).reshape(1, 3, 64, 64)
    close(shown, decode_latents(models, torch.tensor(steps[-2]["x0"]).reshape(1, 4, 16, 16)))


def test_progress_ends_at_the_whole(drawn):
    read, total = drawn["seen"][-1]
    assert read == total < 22_000_000
    assert [n for n, _ in drawn["seen"]] == sorted(n for n, _ in drawn["seen"])


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"sampler": "euler"}, 'sampler is "euler"; choose one of ddim, ddpm, dpm-solver, heun'),
        ({"unet": "steps-3"}, 'unet is "steps-3"; choose one of tiny, steps-4'),
        ({"scale": -1}, "scale is -1; it must be a number >= 0"),
        ({"noise": [0.0, 1.0]}, "noise has 2 values; it must have 1024"),
    ],
)
def test_what_is_illegal_is_named(served, tmp_path, request_, message):
    script = DRAW.replace("const found", "try {\nconst found") + "say(''); } catch (error) { say(error.message); }"
    assert message in run(script, {"requests": {"one": {"prompt": PROMPT, **request_}}}, served, tmp_path)


def test_weights_are_the_checkpoints_own_in_half_precision(served):
    onnx, ir = pytest.importorskip("onnx"), pytest.importorskip("onnx_ir")
    manifest = json.loads((served / "manifest.json").read_text())
    data = gzip.decompress((served / manifest["unets"]["tiny"]["file"]).read_bytes())
    graph = ir.from_proto(onnx.load_model_from_string(data)).graph
    halves = {name: v.const_value for name, v in graph.initializers.items() if v.dtype == ir.DataType.FLOAT16}
    own = {f"unet.{name}.half": value for name, value in load_unet(ROOT / "models/tiny/unet").named_parameters()}
    assert set(halves) == set(own)
    for name, value in own.items():
        assert torch.equal(torch.from_numpy(halves[name].numpy().astype("float32")), value), name


def test_a_page_is_told_what_the_world_knows_and_how_much_it_loads(served):
    manifest = json.loads((served / "manifest.json").read_text())
    assert set(manifest["world"]["words"]["colour"]) <= set(manifest["world"]["colours"])
    words = manifest["world"]["words"]
    for ground, colour, thing, size in product(*(words[key] for key in ("ground", "colour", "thing", "size"))):
        said = parse(f"a {size} {colour} {thing} {ground}")
        assert (said.ground, said.things[0][:2]) == (parse(f"a ball {ground}").ground, (thing, colour))
    (line,) = [line for line in (served / "start.js").read_text().splitlines() if "const SIZES" in line]
    sizes = json.loads(line.partition("= ")[2].partition(";")[0])
    read = {path.name: path.stat().st_size for path in served.parent.glob("*.*")}
    named = lambda one: read[one["file"].removeprefix("../")]  # noqa: E731
    assert sizes["unets"] == {name: named(one) for name, one in manifest["unets"].items()}
    networks = manifest["networks"]
    assert sizes["always"] == named(networks["text_encoder"]) + named(networks["vae_decoder"])
    assert sizes["encoder"] == named(networks["vae_encoder"])
    assert sizes["runtimes"]["wasm"] == read[manifest["runtimes"]["wasm"]["binary"].removeprefix("../")]


def test_what_is_kept_is_used_again(served, packages):
    from live import bundle

    kept = served.parent / "kept"
    before = {path: path.stat().st_mtime_ns for path in kept.iterdir()}
    files = bundle.live_files(ROOT / "models/tiny", {"steps-4": STUDENT}, kept=kept, **packages)
    assert {path: path.stat().st_mtime_ns for path in kept.iterdir()} == before
    assert {name for name in files if name.endswith("engine.js")} == {f"{served.name}/engine.js"}
