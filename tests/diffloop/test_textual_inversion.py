"""Textual inversion: only the new rows move, and Diffusers reads the file and sees the same word."""

import dataclasses

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, save_file
from tests.diffloop.tiny import build
from tests.diffloop.tiny_models import assert_same_run, bits, cut_off_and_resumed, fixed_loss, same_bits, seeded

from diffloop.pretrained import load
from diffloop.text_to_image import encode_prompts, text_to_image
from diffloop.textual_inversion import (
    add_concept,
    concept_of,
    expand,
    learn_concept,
    learn_concepts,
    load_concept,
    save_concept,
)

X_0 = torch.randn(3, 4, 8, 8, generator=seeded(9))
PROMPTS = ["a <toy> on black", "two <toy> on white"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build(tmp_path_factory.mktemp("tiny"), latents=8)


@pytest.fixture(scope="module")
def models(folder):
    return load(folder)


def learned(models, n_vectors=1, steps=5, **options):
    concept = add_concept(models, "<toy>", initializer="circle", n_vectors=n_vectors)
    optimizer = torch.optim.AdamW([concept.vectors], lr=0.05, weight_decay=0)
    losses = learn_concept(concept, X_0, PROMPTS, optimizer, **{"generator": seeded(), "steps": steps} | options)
    return concept, losses


@pytest.mark.parametrize("n_vectors", [1, 3])
def test_a_new_word_first_means_what_its_initializer_means(models, n_vectors):
    before, vocabulary = bits(models.text_encoder), len(models.tokenizer)
    concept = add_concept(models, "<toy>", initializer="circle", n_vectors=n_vectors)
    words = " ".join(["circle"] * n_vectors)
    ours = encode_prompts(concept.models, [expand(concept, "a <toy> on black")])
    torch.testing.assert_close(ours, encode_prompts(models, [f"a {words} on black"]), atol=0, rtol=0)
    assert torch.equal(encode_prompts(concept.models, ["a red"]), encode_prompts(models, ["a red"]))
    assert same_bits(before, models.text_encoder)
    assert len(models.tokenizer) == vocabulary
    assert models.text_encoder.config.vocab_size == vocabulary
    assert "<toy>" not in models.tokenizer.get_vocab()


@pytest.mark.parametrize("n_vectors", [1, 2])
def test_learning_moves_the_new_rows_and_nothing_else(models, n_vectors):
    before, base_table = bits(models.text_encoder, models.unet, models.vae), models.text_encoder.get_input_embeddings()
    concept, losses = learned(models, n_vectors, steps=3)
    start = concept.vectors.detach().clone()
    for _ in losses:
        rows = concept.models.text_encoder.get_input_embeddings().weight[concept.token_ids]
        assert torch.equal(rows, concept.vectors)  # the models show the word as it is learned
    assert ((concept.vectors - start).abs().amax(1) > 0.01).all()
    table = concept.models.text_encoder.get_input_embeddings().weight
    assert torch.equal(table[: len(base_table.weight)], base_table.weight)
    assert len(table) == len(base_table.weight) + n_vectors
    assert same_bits(before, models.text_encoder, models.unet, models.vae)
    own = dict(concept.models.text_encoder.named_parameters())
    for name, parameter in models.text_encoder.named_parameters():
        assert own[name] is parameter or "token_embedding" in name


def test_learning_lowers_the_loss(models):
    def loss(concept):
        return fixed_loss(models, X_0, encode_prompts(concept.models, [expand(concept, PROMPTS[0])]))

    concept, losses = learned(models, steps=30, batch=4)
    start = loss(add_concept(models, "<toy>", initializer="circle"))
    list(losses)
    assert loss(concept) < start - 1e-3


def test_resumed(models, tmp_path):
    def run(path):
        concept, losses = learned(models, 2, steps=8, checkpoint=path, save_every=3)
        return losses, lambda: [concept.vectors, concept.models.text_encoder.get_input_embeddings().weight]

    assert_same_run(*cut_off_and_resumed(run, tmp_path / "toy.pt", at=5))


@pytest.mark.parametrize("n_vectors", [1, 3])
def test_diffusers_loads_the_word_and_makes_the_same_picture(models, folder, tmp_path, n_vectors):
    concept, losses = learned(models, n_vectors)
    list(losses)
    save_concept(tmp_path / "toy.safetensors", concept)
    saved = load_file(tmp_path / "toy.safetensors")
    assert {name: tuple(value.shape) for name, value in saved.items()} == {"<toy>": (n_vectors, 32)}
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_textual_inversion(tmp_path / "toy.safetensors")
    assert pipeline.tokenizer.convert_tokens_to_ids("<toy>") == concept.token_ids[0]
    theirs, _ = pipeline.encode_prompt("a <toy> on black", "cpu", 1, False)
    ours = encode_prompts(concept.models, [expand(concept, "a <toy> on black")])
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
    x_T = torch.randn(1, 4, 8, 8, generator=seeded(3))
    how = {"num_inference_steps": 3, "guidance_scale": 3.0, "output_type": "pt"}
    theirs = pipeline("a <toy> on black", latents=x_T, **how).images
    ours = text_to_image(concept.models, [expand(concept, "a <toy> on black")], x_T=x_T, steps=3, guidance_scale=3.0)
    assert (ours - theirs).abs().max() <= 1 / 255


def test_saved_and_loaded_again(models, tmp_path):
    concept, losses = learned(models, 2)
    list(losses)
    save_concept(tmp_path / "toy.safetensors", concept)
    again = load_concept(tmp_path / "toy.safetensors", models)
    assert torch.equal(again.vectors, concept.vectors)
    prompt = expand(again, "a <toy>")
    assert prompt == "a <toy> <toy>_1"
    assert torch.equal(encode_prompts(again.models, [prompt]), encode_prompts(concept.models, [prompt]))
    save_file({"<one>": torch.ones(32)}, tmp_path / "one.safetensors")  # as some files on the hub are
    assert load_concept(tmp_path / "one.safetensors", models).vectors.shape == (1, 32)


def test_a_word_of_given_vectors_is_looked_up_as_these(models):
    vectors = models.text_encoder.get_input_embeddings().weight[models.tokenizer(["red"]).input_ids[0][1:2]].detach()
    concept = concept_of(models, "<toy>", vectors.repeat(2, 1))
    expected = encode_prompts(models, ["a red red on black"])
    torch.testing.assert_close(encode_prompts(concept.models, ["a <toy> on black"]), expected, atol=0, rtol=0)
    with torch.no_grad():
        concept.vectors.zero_()
    assert vectors.any()  # the given ones are copied


def test_two_words_at_once(models):
    first = add_concept(models, "<toy>", initializer="circle")
    second = add_concept(first.models, "<hat>", initializer="red", n_vectors=2)
    prompt = expand(second, expand(first, "a <hat> on <toy>"))
    expected = encode_prompts(models, ["a red red on circle"])
    torch.testing.assert_close(encode_prompts(second.models, [prompt]), expected, atol=0, rtol=0)


def test_words_learned_together_are_those_learned_alone(models):
    pictures, rates, sizes = (X_0, X_0.flip(0)), (0.05, 0.01), (1, 2)
    alone, together = [], []
    for x_0, rate, n in zip(pictures, rates, sizes, strict=True):
        pair = [add_concept(models, "<toy>", initializer="circle", n_vectors=n) for _ in range(2)]
        optimizer = torch.optim.AdamW([pair[0].vectors], lr=rate, weight_decay=0)
        list(learn_concept(pair[0], x_0, PROMPTS, optimizer, generator=seeded(), steps=3, batch=2))
        alone.append(pair[0])
        together.append(pair[1])
    groups = [{"params": [c.vectors], "lr": rate} for c, rate in zip(together, rates, strict=True)]
    optimizer = torch.optim.AdamW(groups, weight_decay=0)
    list(learn_concepts(together, pictures, PROMPTS, optimizer, generator=seeded(), steps=3, batch=2))
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(other.vectors, one.vectors, atol=1e-4, rtol=0)
        rows = other.models.text_encoder.get_input_embeddings().weight[other.token_ids]
        assert torch.equal(rows, other.vectors)


def test_words_to_learn_together_share_models_and_numbers_of_pictures(models, folder):
    pair = [add_concept(models, "<toy>", initializer="circle") for _ in range(2)]
    optimizer = torch.optim.AdamW([c.vectors for c in pair], weight_decay=0)
    how = {"prompts": PROMPTS, "optimizer": optimizer, "generator": seeded()}
    with pytest.raises(ValueError, match="concepts is 0 words"):
        learn_concepts([], [], **how)
    with pytest.raises(ValueError, match="all added to the same models"):
        learn_concepts([pair[0], add_concept(load(folder), "<toy>", initializer="circle")], [X_0, X_0], **how)
    with pytest.raises(ValueError, match="give the same one for each"):
        learn_concepts(pair, [X_0, X_0[:2]], **how)


def test_a_table_with_spare_rows_is_not_made_longer(models):
    """Some text encoders have more rows than their tokenizer has tokens."""
    roomy = dataclasses.replace(models, text_encoder=add_concept(models, "<x>", initializer="red").models.text_encoder)
    concept = add_concept(roomy, "<toy>", initializer="circle")
    assert concept.token_ids == [len(models.tokenizer)]
    assert len(concept.models.text_encoder.get_input_embeddings().weight) == len(models.tokenizer) + 1
    assert not torch.equal(
        roomy.text_encoder.get_input_embeddings().weight[-1],
        concept.models.text_encoder.get_input_embeddings().weight[-1],
    )


def test_bad_input_is_named(models, tmp_path):
    concept = add_concept(models, "<toy>", initializer="circle")
    optimizer, g = torch.optim.SGD([concept.vectors], lr=0.1), seeded()
    other = torch.optim.SGD([torch.ones(1)], lr=0.1)
    save_file({"<toy>": torch.ones(2, 7)}, tmp_path / "narrow.safetensors")
    save_file({"a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "two.safetensors")

    def learn(prompts=PROMPTS, optimizer=optimizer, **options):
        return learn_concept(concept, X_0, prompts, optimizer, generator=g, **options)

    calls = [
        (lambda: add_concept(models, "<a b>", initializer="red"), ["'<a b>'", "without spaces"]),
        (lambda: add_concept(models, "", initializer="red"), ["''", "without spaces"]),
        (lambda: add_concept(models, "red</w>", initializer="red"), ["in the vocabulary", "new word"]),
        (lambda: add_concept(concept.models, "<toy>", initializer="red"), ["['<toy>'] is in the vocabulary"]),
        (lambda: add_concept(models, "<toy>", initializer="zebra"), ["'zebra'", "5 tokens", "must be one"]),
        (lambda: add_concept(models, "<toy>", initializer="red", n_vectors=0), ["n_vectors is 0", ">= 1"]),
        (lambda: concept_of(models, "<hat>", torch.ones(2, 1)), ["(2, 1)", "(n, 32)"]),
        (lambda: learn(["a red circle"]), ["'a red circle' lacks '<toy>'"]),
        (lambda: learn(["red " * 30 + "<toy>"]), ["lacks '<toy>', or is cut", "first 14 tokens"]),
        (lambda: learn("a <toy>"), ["'a <toy>'", "a list of strings"]),
        (lambda: learn([]), ["[]", "not empty"]),
        (lambda: learn(batch=0), ["batch is 0", ">= 1"]),
        (lambda: learn(optimizer=other), ["not concept.vectors"]),
        (lambda: load_concept(tmp_path / "narrow.safetensors", models), ["(2, 7)", "(n, 32) or (32,)"]),
        (lambda: load_concept(tmp_path / "two.safetensors", models), ["must hold one word"]),
    ]
    for call, words in calls:
        with pytest.raises(ValueError, match=r".") as error:
            call()
        for word in words:
            assert word in str(error.value)
