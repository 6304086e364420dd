"""Whole loops against Diffusers' pipelines: random networks and the trained models/tiny, shared noise, 1/255 of the pixel
range.

What is measured is about 1e-6; the limit here is 1e-4, a fortieth of a grey level.
"""

import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from diffusers import (
    DDIMInverseScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    StableDiffusionDiffEditPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
)

from diffloop.ddim import ddim_sample
from diffloop.ddpm import ddpm_sample
from diffloop.diffedit import binary_masks, contrast_map, diffedit, encode, masked_decode
from diffloop.dpm_solver import dpm_solver_sample, dpm_solver_timesteps
from diffloop.guidance import Guidance
from diffloop.image_to_image import encode_images, image_to_image, last_levels
from diffloop.inpainting import inpaint
from diffloop.ladders import trained_levels
from diffloop.pretrained import load
from diffloop.text_to_image import decode_latents, encode_prompts, text_to_image

LIMIT = 1e-4
PROMPTS = ["a red circle", "two blue squares on grey"]
NEGATIVE = ["large green", "a circle"]
KINDS = ["eps", "v", "inpaint", "tiny"]
TINY = Path(__file__).parents[2] / "models/tiny"


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def folders(eps_folder, v_folder, inpaint_folder):
    return dict(zip(KINDS, (eps_folder, v_folder, inpaint_folder, TINY), strict=True))


@pytest.fixture(scope="module")
def ours(folders):
    return {kind: load(folder) for kind, folder in folders.items()}


@pytest.fixture(scope="module")
def theirs(folders):
    """(kind, class) -> a pipeline of Diffusers on the same checkpoint."""

    def pipeline(kind, cls=StableDiffusionPipeline, **parts):
        loaded = StableDiffusionPipeline.from_pretrained(folders[kind], safety_checker=None)
        components = loaded.components | parts
        if cls is StableDiffusionDiffEditPipeline:
            components.pop("image_encoder")
        pipe = cls(**components, requires_safety_checker=False)
        pipe.set_progress_bar_config(disable=True)
        return (
            partial(pipe, output_type="pt", num_inference_steps=7)
            if cls is not StableDiffusionDiffEditPipeline
            else pipe
        )

    return pipeline


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(models, n=2):
    side = models.unet.config.sample_size * models.scale
    return torch.rand(n, 3, side, side, generator=seeded(5))


def assert_same(a, b):
    assert a.shape == b.shape
    assert torch.isfinite(a).all()
    assert a.std() > 0.05  # a picture, not a flat square
    assert (a - b).abs().max().item() < LIMIT


@pytest.mark.parametrize("kind", ["eps", "v", "tiny"])
@pytest.mark.parametrize("negative", [None, NEGATIVE])
@pytest.mark.parametrize(("s", "phi"), [(1, 0.0), (3, 0.0), (7.5, 0.0), (7.5, 0.7), (15, 0.0)])
def test_text_to_image(ours, theirs, kind, negative, s, phi):
    how = Guidance(s, negative=negative, rescale=phi)
    a = text_to_image(ours[kind], PROMPTS, generator=seeded(), steps=7, guidance_scale=how)
    b = theirs(kind)(
        PROMPTS, generator=seeded(), guidance_scale=s, negative_prompt=negative, guidance_rescale=phi
    ).images
    assert_same(a, b)


def test_guidance_scale_0_is_unconditional_here_and_conditional_in_diffusers(ours, theirs):
    pipe, options = theirs("eps"), {"generator": seeded(), "steps": 7}
    a = text_to_image(ours["eps"], PROMPTS, guidance_scale=Guidance(0.0, negative=NEGATIVE), **options)
    assert_same(a, pipe(NEGATIVE, generator=seeded(), guidance_scale=1).images)
    b = pipe(PROMPTS, generator=seeded(), guidance_scale=0, negative_prompt=NEGATIVE).images
    assert_same(b, pipe(PROMPTS, generator=seeded(), guidance_scale=1).images)
    assert (a - b).abs().max() > 0.05


