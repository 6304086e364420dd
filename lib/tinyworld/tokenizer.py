"""A CLIPTokenizer for the world's captions: byte-pair merges learned from them, on top of a complete byte alphabet."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTokenizer

from tinyworld.captions import STYLES, caption
from tinyworld.scene import COLOURS, GROUNDS, SHAPES, SIZES, Scene, Thing

LENGTH = 32  # tokens, start and end included: the longest caption has 17
START, END = "<|startoftext|>", "<|endoftext|>"


def caption_words() -> list[str]:
    """Every word of every caption, sorted."""
    things = [Thing(shape, colour, size) for shape in SHAPES for colour in COLOURS for size in SIZES]
    scenes = [Scene(ground, shown) for ground in GROUNDS for thing in things for shown in ((thing,), (thing, thing))]
    text = " ".join(caption(scene, style) for scene in scenes for style in range(STYLES))
    return sorted(set(text.replace(",", " ").split()))


def learn_merges(words: list[str]) -> list[tuple[str, str]]:
    """Byte-pair merges, the most frequent pair first (ties in alphabetical order), until every word is one token.

    Source: Sennrich, Haddow and Birch (2016), "Neural machine translation of rare words with subword units", Alg. 1.
    """
    splits = [[*word[:-1], word[-1] + "</w>"] for word in words]
    merges: list[tuple[str, str]] = []
    while pairs := Counter(pair for split in splits for pair in pairwise(split)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for split in splits:
            at = 0
            while at < len(split) - 1:
                if (split[at], split[at + 1]) == best:
                    split[at : at + 2] = ["".join(best)]
                at += 1
    return merges


def make_tokenizer() -> CLIPTokenizer:
    """The tokenizer: any text tokenises, a caption's words are one token each, and tokens can be appended."""
    alphabet = sorted(ByteLevel.alphabet())
    merges = learn_merges(caption_words())
    tokens = dict.fromkeys([*alphabet, *(a + "</w>" for a in alphabet), *("".join(m) for m in merges), START, END])
    vocabulary = {token: i for i, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=LENGTH)


def load_tokenizer(folder: str | Path) -> CLIPTokenizer:
    """A saved tokenizer. Raises ValueError if the folder does not hold one."""
    try:
        return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise ValueError(f"{folder} does not hold a complete tokenizer ({error}); export it again") from error
