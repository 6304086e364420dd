"""The examples in the docstrings of lib/diffloop run as they are printed, on small random networks and for few steps."""

import ast
import importlib
import pkgutil
import re
import textwrap

import pytest
import torch
from tests.diffloop.tiny_models import seeded, tiny

import diffloop

STEPS = 2  # in the place of the hundreds that an example asks for


def examples():
    """Module -> the indented lines of its docstring, where they are Python that calls a function of the module."""
    found = {}
    for name in (module.name for module in pkgutil.iter_modules(diffloop.__path__)):
        module = importlib.import_module(f"diffloop.{name}")
        lines = [line for line in module.__doc__.split("\n") if line.startswith("    ")]
        code = textwrap.dedent("\n".join(lines))
        try:
            calls = [node.func for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
        except SyntaxError:  # a table, or a formula
            continue
        own = {key for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
        if own & {call.id for call in calls if isinstance(call, ast.Name)}:
            found[name] = code
    return found


EXAMPLES = examples()


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("tiny"))


def names(models, module):
    """What a reader has at hand who writes such lines: models, data, and what the library and torch export."""
    here = {}
    for name in (*(info.name for info in pkgutil.iter_modules(diffloop.__path__)), module):  # its own names last
        exported = vars(importlib.import_module(f"diffloop.{name}"))
        here |= {k: v for k, v in exported.items() if not k.startswith("_") and callable(v)}
    for name in ("torch", "dataclasses", "copy"):
        here[name] = importlib.import_module(name)
    text, x_0 = models.encode_text(["", "a red circle"]).clone(), torch.randn(1, 4, 8, 8, generator=seeded())
    weight = torch.nn.Linear(1, 1)
    return here | {
        "models": models, "bars": models.alphas_cumprod, "levels": models.levels(4), "level": models.levels(4)[0],
        "load": lambda folder: models, "Adam": torch.optim.Adam, "g": seeded(), "prompt": "a red circle",
        "x_0": x_0, "class_latents": x_0, "x_t": x_0, "x_T": x_0, "unet": weight,
        "uncond": text[:1], "text": text[1:], "cond": text[1:], "scales": torch.full((1,), 3.0),
        "draw": lambda generator: (x_0, text[1:]),
        "student": unet_like(models, train=True), "teacher": unet_like(models),
        "loss_at": lambda generator: weight(torch.randn(4, 1, generator=generator)).square().mean(),
        "images": torch.rand(1, 3, 32, 32, generator=seeded()), "prompts": ["a red circle"], "eps": torch.randn_like(x_0), "i": torch.tensor([3]),
        "under": lambda model, cond: lambda x, level: model(x, level, cond), "follower": unet_like(models, train=True),
        "student_unet": weight, "follower_unet": torch.nn.Linear(1, 1),
        "optimizer": torch.optim.SGD(weight.parameters(), lr=1e-3),
    }  # fmt: skip


def unet_like(models, *, train=False):
    from diffloop.finetuning import full_copy
    from diffloop.guided_distillation import unet_model

    return unet_model(full_copy(models.unet) if train else models.unet)


def test_every_example_is_found():
    assert set(EXAMPLES) >= {
        "attention", "distillation", "dreambooth", "finetuning", "guided_distillation", "imagic", "text_to_image",
        "textual_inversion", "training",
    }  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs(name, models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    code = re.sub(r"""(\bsteps"?[=:] ?)\d+|(\.levels\()50""", lambda m: f"{m[1] or m[2]}{STEPS}", EXAMPLES[name])
    exec(compile(code, f"diffloop.{name}", "exec"), names(models, name))
