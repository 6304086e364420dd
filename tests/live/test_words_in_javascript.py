"""Captions as tokens: Hugging Face's tokenizer in JavaScript, against the one that the models were trained with."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from diffloop.attention import word_positions
from diffloop.stable_diffusion import tokenized
from tinyworld.captions import STYLES, caption
from tinyworld.scene import COLOURS, GROUNDS, SHAPES, SIZES, Scene, Thing
from tinyworld.tokenizer import load_tokenizer

from .node import in_node, needs_node

pytestmark = needs_node
TOKENIZER = Path(__file__).resolve().parents[2] / "models/tiny/tokenizer"
ODD = [
    "", " ", "A  RED\tball,\n on grass!", "it's the dog's; I'll say 'no'", "ein grüner Würfel, naïve café", "three 3 balls 2024",
    "红色的球", "🟥 ball 👩‍🚀", "e\u0301 and é", "a-b_c/d\\e|f", "<|startoftext|> red <|endoftext|> blue", "ball " * 60,
    "\u00a0ball\u2003red", "İstanbul ǅ ﬁ", "½ x² ①", "x" * 300,
]  # fmt: skip
SCRIPT = """
const read = async (url) => new Uint8Array(readFileSync(url));
const words = await Words.open(new URL(given.base), given.text, read);
say({ ids: given.captions.map((caption) => words.padded(caption)), places: given.places.map(([caption, word]) => words.positions(caption, word)),
      lost: given.captions.map((caption) => words.lost(caption)) });
"""


@pytest.fixture(scope="module")
def both(packages, tmp_path_factory):
    """(captions, what JavaScript says of them, our tokenizer)."""
    draw, captions = random.Random(0), []
    while len(captions) < 10_000:
        things = tuple(
            Thing(draw.choice(SHAPES), draw.choice(COLOURS), draw.choice(SIZES)) for _ in range(draw.choice((1, 2)))
        )
        captions.append(caption(Scene(draw.choice(GROUNDS), things), draw.randrange(STYLES)))
    tokenizer = load_tokenizer(TOKENIZER)
    text = {"length": tokenizer.model_max_length, "pad": tokenizer.pad_token_id, "end": tokenizer.eos_token_id}
    text |= {"module": (packages["tokenizers"] / "dist/tokenizers.min.mjs").as_uri()}
    text |= {"tokenizer": "tokenizer.json", "config": "tokenizer_config.json"}
    places = [(caption, word) for caption in captions[:500] for word in ("red", "ball", "grass", "left of", "nothing")]
    given = {"captions": captions + ODD, "base": TOKENIZER.as_uri() + "/", "text": text, "places": places}
    found = in_node(SCRIPT, given, tmp_path_factory.mktemp("words"), from_words="Words")
    return given, found, tokenizer


def test_ten_thousand_captions_have_the_same_tokens(both):
    given, found, tokenizer = both
    assert len(set(given["captions"])) > 3000
    want = tokenized(tokenizer, given["captions"][:10_000]).input_ids.tolist()
    assert found["ids"][:10_000] == want
    assert not any(found["lost"][:10_000])


@pytest.mark.filterwarnings("ignore:the prompt is")
@pytest.mark.parametrize("index", range(len(ODD)), ids=[json.dumps(text)[:30] for text in ODD])
def test_so_has_whatever_else_a_reader_may_type(both, index):
    _, found, tokenizer = both
    ids = tokenizer(ODD[index], truncation=False, verbose=False).input_ids
    assert found["ids"][10_000 + index] == tokenized(tokenizer, [ODD[index]]).input_ids[0].tolist()
    assert found["lost"][10_000 + index] == max(0, len(ids) - tokenizer.model_max_length)


def test_a_word_is_found_where_python_finds_it(both):
    given, found, tokenizer = both
    for (text, word), places in zip(given["places"], found["places"], strict=True):
        want = word_positions(tokenizer, text, word) if f" {word} " in f" {text.replace(',', '')} " else []
        assert places == want, (text, word)
