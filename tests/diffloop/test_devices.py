"""Every public loop takes its data where the model is; checked on a pretended GPU, so that no machine needs one."""

import dataclasses
from functools import partial

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from tests.diffloop.devices import Marked, pretended_gpu
from tests.diffloop.tiny import build
from tests.diffloop.tiny_families import build_3, build_pix2pix, build_xl
from tests.diffloop.tiny_models import seeded

from diffloop.attention import cross_attention_maps, word_map, word_positions
from diffloop.consistency import consistency_function, consistency_sample
from diffloop.ddim import ddim_invert, ddim_sample
from diffloop.ddpm import ddpm_sample
from diffloop.deis import deis_sample
from diffloop.diffedit import diffedit
from diffloop.distillation import distillation_loss, halved, halving_loss, implied_x_0, under
from diffloop.dpm_solver import dpm_solver_sample
from diffloop.dreambooth import dreambooth
from diffloop.euler import Churn, euler_sample
from diffloop.exact import dataset_eps_model, gaussian_mixture, mixture_eps_model, mixture_log_density
from diffloop.finetuning import full_copy, lora_copy, lora_parameters
from diffloop.glide import Stage, beside_low_res, glide_sample, noised_clip_loss, noised_clip_similarity
from diffloop.guidance import Guidance, clip_guidance
from diffloop.guidance_kinds import cfg_plus_plus, projected
from diffloop.guided_distillation import guided_loss, guided_student, guided_teacher, unet_model, unet_student
from diffloop.heun import heun_sample
from diffloop.image_to_image import encode_images, image_to_image
from diffloop.imagic import embedding_model, fine_tune, optimize_embedding
from diffloop.inpainting import inpaint
from diffloop.instruct_pix2pix import instruct
from diffloop.metrics import frechet_distance, psnr, ssim
from diffloop.pretrained import load
from diffloop.text_to_image import denoise, encode_prompts, prompted_model, text_to_image
from diffloop.textual_inversion import add_concept, learn_concept

PROMPTS = ["a red circle", "a blue square"]
IMAGES = torch.rand(2, 3, 64, 64, generator=seeded(5))
MASKS = (torch.rand(2, 1, 64, 64, generator=seeded(6)) > 0.5).float()
SAMPLERS = {
    "ddim": ddim_sample,
    "ddim eta 1": partial(ddim_sample, eta=1.0),
    "ddpm": ddpm_sample,
    "dpm_solver": dpm_solver_sample,
    "euler with churn": partial(euler_sample, churn=Churn(amount=3.0)),
    "heun": heun_sample,
    "deis": deis_sample,
    "consistency": consistency_sample,
}
GUIDANCE = {
    "scale": 4.0,
    "rescale": Guidance(4.0, negative=["a", "b"], rescale=0.7, interval=(0, 700)),
    "apg": Guidance(4.0, combine=projected(momentum=-0.5, norm_threshold=2.0)),
    "cfg++": Guidance(0.6, combine=cfg_plus_plus),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}

    def folder(make, **how):
        key = (make.__name__, *how)
        if key not in made:
            made[key] = make(tmp_path_factory.mktemp("devices"), **how)
        return made[key]

    return folder


@pytest.fixture
def gpu():
    with pretended_gpu() as device:
        yield device


@pytest.fixture
def models(gpu, folders):
    return load(folders(build), device=gpu)


def on_gpu(*tensors):
    assert all(isinstance(x, Marked) for x in tensors)
    assert all(x.device.type == "cuda" for x in tensors)


def on_cpu(*tensors):
    assert not any(isinstance(x, Marked) for x in tensors)


# The device itself


REFUSED = {  # what a real one says: calls with a tensor that is here, on the CPU, and one that is there
    "same device": (
        lambda here, there: here + there,
        lambda here, there: here.add_(there),
        lambda here, there: there.add_(here),
        lambda here, there: torch.cat([there, here]),
        lambda here, there: torch.stack([there.sum(), here.sum()]),
        lambda here, there: torch.nn.Linear(4, 2)(there),
        lambda here, there: torch.nn.functional.mse_loss(there, here),
        lambda here, there: torch.equal(there, here),
        lambda here, there: torch.tensor(2.0).expand_as(there) + there,
        lambda here, there: there.index_put_((torch.tensor([0]),), here[:1]),
        lambda here, there: there.__setitem__(torch.tensor([0, 1]), here[:2]),
        lambda here, there: here.__setitem__(torch.tensor([0, 1]), there[:2]),
    ),
    "indices should be": (
        lambda here, there: here[there[0].long()],
        lambda here, there: here[:, there[0] > 0],
        lambda here, there: here.__setitem__(there > 0, 1.0),
    ),
    "to numpy": (
        lambda here, there: there.numpy(),
        lambda here, there: np.float32(there.sum()),
        lambda here, there: np.asarray([there[0], there[1]]),
        lambda here, there: np.array([there[0, 0], there[0, 1]]),
        lambda here, there: Figure().subplots().plot(there[0]),
        lambda here, there: Figure().subplots().imshow(there),
        lambda here, there: Figure().subplots().bar([0, 1], [there.sum(), there.max()]),
    ),
    "type for generator": (
        lambda here, there: torch.randn(3, generator=torch.Generator(), device=there.device),
        lambda here, there: there.normal_(generator=torch.Generator()),
        lambda here, there: torch.multinomial(there, 1, generator=torch.Generator()),
        lambda here, there: torch.randn(3, generator=torch.Generator(there.device)),
        lambda here, there: here.normal_(generator=torch.Generator("cuda")),
    ),
    "not implemented": (
        lambda here, there: there.long() @ there.long().T,
        lambda here, there: torch.histogram(there, 3),
    ),
}


