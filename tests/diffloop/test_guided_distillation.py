"""Guided distillation: the target is the guided score, the student knows its scale, and both stages on exact teachers."""

import pytest
import torch
from diffusers import LatentConsistencyModelPipeline
from tests.diffloop.tiny_models import (
    Corrected,
    assert_same_run,
    bits,
    cut_off_and_resumed,
    exact_mixture,
    same_bits,
    seeded,
    tiny,
)
from torch import nn

from diffloop.ddim import ddim_sample
from diffloop.distillation import halve_steps, halved, under
from diffloop.exact import condition, gaussian_mixture, mixture_eps_model, sample_mixture
from diffloop.guidance import classifier_free_guidance, guide
from diffloop.guided_distillation import (
    distill_guidance,
    guidance_embedding,
    guided_student,
    guided_teacher,
    unet_model,
    unet_student,
    with_scales,
)
from diffloop.ladders import levels_at, trained_levels
from diffloop.levels import vp_level
from diffloop.parameterization import predictions
from diffloop.schedules import alphas_cumprod_from_betas, linear_betas, spaced_timesteps
from diffloop.text_to_image import denoise, encode_prompts, prompted_model

BARS = alphas_cumprod_from_betas(linear_betas())
TWO = gaussian_mixture(torch.ones(2), torch.tensor([[1.2, 0.0], [-1.2, 0.4]]), torch.tensor([0.1, 0.2]))
EIGHT = spaced_timesteps(8, spacing="trailing")
UNCOND = torch.tensor([2])  # as a label: of no class


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("tiny"))


LABELS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])  # 0 and 1: one component each; 2: both
exact, exact_v = (exact_mixture(TWO, prediction, LABELS) for prediction in ("eps", "v"))


def at(t):
    return vp_level(BARS[t].item(), t)


def draw(generator):
    label = torch.randint(2, (128,), generator=generator)
    both = [sample_mixture(condition(TWO, [c]), 128, generator) for c in (0, 1)]
    return torch.where(label[:, None] == 0, *both).float(), label


def test_the_target_is_the_guided_score():
    x_t, t = torch.randn(6, 2, generator=seeded(), dtype=torch.float64), torch.tensor([0, 100, 300, 500, 900, 999])
    label, scale = torch.tensor([0, 1, 0, 1, 0, 1]), torch.tensor([0.0, 1.0, 1.5, 3.0, 5.0, 8.0])
    target = guided_teacher(exact, UNCOND)(x_t, levels_at(BARS, t, 2), (label, scale))
    for i in range(6):
        uncond = mixture_eps_model(TWO)(x_t[i : i + 1], at(t[i].item()))
        cond = mixture_eps_model(condition(TWO, [label[i].item()]))(x_t[i : i + 1], at(t[i].item()))
        s = scale[i].item()
        torch.testing.assert_close(target[i], guide(uncond, cond, guidance_scale=s)[0], atol=1e-12, rtol=0)
        paper = s * cond - (s - 1) * uncond  # (1 + w) cond - w uncond
        torch.testing.assert_close(target[i], paper[0], atol=1e-12, rtol=0)


@pytest.mark.parametrize("prediction", ["eps", "v", "x_0"])
def test_guiding_any_prediction_is_the_same(prediction):
    def said(x_t, level, label):
        x_0, eps = predictions(exact(x_t, level, label), x_t, level)
        return {"eps": eps, "x_0": x_0, "v": level.signal * eps - level.noise * x_0}[prediction]

    x_t, t = torch.randn(3, 2, generator=seeded(), dtype=torch.float64), torch.tensor([50, 500, 800])
    given = (torch.tensor([0, 1, 1]), torch.tensor([2.0, 3.0, 5.0]))
    level = levels_at(BARS, t, 2)
    ours, _ = predictions(guided_teacher(said, UNCOND)(x_t, level, given), x_t, level, prediction=prediction)
    of_eps, _ = predictions(guided_teacher(exact, UNCOND)(x_t, level, given), x_t, level)
    torch.testing.assert_close(ours, of_eps, atol=1e-9, rtol=1e-9)


