"""The cells of every post that takes a device run where the models are not on the CPU: on a pretended GPU
(tests/diffloop/devices.py), in small, and with another seed than its own.

The smallest sizes at which each cell has something to do; what a post asserts must hold at these too, and so must what
its text says of values: each is computed and shown.
"""

from __future__ import annotations

import ast
import re

import matplotlib.pyplot as plt
import pytest

from press.core.config import read_config
from press.papers.schema import claims_by_id, read_papers
from tests.diffloop.devices import pretended_gpu
from tests.press.conftest import read_post
from tests.test_posts import ROOT, SOURCES

OTHER_SEED = 7
TOYS = {"n_seeds": 2, "steps": 2}
SMALL = {
    "diffedit": {**TOYS, "n_noises": 2, "n_pairs": 2, "n_edits": 2},
    "dreambooth": {**TOYS, "first_steps": 2, "n_each": 2, "train_steps": 2, "judge_pictures": 64},
    "editing-by-attention": {
        **TOYS,
        "n_prompts": 2,
        "n_pictures": 2,
        "n_tuned": 3,
        "inversion_steps": 2,
        "iterations": 1,
        "few_iterations": 1,
        "embedding_steps": 1,
        "tune_steps": 1,
    },
    "edm": {**TOYS, "per_seed": 2, "toy_seeds": 2, "toy_steps": 5, "n_points": 50},
    "few-steps": {"n_seeds": 2, "n_prompts": 10, "n_others": 2, "toy_seeds": 2, "toy_steps": 6, "n_points": 60},
    "glide": {**TOYS, "n_prompts": 4},
    "guidance": {**TOYS, "n_prompts": 2, "n_noises": 2, "n_networks": 2, "train_steps": 5},
    "guidance-today": {
        **TOYS,
        **{"n_prompts": 2, "n_noises": 2, "n_worlds": 3, "n_points": 40, "n_trainings": 2, "train_steps": 8},
    },
    "guided-distillation": {**TOYS, "n_prompts": 4, "n_compare": 4, "most_steps": 8, "toy_steps": 5},
    "image-to-image": {**TOYS, "n_drawings": 2, "n_edits": 2},
    "imagic": {**TOYS, "n_pictures": 2, "embedding_steps": 2, "tune_steps": 2},
    "matmul-broadcasting": {"steps": 2},
    "negative-prompts": {**TOYS, "n_pictures": 2},
    "progressive-distillation": {**TOYS, "per_seed": 3, "toy_seeds": 2, "toy_steps": 5, "round_steps": 5},
    "textual-inversion": {**TOYS, "train_steps": 2, "judge_pictures": 64},
    "three-models": {**TOYS, "n_prompts": 2, "n_noises": 2},
    "vae-unet": {
        **TOYS,
        **{"n_pictures": 16, "n_looks": 2, "n_practice": 2, "n_probed": 2, "n_inverted": 2, "inversion_steps": 2},
    },
}

MADE_OF = re.compile(r"^(None)?$|\n|\btensor\(|\barray\(|<[\w.]+ .*at 0x")  # Python's own view of a value, or none

ON_A_DEVICE = [path for path in SOURCES if re.search(r"(?m)^device\s*=", path.read_text(encoding="utf-8"))]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("source", ON_A_DEVICE, ids=lambda path: path.parent.name)
def test_a_post_runs_where_its_models_are(source, monkeypatch):
    post = read_post(source, read_config(ROOT), claims_by_id(read_papers(ROOT)))
    small = SMALL[post.slug] | {"device": "cuda"} | {name: OTHER_SEED for name in post.parameters if name == "seed"}
    assert set(small) <= set(post.parameters), f"{post.slug} has {', '.join(post.parameters)}"
    monkeypatch.chdir(source.parent)
    plt.switch_backend("agg")
    space = {"__name__": "__main__"}
    told = []
    with pretended_gpu() as device:
        for cell in post.cells:
            run(cell, space)
            if "parameters" in cell.tags:
                space.update(small)
            told += [(value, shown(value, space)) for value in post.inline if value.after == cell.name]
    assert len(told) == len(post.inline)
    # A mean of so few may be no number; what no reader could make sense of at any size is another matter.
    wrong = [f"{value.file}:{value.line}: {value.expression}: {text!r}" for value, text in told if MADE_OF.search(text)]
    assert not wrong, "\n".join(wrong)
    assert space["models"].device == device


def shown(value, space):
    """The text of a value within the prose."""
    code = compile("\n" * (value.line - 1) + f"({value.expression}\n)", value.file, "eval")
    return str(eval(code, space)).strip()


def run(cell, space):
    """A cell as a notebook runs it: the value of its last line is shown, if it is an expression."""
    # Empty lines before it, so that a traceback tells the line in the post.
    body = ast.parse("\n" * (cell.line - 1) + cell.source).body
    last = ast.Expression(body.pop().value) if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), cell.file, "exec"), space)
    if last is not None:
        value = eval(compile(last, cell.file, "eval"), space)
        value._repr_mimebundle_() if hasattr(value, "_repr_mimebundle_") else repr(value)
    plt.close("all")