def to_clean(models, timesteps):
    """Diffusers' DDPM and DPM-Solver go to clean data, wherever the checkpoint ends DDIM."""
    return trained_levels(models.alphas_cumprod, timesteps)


@pytest.mark.parametrize("kind", ["eps", "v", "tiny"])
@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpm"])
def test_samplers(ours, theirs, kind, sampler):
    models, pipe = ours[kind], theirs(kind)
    scheduler = pipe.func.scheduler
    if sampler == "ddim":
        mine = {"sampler": partial(ddim_sample, eta=0.6)}
        extra = {"eta": 0.6}
    elif sampler == "ddpm":
        pipe.func.scheduler = DDPMScheduler.from_config(scheduler.config)
        timesteps = [level.t for level in models.levels(7)[:-1]]
        mine, extra = {"sampler": ddpm_sample, "timesteps": to_clean(models, timesteps)}, {}
    else:
        pipe.func.scheduler = DPMSolverMultistepScheduler.from_config(scheduler.config, timestep_spacing="linspace")
        mine, extra = {"sampler": dpm_solver_sample, "timesteps": to_clean(models, dpm_solver_timesteps(7))}, {}
    a = text_to_image(models, PROMPTS, generator=seeded(), steps=7, **mine)
    assert_same(a, pipe(PROMPTS, generator=seeded(), **extra).images)


def test_another_size_and_given_noise(ours, theirs):
    x_T = torch.randn(1, 4, 8, 20, generator=seeded(3))
    a = text_to_image(ours["eps"], PROMPTS[:1], steps=7, size=(32, 80), x_T=x_T)
    assert_same(a, theirs("eps")(PROMPTS[:1], height=32, width=80, latents=x_T).images)


def test_guidance_interval(ours):
    def run(scale=7.5, interval=None):
        how = Guidance(scale, interval=interval)
        return text_to_image(ours["eps"], PROMPTS, generator=seeded(), steps=7, guidance_scale=how)

    assert torch.equal(run(interval=(0, 999)), run())
    assert torch.equal(run(interval=(998, 999)), run(1.0))
    middle = run(interval=(200, 600))
    assert (middle - run()).abs().max() > 0.01
    assert (middle - run(1.0)).abs().max() > 0.01


@pytest.fixture(scope="module")
def weak(tmp_path_factory):
    """Another random checkpoint that predicts eps, with a text encoder of its own."""
    from tests.diffloop.tiny import build

    return load(build(tmp_path_factory.mktemp("weak"), text_width=48, seed=3))


def test_autoguidance_is_the_combination_of_the_two_checkpoints(ours, weak):
    """eps = weak + s * (strong - weak), each under the prompt by its own text encoder, and one call of each a step."""
    models, x_T = ours["eps"], torch.randn(2, 4, 16, 16, generator=seeded())
    mine, theirs = encode_prompts(models, PROMPTS), encode_prompts(weak, PROMPTS)

    def by_hand(x_t, level):
        bad = weak.predict(x_t, level, theirs)
        return bad + 2.5 * (models.predict(x_t, level, mine) - bad)

    *_, x_0 = ddim_sample(by_hand, x_T, models.levels(5))
    made = text_to_image(models, PROMPTS, x_T=x_T, steps=5, guidance_scale=Guidance(2.5, weak=weak))
    torch.testing.assert_close(made, decode_latents(models, x_0), atol=1e-6, rtol=0)
    plain = text_to_image(models, PROMPTS, x_T=x_T, steps=5, guidance_scale=1.0)
    assert torch.equal(text_to_image(models, PROMPTS, x_T=x_T, steps=5, guidance_scale=Guidance(1.0, weak=weak)), plain)
    assert (made - plain).abs().max() > 0.01