@pytest.mark.parametrize(
    ("said", "call"),
    [pytest.param(said, call, id=f"{said} {n}") for said, calls in REFUSED.items() for n, call in enumerate(calls)],
)
def test_what_a_gpu_refuses_is_refused(gpu, said, call):
    with pytest.raises((RuntimeError, TypeError), match=said):
        call(torch.ones(3, 4), torch.ones(3, 4).to(gpu))


def test_what_a_gpu_allows_is_allowed(gpu, tmp_path):
    here, there = torch.ones(3, 4), torch.ones(3, 4, device=gpu)
    on_gpu(there, 2 * there, there + torch.tensor(2.0), there[torch.tensor([0, 2])], torch.zeros_like(there))
    on_gpu(torch.ones(3).to(there), here.type_as(there), torch.nn.Linear(4, 2).to(gpu)(there), *there.chunk(2))
    on_gpu(
        torch.as_tensor(there), there.clone().copy_(here), torch.randn(3, generator=torch.Generator(gpu), device=gpu)
    )
    there[0], there[torch.tensor([1])], here[:1] = here[0], 1, there[:1]
    on_cpu(here, here[there.sum().long() - 12], here.expand_as(there), torch.tensor([there.sum(), there.max()]))
    on_cpu(there.to("cpu"), there.cpu(), torch.zeros_like(there, device="cpu"), torch.from_numpy(there.cpu().numpy()))
    assert torch.device("cuda") == torch.device("cuda:0") == gpu != torch.device("cpu")
    assert there.sum().item() == 12
    assert there.numpy(force=True).shape == (3, 4)
    assert isinstance(torch.Generator(), torch.Generator)
    assert isinstance(seeded(), torch.Generator)
    torch.save({"there": there}, tmp_path / "file")
    on_cpu(torch.load(tmp_path / "file", map_location="cpu", weights_only=True)["there"])
    linear = torch.nn.Linear(4, 2).to(gpu)
    linear(there).sum().backward()
    on_gpu(linear.weight, linear.weight.grad)


# The loops


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_samplers(models, sampler):
    on_gpu(text_to_image(models, PROMPTS, generator=seeded(), steps=3, guidance_scale=2.0, sampler=sampler))


@pytest.mark.parametrize("guidance", GUIDANCE.values(), ids=GUIDANCE)
def test_guidance(models, guidance):
    on_gpu(text_to_image(models, PROMPTS, generator=seeded(), steps=2, guidance_scale=guidance))


@pytest.mark.parametrize("make", [build, build_xl, build_3])
def test_families_and_the_same_pictures_as_without(gpu, folders, make):
    there, here = load(folders(make), device=gpu), load(folders(make))
    weak = Guidance(3.0, weak=there)
    on_gpu(text_to_image(there, PROMPTS, generator=seeded(), steps=2, guidance_scale=weak, x_T=None))
    for loop in (
        lambda models: text_to_image(models, PROMPTS, generator=seeded(), steps=2),
        lambda models: image_to_image(models, IMAGES, PROMPTS, generator=seeded(), steps=2),
        lambda models: inpaint(models, IMAGES, MASKS, PROMPTS, generator=seeded(), steps=2),
        lambda models: diffedit(models, IMAGES, PROMPTS, ["", ""], generator=seeded(), steps=4, n=2)[0],
    ):
        picture = loop(there)
        on_gpu(picture)
        assert torch.equal(picture.cpu(), loop(here))


def test_inpainting_and_editing_checkpoints(gpu, folders):
    models = load(folders(build, inpaint=True), device=gpu)
    on_gpu(inpaint(models, IMAGES.to(gpu), MASKS.to(gpu), PROMPTS, generator=seeded(), steps=2, strength=0.9))
    models = load(folders(build_pix2pix), device=gpu)
    on_gpu(instruct(models, IMAGES, PROMPTS, generator=seeded(), steps=2))


