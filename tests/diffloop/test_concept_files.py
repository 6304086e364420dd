"""Words from the files of the ecosystem, and prompts with words of several vectors."""

import collections

import pytest
import torch
from safetensors.torch import save_file
from tests.diffloop.tiny_models import seeded, tiny
from torch import nn

from diffloop.guidance import Guidance
from diffloop.text_to_image import encode_prompts, text_to_image
from diffloop.textual_inversion import add_concept, expand, load_concept

VECTORS = torch.randn(3, 32, generator=seeded())


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def meaning(models):
    """What "a <three vectors> on black" is, by hand: the rows put into the text encoder's table."""
    concept = add_concept(models, "<by-hand>", initializer="red", n_vectors=3)
    concept.models.text_encoder.get_input_embeddings().weight[concept.token_ids] = VECTORS
    return encode_prompts(concept.models, ["a <by-hand> <by-hand>_1 <by-hand>_2 on black"])


FILES = {
    "learned_embeds.bin": ("<cat>", {"<cat>": VECTORS}),
    "learned_embeds.safetensors": ("<cat>", {"<cat>": VECTORS}),
    "half.safetensors": ("<cat>", {"<cat>": VECTORS.half()}),
    "EasyNegative.safetensors": ("EasyNegative", {"emb_params": VECTORS}),
    "style.pt": ("gold", {"string_to_token": {"*": 265}, "string_to_param": {"*": VECTORS}, "name": "gold", "step": 3}),
    "unnamed.pt": ("unnamed", {"string_to_param": {"*": nn.Parameter(VECTORS)}, "name": None}),
    "repository.pt": ("repository", {"string_to_param": nn.ParameterDict({"*": nn.Parameter(VECTORS)})}),
    "bare.bin": ("bare", VECTORS),
}


@pytest.mark.parametrize("file", FILES)
def test_a_file_gives_its_word(models, meaning, tmp_path, file):
    word, state = FILES[file]
    (save_file if file.endswith(".safetensors") else torch.save)(state, tmp_path / file)
    concept = load_concept(tmp_path / file, models)
    assert (concept.placeholder, len(concept.token_ids)) == (word, 3)
    tolerance = 0.05 if file.startswith("half") else 1e-6
    ours = encode_prompts(concept.models, [f"a {word} on black"])
    torch.testing.assert_close(ours, meaning, atol=tolerance, rtol=0)
    other = load_concept(tmp_path / file, models, placeholder="<other>")
    assert torch.equal(encode_prompts(other.models, ["a <other> on black"]), ours)


class Runs:
    def __reduce__(self):
        return (print, ("code in a pickle was run",))


@pytest.mark.parametrize(
    ("file", "state", "words"),
    [
        ("evil.pt", {"<cat>": Runs()}, "cannot be read"),
        ("sdxl.safetensors", {"clip_l": torch.ones(1, 32), "clip_g": torch.ones(1, 64)}, "two text encoders of SDXL"),
        ("wide.bin", {"<cat>": torch.ones(1, 768)}, r"'<cat>' of shape \(1, 768\).*another text encoder"),
        ("empty.bin", {}, "must hold one word"),
        ("text.bin", {"<cat>": "cat"}, "must hold one word"),
        ("list.pt", [1, 2], "holds a list"),
        ("two words.safetensors", {"emb_params": torch.ones(1, 32)}, "'two words'; it must be one piece"),
        ("cat.txt", {"<cat>": VECTORS}, "is not a .safetensors, .bin or .pt file"),
        ("broken.safetensors", None, "cannot be read"),
        ("broken.pt", None, "cannot be read"),
    ],
)
def test_a_file_that_is_no_word_is_named(models, tmp_path, capsys, file, state, words):
    if state is None:
        (tmp_path / file).write_bytes(b"no such thing")
    else:
        (save_file if file.endswith(".safetensors") else torch.save)(state, tmp_path / file)
    with pytest.raises(ValueError, match=words):
        load_concept(tmp_path / file, models)
    assert "was run" not in capsys.readouterr().out


def test_expanding_is_idempotent_and_knows_where_a_word_ends(models):
    toy = add_concept(models, "<toy>", initializer="circle", n_vectors=3)
    both = add_concept(toy.models, "toy", initializer="red", n_vectors=2)
    longer = add_concept(both.models, "toys", initializer="red")
    many = add_concept(longer.models, "<m>", initializer="red", n_vectors=12)
    whole = "<toy> <toy>_1 <toy>_2"
    cases = {
        "a <toy>": f"a {whole}",
        "<toy>, <toy>": f"{whole}, {whole}",
        "only <toy>_1": "only <toy>_1",
        "toys and toy": "toys and toy toy_1",
        "nothing": "nothing",
        "<m>": " ".join(["<m>", *(f"<m>_{i}" for i in range(1, 12))]),
    }
    for typed, written in cases.items():
        assert expand(many, typed) == written
        assert expand(many, written) == written
    assert collections.Counter(many.models.tokenizer.tokenize(expand(many, "a <toy>")))["<toy>_2"] == 1


def test_every_function_that_takes_a_prompt_expands_it(models):
    toy = add_concept(models, "<toy>", initializer="circle", n_vectors=3)
    toy.models.text_encoder.get_input_embeddings().weight[toy.token_ids] = VECTORS
    typed, written = "a <toy> on black", expand(toy, "a <toy> on black")
    assert typed != written
    assert torch.equal(encode_prompts(toy.models, [typed]), encode_prompts(toy.models, [written]))
    ways = (
        lambda prompt: {"prompts": [prompt], "guidance_scale": 2.0},
        lambda prompt: {"prompts": ["a red"], "guidance_scale": Guidance(2.0, negative=[prompt])},
    )
    for way in ways:
        pictures = [
            text_to_image(toy.models, generator=seeded(), steps=2, **way(prompt))
            for prompt in (typed, written, "a red")
        ]
        assert torch.equal(pictures[0], pictures[1])