SAMPLERS = [ddim_sample, partial(ddim_sample, eta=1.0), ddpm_sample, dpm_solver_sample]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=["ddim", "eta=1", "ddpm", "dpm"])
def test_the_checkpoint_says_where_a_sampler_ends(ours, sampler):
    """The same ladder whatever the sampler: from the noisiest timestep to alpha_bar at t = 0, not to clean data."""
    models, reached = ours["eps"], []
    how = {"sampler": sampler, "callback": lambda i, level, state: reached.append(level)}
    out = text_to_image(models, PROMPTS, generator=seeded(), steps=4, **how)
    levels = models.levels(4)
    assert reached == levels[1:]
    assert (reached[-1].t, reached[-1].alpha_bar) == (0, pytest.approx(models.alphas_cumprod[0].item(), abs=1e-15))
    clean = to_clean(models, [level.t for level in levels[:-1]])
    assert (text_to_image(models, PROMPTS, generator=seeded(), timesteps=clean, **how) - out).abs().max() > 1e-4


def test_eta_1_is_diffusers_too(ours, theirs):
    a = text_to_image(ours["eps"], PROMPTS, generator=seeded(), steps=7, sampler=partial(ddim_sample, eta=1))
    assert_same(a, theirs("eps")(PROMPTS, generator=seeded(), eta=1.0).images)


@pytest.mark.parametrize("kind", ["eps", "v", "tiny"])
@pytest.mark.parametrize("strength", [0.15, 0.58, 1.0])
def test_image_to_image(ours, theirs, kind, strength):
    models = ours[kind]
    images = pictures(models)
    how = {"strength": strength, "guidance_scale": Guidance(negative=NEGATIVE)}
    a = image_to_image(models, images, PROMPTS, generator=seeded(), steps=7, **how)
    pipe = theirs(kind, StableDiffusionImg2ImgPipeline)
    assert_same(a, pipe(PROMPTS, images, generator=seeded(), strength=strength, negative_prompt=NEGATIVE).images)


def test_image_to_image_with_dpm_solver_from_the_middle(ours, theirs):
    models = ours["eps"]
    pipe = theirs("eps", StableDiffusionImg2ImgPipeline)
    pipe.func.scheduler = DPMSolverMultistepScheduler.from_config(
        pipe.func.scheduler.config, timestep_spacing="linspace"
    )
    solver = {"sampler": dpm_solver_sample, "timesteps": to_clean(models, dpm_solver_timesteps(7))}
    a = image_to_image(models, pictures(models), PROMPTS, generator=seeded(), strength=0.6, **solver)
    assert_same(a, pipe(PROMPTS, pictures(models), generator=seeded(), strength=0.6).images)


def test_strength_0_gives_the_image_back_where_diffusers_fails(ours, theirs):
    models = ours["eps"]
    images = pictures(models)
    round_trip = decode_latents(models, encode_images(models, images, generator=seeded()))
    assert torch.equal(image_to_image(models, images, PROMPTS, generator=seeded(), strength=0.0), round_trip)
    for n in (1, 2):
        with pytest.raises(RuntimeError, match="tensor"):
            theirs("eps", StableDiffusionImg2ImgPipeline)(PROMPTS[:n], images[:n], generator=seeded(), strength=0.0)
    mask = torch.ones(2, 1, 64, 64)
    assert torch.equal(inpaint(models, images, mask, PROMPTS, generator=seeded(), strength=0.0), round_trip)
    with pytest.raises(ValueError, match="< 1"):
        theirs("eps", StableDiffusionInpaintPipeline)(PROMPTS, images, mask, strength=0.0, height=64, width=64)


def hole():
    mask = torch.zeros(2, 1, 64, 64)
    mask[0, :, 16:50, 20:] = mask[1, :, :30, 8:41] = 1
    return mask


