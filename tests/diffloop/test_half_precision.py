"""Fine-tuning a model that was loaded in half precision trains float32 weights, and sampling with it works."""

import dataclasses

import pytest
import torch
from tests.diffloop.tiny import build
from tests.diffloop.tiny_models import seeded

from diffloop.dreambooth import dreambooth
from diffloop.finetuning import full_copy, lora_copy, lora_parameters
from diffloop.guided_distillation import guided_student
from diffloop.pretrained import load
from diffloop.text_to_image import text_to_image

HALF = [torch.bfloat16, torch.float16]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build(tmp_path_factory.mktemp("tiny"), latents=8)


def trained(models, parameters, lr=1e-5):
    old = [p.detach().clone() for p in parameters]
    x_0 = torch.randn(2, 4, 8, 8, generator=seeded())
    losses = list(
        dreambooth(models, x_0, "a red circle", torch.optim.AdamW(parameters, lr=lr), generator=seeded(), steps=2)
    )
    moved = sum((a != b).sum().item() for a, b in zip(old, parameters, strict=True)) / sum(a.numel() for a in old)
    return [loss for _, loss in losses], moved


@pytest.mark.parametrize("dtype", HALF)
def test_a_full_copy_trains_in_float32(folder, dtype):
    models, exact = load(folder, dtype=dtype), load(folder)
    tuned, reference = (dataclasses.replace(m, unet=full_copy(m.unet)) for m in (models, exact))
    parameters = list(tuned.unet.parameters())
    assert {p.dtype for p in parameters} == {torch.float32}
    assert models.unet.dtype == dtype
    losses, moved = trained(tuned, parameters)
    expected, as_many = trained(reference, list(reference.unet.parameters()))
    assert moved > as_many - 0.02
    torch.testing.assert_close(torch.tensor(losses), torch.tensor(expected), atol=0, rtol=0.02)
    image = text_to_image(tuned, ["a red circle"], generator=seeded(), steps=2, guidance_scale=2.0)
    assert image.dtype == torch.float32


@pytest.mark.parametrize("dtype", HALF)
def test_low_rank_additions_to_a_half_precision_base_are_float32(folder, dtype):
    models = load(folder, dtype=dtype)
    tuned = dataclasses.replace(models, unet=lora_copy(models.unet, rank=2, generator=seeded()))
    parameters = lora_parameters(tuned.unet)
    assert {p.dtype for p in parameters} == {torch.float32}
    assert tuned.dtype == dtype
    _, moved = trained(tuned, parameters)
    assert moved > 0.9


@pytest.mark.parametrize("dtype", HALF)
def test_a_guided_student_is_float32(folder, dtype):
    assert guided_student(load(folder, dtype=dtype).unet, dim=8).dtype == torch.float32


@pytest.mark.parametrize("dtype", HALF)
def test_weights_in_half_precision_are_not_trained(folder, dtype):
    models = load(folder, dtype=dtype)
    models.unet.requires_grad_(True)
    with pytest.raises(
        ValueError, match=rf"the optimizer holds tensors of {dtype}, .*float32: .*full_copy or lora_copy"
    ):
        trained(models, list(models.unet.parameters()))