def test_a_perfect_student_has_no_loss():
    teacher, one = guided_teacher(exact, UNCOND), nn.Parameter(torch.ones(()))
    run = distill_guidance(
        lambda x, t, c: one * teacher(x, t, c), teacher, with_scales(draw), BARS, torch.optim.SGD([one], lr=0.0),
        steps=3, generator=seeded(), prediction="eps",
    )  # fmt: skip
    assert [loss for _, loss in run] == [0.0, 0.0, 0.0]


def told():
    """A student that starts as the exact model under the label, and is told label and scale."""
    return Corrected(
        lambda x_t, level, given: exact_v(x_t, level, given[0]), lambda given: torch.stack(given, 1) - 1, n=2
    )


def test_stage_1_one_student_for_all_scales_then_stage_2_half_its_steps():
    levels, student, teacher = trained_levels(BARS, EIGHT), told(), guided_teacher(exact_v, UNCOND)
    scaled, how = with_scales(draw), {"generator": seeded(), "prediction": "v"}
    optimizer = torch.optim.Adam(student.parameters(), lr=1e-2)
    losses = [loss for _, loss in distill_guidance(student, teacher, scaled, BARS, optimizer, steps=300, **how)]
    assert sum(losses[-20:]) < 0.2 * sum(losses[:20])
    x_T, label = torch.randn(200, 2, generator=seeded(5)), torch.arange(200) % 2

    def end(model, walked, s):
        with torch.no_grad():
            *_, x_0 = ddim_sample(under(model, (label, torch.full((200,), s))), x_T, walked, prediction="v")
        return x_0

    def error(model, walked, s):
        return (end(model, walked, s) - end(teacher, levels, s)).square().mean()

    unguided = told()
    for s in (2.0, 3.0, 5.0):
        assert error(student, levels, s) < 0.4 * error(unguided, levels, s)
    fewer = told()
    fewer.load_state_dict(student.state_dict())
    optimizer = torch.optim.Adam(fewer.parameters(), lr=1e-2)
    list(halve_steps(fewer, student, scaled, levels, optimizer, steps=300, **how))
    for s in (1.0, 3.0, 5.0):
        assert error(fewer, halved(levels), s) < 0.75 * error(student, halved(levels), s)


def test_scales_are_drawn_over_the_range():
    x_0, (label, scale) = with_scales(draw, low=2.0, high=6.0)(seeded(1))
    assert x_0.shape == (128, 2)
    assert label.shape == scale.shape == (128,)
    assert 2 <= scale.min() < 2.2
    assert 5.8 < scale.max() <= 6
    assert set(with_scales(draw, low=3.0, high=3.0)(seeded())[1][1].tolist()) == {3.0}


def test_guidance_embedding_is_that_of_diffusers():
    s = torch.tensor([0.0, 1.0, 2.5, 8.0])
    theirs = LatentConsistencyModelPipeline.get_guidance_scale_embedding(None, s - 1, 256)
    torch.testing.assert_close(guidance_embedding(s, 256), theirs, atol=1e-3, rtol=0)  # sines of angles up to 7000
    assert guidance_embedding(s, 8).shape == (4, 8)


def test_a_new_student_is_the_conditional_model_for_every_scale(models):
    before = bits(models.unet)
    unet = guided_student(models.unet)
    x, text = torch.randn(2, 4, 8, 8, generator=seeded()), encode_prompts(models, ["a red"])
    t = levels_at(models.alphas_cumprod, torch.tensor([10, 900]), 4)
    with torch.no_grad():
        base = unet_model(models.unet)(x, t, text)
        for s in (1.0, 4.0):
            assert torch.equal(unet_student(unet)(x, t, (text, torch.full((2,), s))), base)
        nn.init.ones_(unet.time_embedding.cond_proj.weight)
        outputs = [unet_student(unet)(x, t, (text, torch.full((2,), s))) for s in (1.0, 4.0)]
    assert not torch.allclose(*outputs)
    assert same_bits(before, models.unet)