@pytest.mark.parametrize("kind", ["eps", "inpaint", "tiny"])
@pytest.mark.parametrize(("strength", "s"), [(0.5, 7.5), (1.0, 7.5), (1.0, 1.0)])
def test_inpainting(ours, theirs, kind, strength, s):
    models = ours[kind]
    options = {"strength": strength, "guidance_scale": s}
    a = inpaint(models, pictures(models), hole(), PROMPTS, generator=seeded(), steps=7, paste_back=False, **options)
    pipe = theirs(kind, StableDiffusionInpaintPipeline)
    b = pipe(PROMPTS, pictures(models), hole(), generator=seeded(), height=64, width=64, **options).images
    assert_same(a, b)


def test_an_all_keep_mask_returns_the_input(ours):
    models = ours["eps"]
    images = pictures(models)
    nothing = torch.zeros(2, 1, 64, 64)
    assert torch.equal(inpaint(models, images, nothing, PROMPTS, generator=seeded(), steps=7), images)
    a = inpaint(models, images, nothing, PROMPTS, generator=seeded(), steps=7, paste_back=False)
    torch.testing.assert_close(a, decode_latents(models, encode_images(models, images, generator=seeded())))
    states = encode(models, images, levels := last_levels(models.levels(7), 0.5))
    b = masked_decode(models, states, levels, torch.zeros(2, 16, 16), PROMPTS)
    torch.testing.assert_close(b, decode_latents(models, encode_images(models, images)))


def diffedit_pipeline(theirs, kind):
    scheduler = theirs(kind).func.scheduler
    inverse = DDIMInverseScheduler.from_config(scheduler.config)
    return theirs(kind, StableDiffusionDiffEditPipeline, inverse_scheduler=inverse)


@pytest.mark.parametrize("kind", ["eps", "v", "tiny"])
def test_diffedit(ours, theirs, kind):
    """Mask, inversion and result, one after the other. Diffusers guides its mask by 7.5; ours has no guidance to give."""
    models, pipe = ours[kind], diffedit_pipeline(theirs, kind)
    image, source, target = pictures(models, 1), PROMPTS[:1], PROMPTS[1:]
    options = {"num_maps_per_mask": 4, "mask_thresholding_ratio": 1.9, "output_type": "np"}
    mask = pipe.generate_mask(image, target, source_prompt=source, generator=seeded(), **options)
    mine = binary_masks(
        contrast_map(models, image, source, target, generator=seeded(), n=4), rule="diffusers", clip=1.9
    )
    assert 0.1 < mine.mean() < 0.9
    assert torch.equal(mine, torch.from_numpy(mask).float())

    levels = last_levels(models.levels(10), 0.8)
    states = encode(models, image, levels, generator=seeded(), prompts=source, guidance_scale=3.0)
    inverted = pipe.invert(source, image, num_inference_steps=10, generator=seeded(), guidance_scale=3.0).latents
    torch.testing.assert_close(torch.stack(states[:-1], 1), inverted, atol=1e-4, rtol=0)

    tensor = torch.from_numpy(mask)[:, None].float()
    b = pipe(target, tensor, inverted, num_inference_steps=10, output_type="pt", generator=seeded()).images
    assert_same(masked_decode(models, states, levels, mine, target, rule="diffusers"), b)
    paper = masked_decode(models, states, levels, mine, target)
    assert (paper - b).abs().max() > 10 * LIMIT  # Diffusers puts back the state of the level before


def test_the_papers_rule_leaves_the_background_clean(ours):
    """With everything to keep, "paper" is the VAE's round trip and "diffusers" is noisier than that."""
    models = ours["eps"]
    image, keep, levels = pictures(models, 1), torch.zeros(1, 16, 16), models.levels(10)
    states = encode(models, image, levels)
    clean = decode_latents(models, states[-1])
    for rule, same in [("paper", True), ("diffusers", False)]:
        out = masked_decode(models, states, levels, keep, PROMPTS[:1], rule=rule)
        assert torch.equal(out, clean) == same