def test_parts(models):
    levels = models.levels(3)
    x_0 = encode_images(models, IMAGES, generator=seeded(), copies=2)
    model = prompted_model(models, [*PROMPTS, *PROMPTS], 2.0)
    on_gpu(x_0, *ddim_invert(model, x_0, levels))
    on_gpu(denoise(models, consistency_function(model), x_0, levels, generator=seeded(), sampler=consistency_sample))
    with cross_attention_maps(models.unet) as maps:
        on_gpu(models.predict(x_0[:1], levels[0], encode_prompts(models, PROMPTS[:1])))
    on_gpu(word_map(maps, word_positions(models.tokenizer, PROMPTS[0], "red"), size=(32, 32)))


def test_training(models):
    x_0 = encode_images(models, IMAGES)
    concept = add_concept(models, "<toy>", initializer="circle")
    on_gpu(concept.vectors)
    how = {"generator": seeded(), "steps": 2}
    list(learn_concept(concept, x_0, ["a <toy>"], torch.optim.Adam([concept.vectors], lr=1e-3), **how))
    tuned = dataclasses.replace(models, unet=lora_copy(models.unet, rank=2, generator=seeded()))
    optimizer = torch.optim.Adam(lora_parameters(tuned.unet), lr=1e-3)
    list(dreambooth(tuned, x_0, "a sks circle", optimizer, prior=x_0, class_prompt="a circle", **how))
    embedding = encode_prompts(models, PROMPTS[:1]).clone().requires_grad_()
    list(optimize_embedding(models, x_0[:1], embedding, torch.optim.Adam([embedding], lr=1e-3), **how))
    tuned = dataclasses.replace(models, unet=full_copy(models.unet))
    list(fine_tune(tuned, x_0[:1], embedding, torch.optim.Adam(tuned.unet.parameters(), lr=1e-5), **how))
    on_gpu(embedding, denoise(tuned, embedding_model(tuned, embedding, guidance_scale=2.0), x_0, tuned.levels(2)))


def test_distillation(models):
    x_0, text = encode_images(models, IMAGES), encode_prompts(models, PROMPTS)
    student = unet_student(guided_student(models.unet))
    teacher = guided_teacher(unet_model(models.unet), encode_prompts(models, [""]))
    cond = (text, torch.tensor([1.0, 3.0], device=x_0.device))
    how = {"prediction": models.prediction}
    on_gpu(guided_loss(student, teacher, x_0, cond, models.alphas_cumprod, seeded(), **how))
    levels = models.levels(4)
    on_gpu(halving_loss(student, student, x_0, cond, levels, seeded(), **how))
    *_, made = ddim_sample(under(student, cond), x_0, halved(levels))
    implied = implied_x_0(x_0, made, *levels[:2])
    on_gpu(made, distillation_loss(made, implied, x_0, levels[0], weighting="snr+1", **how))


def test_glide(gpu, models):
    bars, net = models.alphas_cumprod, torch.nn.Conv2d(6, 3, 3, padding=1).to(gpu)
    text = torch.randn(2, 3, device=gpu)
    small = lambda x, level: 0.1 * x  # noqa: E731
    stages = (
        Stage(small, (8, 8), models.levels(2), device=gpu),
        Stage(lambda x, level: net(x), (16, 16), models.levels(2), device=gpu),
    )
    states = [state for _, state in glide_sample(*stages, 2, generator=seeded())]
    encode_image = lambda x, t: x.mean((2, 3)) * t[:, None] / 1000  # noqa: E731
    similarity = noised_clip_similarity(encode_image, text)
    guided = clip_guidance(small, similarity, guidance_scale=2.0)
    pictures = torch.rand(2, 3, 8, 8, device=gpu)
    on_gpu(*states, *ddim_sample(guided, pictures, models.levels(2)))
    on_gpu(noised_clip_loss(encode_image, pictures, text, bars, seeded()))
    on_gpu(beside_low_res(lambda x, level: net(x), pictures)(states[-1], models.levels(2)[0]))


def test_exact_models_and_measures(gpu, models):
    level, x = models.levels(2)[0], torch.randn(4, 2, device=gpu)
    mixture = gaussian_mixture(*(x.to(gpu) for x in (torch.ones(2), torch.randn(2, 2), torch.ones(2))))
    on_gpu(mixture_eps_model(mixture)(x, level), mixture_log_density(x, mixture, level))
    on_gpu(dataset_eps_model(torch.randn(5, 2, device=gpu))(x, level))
    a, b = IMAGES.to(gpu), IMAGES.flip(0).to(gpu)
    on_gpu(psnr(a, b), ssim(a, b))
    assert frechet_distance(torch.randn(9, 2, device=gpu), torch.randn(9, 2, device=gpu)) >= 0
