"""DreamBooth: the loss with a prior by hand, the base untouched, whole or by LoRA, with the text encoder or without."""

import dataclasses

import pytest
import torch
from tests.diffloop.tiny_models import assert_same_run, bits, cut_off_and_resumed, fixed_loss, same_bits, seeded, tiny

from diffloop.denoising import stratified
from diffloop.dreambooth import dreambooth, prior_preservation_loss
from diffloop.finetuning import full_copy, lora_copy, lora_parameters
from diffloop.levels import vp_level
from diffloop.parameterization import add_noise
from diffloop.text_to_image import encode_prompts

X_0, PRIOR = torch.randn(2, 4, 4, 8, 8, generator=seeded(9))
PROMPT, CLASS = "a red circle", "a circle"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("tiny"))


def copies(models, kind="full", *, text=False):
    """(models to tune, what the optimizer holds)."""
    make = full_copy if kind == "full" else lambda module: lora_copy(module, rank=2, generator=seeded())
    parts = {"unet": make(models.unet)} | ({"text_encoder": full_copy(models.text_encoder)} if text else {})
    tuned = dataclasses.replace(models, **parts)
    held = list(tuned.unet.parameters()) if kind == "full" else lora_parameters(tuned.unet)
    return tuned, held + (list(tuned.text_encoder.parameters()) if text else [])


def test_prior_preservation_loss():
    instance, prior = torch.tensor([1.0, 3.0]), torch.tensor([10.0, 20.0, 30.0])
    assert prior_preservation_loss(instance, prior, prior_weight=0.5).item() == 2 + 0.5 * 20
    assert prior_preservation_loss(instance, prior, prior_weight=0.0).item() == 2


@pytest.mark.parametrize("weight", [0.0, 1.0, 2.5])
def test_first_loss_is_the_hand_computed_one(models, weight):
    tuned, held = copies(models)
    optimizer = torch.optim.SGD(held, lr=0.1)
    options = {"prior": PRIOR, "class_prompt": CLASS, "prior_weight": weight, "batch": 2, "steps": 1}
    ((_, ours),) = dreambooth(tuned, X_0, PROMPT, optimizer, generator=seeded(4), **options)
    g = seeded(4)
    x_0 = torch.cat([x[torch.randint(4, (2,), generator=g)] for x in (X_0, PRIOR)])
    t = stratified(4, 1000, g)
    eps = torch.randn(4, 4, 8, 8, generator=g)
    text = encode_prompts(models, [PROMPT, PROMPT, CLASS, CLASS])
    errors = []
    for i in range(4):
        x_t = add_noise(x_0[i], eps[i], vp_level(models.alphas_cumprod[t[i]].item()))
        eps_hat = models.unet(x_t[None], t[i], encoder_hidden_states=text[i : i + 1].clone()).sample[0]
        errors.append(((eps_hat - eps[i]) ** 2).mean().item())
    expected = (errors[0] + errors[1]) / 2 + weight * (errors[2] + errors[3]) / 2
    assert ours == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["full", "lora"])
@pytest.mark.parametrize("text", [False, True])
def test_training_lowers_the_loss_and_leaves_the_base_alone(models, kind, text):
    before = bits(models.unet, models.text_encoder, models.vae)
    tuned, held = copies(models, kind, text=text)
    start = [p.detach().clone() for p in held]
    optimizer = torch.optim.AdamW(held, lr=3e-3)
    options = {"prior": PRIOR, "class_prompt": CLASS, "steps": 12, "batch": 2}
    list(dreambooth(tuned, X_0[:1], PROMPT, optimizer, generator=seeded(), **options))
    after, at_first = (fixed_loss(m, X_0[:1], encode_prompts(m, [PROMPT])) for m in (tuned, models))
    assert after < at_first - 1e-3
    moved = [not torch.equal(a, b) for a, b in zip(start, held, strict=True)]
    assert sum(moved) > 0.9 * len(moved)
    assert same_bits(before, models.unet, models.text_encoder, models.vae)


def test_a_prior_keeps_the_class(models):
    """After as many steps, pictures of the class are denoised better with a prior than without. A blank subject and a
    loud class, as the pictures that a model of random weights draws would show nothing."""
    subject, loud = torch.zeros(1, 4, 8, 8), 3 * PRIOR

    def class_loss(**prior):
        tuned, held = copies(models)
        optimizer = torch.optim.AdamW(held, lr=2e-3)
        list(dreambooth(tuned, subject, PROMPT, optimizer, generator=seeded(), steps=25, batch=2, **prior))
        return fixed_loss(tuned, loud, encode_prompts(models, [CLASS]))

    assert class_loss(prior=loud, class_prompt=CLASS) < 0.95 * class_loss()


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_resumed(models, tmp_path, kind):
    def run(path):
        tuned, held = copies(models, kind)
        how = {"generator": seeded(2), "steps": 7, "checkpoint": path, "save_every": 2, "prior": PRIOR}
        losses = dreambooth(tuned, X_0, PROMPT, torch.optim.AdamW(held, lr=1e-3), class_prompt=CLASS, **how)
        return losses, lambda: held

    assert_same_run(*cut_off_and_resumed(run, tmp_path / "subject.pt", at=5))


def test_another_prompt_or_prior_weight_does_not_resume(models, tmp_path):
    def run(prompt, weight):
        tuned, held = copies(models)
        how = {
            "generator": seeded(2),
            "steps": 1,
            "checkpoint": tmp_path / "a.pt",
            "prior": PRIOR,
            "class_prompt": CLASS,
        }
        return list(dreambooth(tuned, X_0, prompt, torch.optim.SGD(held, lr=0.1), prior_weight=weight, **how))

    run(PROMPT, 1.0)
    for prompt, weight in (("a blue circle", 1.0), (PROMPT, 0.5)):
        with pytest.raises(ValueError, match="of another run: its data was"):
            run(prompt, weight)


def test_bad_input_is_named(models):
    tuned, held = copies(models)
    optimizer, g = torch.optim.SGD(held, lr=0.1), seeded()
    stranger = torch.optim.SGD([torch.ones(1)], lr=0.1)
    frozen = torch.optim.SGD(models.unet.parameters(), lr=0.1)

    def call(models=tuned, prompt=PROMPT, optimizer=optimizer, **options):
        return dreambooth(models, X_0, prompt, optimizer, generator=g, **options)

    calls = [
        (lambda: call(prior=PRIOR), ["class_prompt is None with prior not None", "give both"]),
        (lambda: call(class_prompt=CLASS), ["class_prompt is 'a circle' with prior None"]),
        (lambda: call(prior=PRIOR, class_prompt=CLASS, prior_weight=-1.0), ["prior_weight is -1.0", ">= 0"]),
        (lambda: call(prior=PRIOR[:, :3], class_prompt=CLASS), ["(4, 3, 8, 8)", "(m, 4, 8, 8) as x_0 is"]),
        (lambda: call(batch=0), ["batch is 0", ">= 1"]),
        (lambda: call(prompt="red " * 40), ["42 tokens long", "takes 16"]),
        (lambda: call(optimizer=stranger), ["not weights of models.unet or text_encoder"]),
        (lambda: call(models, optimizer=frozen), ["do not need gradients", "full_copy or lora_copy"]),
    ]
    for make, words in calls:
        with pytest.raises(ValueError, match=r".") as error:
            make()
        for word in words:
            assert word in str(error.value)