def test_diffusers_mask_depends_on_the_batch_and_ours_does_not(ours, theirs):
    maps = torch.stack([torch.linspace(0, 1, 256), torch.linspace(0, 9, 256)]).reshape(2, 16, 16)
    for rule in ("paper", "diffusers"):
        assert torch.equal(binary_masks(maps, rule=rule)[:1], binary_masks(maps[:1], rule=rule))
        assert torch.equal(*binary_masks(maps, rule=rule))  # the scale of a map does not matter
    clamp = maps.mean() * 1.5  # its rule: the mean of all maps
    batched = (maps.clamp(max=clamp) / clamp > 0.5).float()
    alone = binary_masks(maps, rule="diffusers", clip=1.5)
    assert (batched - alone).abs().sum((1, 2)).min() > 20


def test_binary_masks_by_hand():
    contrast = torch.tensor([[[0.0, 1.0], [4.0, 100.0]]])
    assert binary_masks(contrast, clip=1.0).tolist() == [[[0, 0], [0, 1]]]
    assert binary_masks(contrast, clip=0.67).tolist() == [[[0, 0], [1, 1]]]  # the outlier is clipped to about 5
    assert binary_masks(contrast, rule="diffusers", clip=0.2).tolist() == [[[0, 0], [1, 1]]]  # clipped at 5.25
    assert binary_masks(torch.ones(1, 2, 2)).sum() == 0


def test_diffedit_in_one_call(ours):
    models = ours["eps"]
    images = pictures(models)
    options = {"steps": 6, "n": 2}
    seen = []
    out, masks = diffedit(
        models, images, PROMPTS, NEGATIVE, generator=seeded(), callback=lambda *a: seen.append(a[:2]), **options
    )
    assert seen == list(enumerate(models.levels(6)[-3:]))
    assert [level.t for _, level in seen] == [167, 1, 0]
    assert out.shape == images.shape
    assert set(masks.unique().tolist()) <= {0.0, 1.0}
    same, given = diffedit(models, images, PROMPTS, NEGATIVE, generator=seeded(), masks=masks, **options)
    assert torch.equal(given, masks)
    assert same.shape == out.shape


LOOPS = {
    "text": lambda m, i, p, g: text_to_image(m, p, generator=g, steps=4, sampler=partial(ddim_sample, eta=1.0)),
    "image": lambda m, i, p, g: image_to_image(m, i, p, generator=g, steps=4),
    "inpaint": lambda m, i, p, g: inpaint(m, i, hole()[: len(i)], p, generator=g, steps=4),
    "diffedit": lambda m, i, p, g: diffedit(m, i, p, ["a"] * len(p), generator=g, steps=4, n=2)[0],
}


@pytest.mark.parametrize("loop", LOOPS)
def test_determinism(ours, loop):
    """Same seed, same bits; and an image made in a batch is the image made alone."""
    models, run = ours["eps"], LOOPS[loop]
    images = pictures(models)
    twice = [run(models, images, PROMPTS, [seeded(1), seeded(2)]) for _ in range(2)]
    assert torch.equal(*twice)
    alone = run(models, images[:1], PROMPTS[:1], [seeded(1)])
    torch.testing.assert_close(twice[0][:1], alone, atol=1e-5, rtol=0)


def test_text_is_encoded_once_and_guidance_is_one_call(ours, monkeypatch):
    models, calls = ours["eps"], []
    for name in ("text_encoder", "unet"):
        module = getattr(models, name)
        forward = module.forward
        monkeypatch.setattr(
            module, "forward", lambda x, *a, _f=forward, _n=name, **k: (calls.append((_n, len(x))), _f(x, *a, **k))[1]
        )
    text_to_image(models, ["a circle"] * 3, generator=seeded(), steps=4)
    assert calls == [("text_encoder", 2), *[("unet", 6)] * 4]