def test_a_unet_that_was_never_saved_can_have_a_student_too(models):
    """Diffusers treats the settings of a network that was made, and not loaded, otherwise."""
    made = type(models.unet)(
        **{k: v for k, v in models.unet.config.items() if k[0] != "_" and k != "time_cond_proj_dim"}
    )
    student = guided_student(made.eval(), dim=16)
    assert student.time_embedding.cond_proj.weight.shape == (32, 16)
    x, t, text = torch.randn(1, 4, 8, 8, generator=seeded()), at(10), torch.zeros(1, 16, 32)
    with torch.no_grad():
        assert torch.equal(unet_student(student)(x, t, (text, torch.ones(1))), unet_model(made)(x, t, text))


def unet_run(models, path=None, steps=6):
    unet = guided_student(models.unet, dim=32)
    text = encode_prompts(models, ["", "a red circle", "a blue square"]).clone()
    teacher = guided_teacher(unet_model(models.unet), text[:1])

    def draw(generator):
        return torch.randn(2, 4, 8, 8, generator=generator), text[1:]

    how = {"generator": seeded(), "prediction": "eps", "checkpoint": path, "save_every": 2, "steps": steps}
    optimizer = torch.optim.AdamW(unet.parameters(), lr=1e-3)
    inputs = [text, *models.unet.parameters()]
    losses = distill_guidance(
        unet_student(unet), teacher, with_scales(draw), models.alphas_cumprod, optimizer, inputs=inputs, **how
    )
    return losses, unet


def test_a_unet_student_resumes_and_leaves_the_base_alone(models, tmp_path):
    before = bits(models.unet, models.text_encoder)

    def run(path):
        losses, unet = unet_run(models, path)
        return losses, lambda: list(unet.parameters())

    assert_same_run(*cut_off_and_resumed(run, tmp_path / "student.pt", at=3))
    assert same_bits(before, models.unet, models.text_encoder)


def test_the_teacher_guides_as_the_sampling_loop_does(models):
    """The same U-Net, prompts and scale: the distillation's teacher against what text_to_image samples from."""
    prompts, scale = ["a red circle", "a blue square"], 3.0
    text = encode_prompts(models, ["", *prompts]).clone()
    teacher = under(guided_teacher(unet_model(models.unet), text[:1]), (text[1:], torch.full((2,), scale)))
    x_T, levels = torch.randn(2, 4, 8, 8, generator=seeded()), models.levels(3, spaced_timesteps(3))
    with torch.no_grad():
        ours = denoise(models, teacher, x_T, levels)
        theirs = denoise(models, prompted_model(models, prompts, scale), x_T, levels)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_on_exact_models_too():
    """`under` of the guided teacher is `classifier_free_guidance` of the two exact models."""
    eps_u, eps_c = mixture_eps_model(TWO), mixture_eps_model(condition(TWO, [0]))
    x, label = torch.randn(4, 2, generator=seeded(), dtype=torch.float64), torch.zeros(4, dtype=torch.long)
    ours = under(guided_teacher(exact, UNCOND), (label, torch.full((4,), 3.0)))(x, at(400))
    theirs = classifier_free_guidance(eps_c, eps_u, guidance_scale=3.0)(x, at(400))
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)


def test_bad_input_is_named(models):
    student, one = guided_student(models.unet, dim=32), nn.Parameter(torch.ones(()))
    optimizer = torch.optim.SGD([one], lr=0.1)

    def distill(**options):
        return distill_guidance(exact, exact, draw, BARS, optimizer, steps=1, generator=seeded(), **options)

    calls = [
        (lambda: with_scales(draw, low=5.0, high=1.0), ["5.0, 1.0", "low <= high"]),
        (lambda: with_scales(draw, low=-1.0, high=1.0), ["-1.0, 1.0", "0 <= low"]),
        (lambda: guidance_embedding(torch.ones(1), 7), ["dim is 7", "even and >= 4"]),
        (lambda: guided_student(student), ["already takes", "32"]),
        (lambda: distill(prediction="x0"), ["'x0'", "'eps', 'x_0', 'v'"]),
        (lambda: distill(weighting="v"), ["'v'", "'snr', 'truncated_snr', 'snr+1'"]),
    ]
    for call, words in calls:
        with pytest.raises(ValueError, match=r".") as error:
            call()
        for word in words:
            assert word in str(error.value)
