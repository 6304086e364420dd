"""New words in a prompt: one of several vectors is several tokens, "<toy> <toy>_1 <toy>_2", as Diffusers names them."""

from __future__ import annotations

import re
from typing import Any


def expand_words(tokenizer: Any, prompt: str) -> str:
    """The prompt with each new word of several vectors written out as all its tokens. Written-out ones stay.

    Args:
        tokenizer: of a checkpoint; words that were added to it count.
        prompt: as typed.
    """
    added = set(tokenizer.get_added_vocab())
    written = {word: _tokens(word, added) for word in added}
    written = {word: " ".join(tokens) for word, tokens in written.items() if len(tokens) > 1}
    if not written:
        return prompt
    longest_first = sorted({*added, *written.values()}, key=len, reverse=True)
    pattern = "|".join(re.escape(piece) for piece in longest_first)
    return re.sub(pattern, lambda match: written.get(match[0], match[0]), prompt)


def _tokens(word: str, added: set[str]) -> list[str]:
    tokens = [word]
    while (following := f"{word}_{len(tokens)}") in added:
        tokens.append(following)
    return tokens