def test_a_film(ours):
    models, film = ours["eps"], []
    out = text_to_image(models, PROMPTS, generator=seeded(), steps=4, callback=lambda *what: film.append(what))
    assert [(i, level.t) for i, level, _ in film] == [(0, 501), (1, 251), (2, 1), (3, 0)]
    assert torch.equal(decode_latents(models, film[-1][2]), out)


def test_embeddings_can_be_trained_on(ours):
    text = encode_prompts(ours["eps"], PROMPTS).requires_grad_()
    (text**2).sum().backward()
    assert text.grad is not None


def test_a_prompt_that_is_too_long_says_what_was_lost(ours):
    long = "a red circle left of two blue squares on white right of three large green triangles"
    with pytest.warns(UserWarning, match=r"takes 16; lost: '.*triangle.*'"):
        cut = encode_prompts(ours["eps"], [long])
    ids = ours["eps"].tokenizer(long).input_ids
    kept = ours["eps"].tokenizer.decode(ids[1:15])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.testing.assert_close(cut, encode_prompts(ours["eps"], [kept]))


def test_bfloat16_is_near_float32(folders, ours):
    models = load(folders["eps"], dtype=torch.bfloat16)
    x_T = torch.randn(2, 4, 16, 16, generator=seeded())
    a, b = (text_to_image(m, PROMPTS, x_T=x_T, steps=4) for m in (models, ours["eps"]))
    assert models.dtype == torch.bfloat16
    assert a.dtype == torch.float32
    assert (a - b).abs().mean() < 0.02


def fails(models, **changes):
    """image_to_image, which checks what text_to_image does and more, with one thing changed."""
    images = changes.pop("images", pictures(models))
    prompts = changes.pop("prompts", PROMPTS)
    return image_to_image(models, images, prompts, **{"generator": seeded(), "steps": 4} | changes)


def with_nan(models):
    def broken(x, *args, **kwargs):
        return (torch.full_like(x, float("nan")),)

    return broken


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strength": -0.1}, ["strength is -0.1", "[0, 1]"]),
        ({"strength": 1.1}, ["strength is 1.1", "[0, 1]"]),
        ({"strength": float("nan")}, ["strength is nan", "[0, 1]"]),
        ({"strength": 0.2}, ["strength is 0.2", "4 steps", "0.25"]),
        ({"steps": 0}, ["steps is 0", "[1, 1000]"]),
        ({"steps": 1001}, ["steps is 1001", "[1, 1000]"]),
        ({"prompts": "a circle"}, ["prompts is 'a circle'", "list of strings"]),
        ({"prompts": []}, ["prompts is []", "not empty"]),
        ({"guidance_scale": Guidance(negative=["a"])}, ["negative has 1", "2 prompts"]),
        ({"images": torch.zeros(1, 3, 64, 64)}, ["(1, 3, 64, 64)", "(2, 3, height, width)"]),
        ({"images": torch.zeros(2, 1, 64, 64)}, ["(2, 1, 64, 64)", "(2, 3, height, width)"]),
        ({"images": torch.zeros(2, 3, 64, 62)}, ["(2, 3, 64, 62)", "multiples of 4"]),
        ({"images": torch.zeros(3, 64, 64)}, ["(3, 64, 64)", "(2, 3, height, width)"]),
        ({"images": 255 * torch.ones(2, 3, 64, 64)}, ["[255, 255]", "[0, 1]"]),
        ({"images": torch.full((2, 3, 64, 64), float("nan"))}, ["nan", "[0, 1]"]),
        ({"images": -torch.ones(2, 3, 64, 64)}, ["[-1, -1]", "[0, 1]"]),
        ({"guidance_scale": -1.0}, ["guidance_scale is -1.0", ">= 0"]),
        ({"generator": [seeded()]}, ["1 generators", "(2)"]),
    ],
)
def test_bad_input_is_named_with_every_legal_choice(ours, changes, words):
    with pytest.raises(ValueError, match=r".") as error:
        fails(ours["eps"], **changes)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: text_to_image(m, PROMPTS, generator=seeded(), steps=0), ["steps is 0", "[1, 1000]"]),
        (lambda m: text_to_image(m, PROMPTS), ["generator is None"]),
        (lambda m: text_to_image(m, [], generator=seeded()), ["prompts is []"]),
        (lambda m: text_to_image(m, PROMPTS, size=(64, 30), generator=seeded()), ["(64, 30)", "multiples of 4"]),
        (lambda m: text_to_image(m, PROMPTS, x_T=torch.zeros(1, 4, 16, 16)), ["(1, 4, 16, 16)", "(2, 4, 16, 16)"]),
        (
            lambda m: inpaint(m, pictures(m), hole()[:1], PROMPTS, generator=seeded()),
            ["(1, 1, 64, 64)", "(2, 1, 64, 64)"],
        ),
        (lambda m: Guidance(rescale=1.5), ["guidance_rescale is 1.5", "[0, 1]"]),
        (lambda m: Guidance(interval=(9, 3)), ["(9, 3)"]),
        (lambda m: Guidance(negative=["a"], weak=m), ["negative and weak", "give one"]),
        (
            lambda m: text_to_image(replace(m, prediction="v"), PROMPTS, guidance_scale=Guidance(weak=m)),
            ["weak model predicts 'eps'", "'v'", "the same"],
        ),
        (lambda m: diffedit(m, pictures(m), PROMPTS, ["a"], generator=seeded()), ["source has 2", "target 1"]),
        (
            lambda m: diffedit(m, pictures(m), PROMPTS, PROMPTS, generator=seeded(), rule="x"),
            ["'x'", "'paper', 'diffusers'"],
        ),
        (lambda m: contrast_map(m, pictures(m), PROMPTS, PROMPTS, generator=seeded(), n=0), ["n is 0", ">= 1"]),
        (lambda m: contrast_map(m, pictures(m), PROMPTS, PROMPTS, generator=seeded(), strength=0.0), ["strength is 0"]),
        (lambda m: binary_masks(torch.ones(1, 2, 2), clip=2.0), ["clip is 2.0", "quantile in (0, 1]"]),
        (lambda m: binary_masks(torch.ones(1, 2, 2), clip=0.0, rule="diffusers"), ["clip is 0.0", "> 0"]),
        (lambda m: binary_masks(torch.ones(1, 2, 2), threshold=1.0), ["threshold is 1.0", "[0, 1)"]),
        (
            lambda m: masked_decode(m, [torch.zeros(1, 4, 16, 16)] * 2, m.levels(1), torch.zeros(1, 9, 9), ["a"]),
            ["(1, 9, 9)", "(1, 16, 16)"],
        ),
        (
            lambda m: masked_decode(m, [torch.zeros(1, 4, 16, 16)], m.levels(1), torch.zeros(1, 16, 16), ["a"]),
            ["1 states for 2 levels", "the 2"],
        ),
    ],
)
def test_bad_input_of_the_other_loops(ours, call, words):
    with pytest.raises(ValueError, match=r".") as error:
        call(ours["eps"])
    for word in words:
        assert word in str(error.value)


def test_nan_from_the_unet_is_named(ours, monkeypatch):
    models = ours["eps"]
    monkeypatch.setattr(models.unet, "forward", with_nan(models))
    for run in LOOPS.values():
        with pytest.raises(ValueError, match="NaN at t = "):
            run(models, pictures(models), PROMPTS, seeded())


def test_an_inpainting_unet_is_refused_by_the_other_loops(ours):
    models = ours["inpaint"]
    for loop in ("text", "image", "diffedit"):
        with pytest.raises(ValueError, match="inpainting"):
            LOOPS[loop](models, pictures(models), PROMPTS, seeded())
