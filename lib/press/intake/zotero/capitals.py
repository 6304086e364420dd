"""Which words of a title keep their capitals when a citation style writes it in lower case."""

from __future__ import annotations

import re

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
START = re.compile(r"(?:^|[.:?!–—]\s)\W*$")
PROPER = re.compile(
    "Adam|Bayes|Bayesian|Bernoulli|Boltzmann|Brownian|Carlo|Euler|Fourier|Fréchet|Gaussians?|Hamiltonian|Hilbert|Hugging|"
    "Jensen|Kullback|Langevin|Laplace|Laplacian|Leibler|Lipschitz|Markov|Monte|Poisson|Python|Riemann|Riemannian|Stein|"
    "Tweedie|Wasserstein|Wiener|Wikipedia|Zotero"
)


def protect(title: str) -> list[tuple[int, int]]:
    """Spans of the words to protect.

    Acronyms and mixed capitals (`GAN`, `DiffEdit`), letters with digits (`H2O`), names from a short list, compounds
    such as `U-Net`; in a title that is otherwise in lower case, every capitalised word that does not begin a sentence.
    """
    if title.upper() == title and len(title) > 20:
        return []  # somebody shouts: nothing to learn from capitals
    words = list(WORD.finditer(title))
    lower = sentence_case(title, words)
    spans: list[tuple[int, int]] = []
    for word in words:
        if spans and word.start() <= spans[-1][1]:
            continue
        if keeps_capitals(word[0]) or (lower and word[0][0].isupper() and not START.search(title[: word.start()])):
            compound = re.compile(r"-[^\W_]+").match(title, word.end()) if len(word[0]) == 1 else None
            spans.append((word.start(), compound.end() if compound else word.end()))
    joined: list[tuple[int, int]] = []
    for span in spans:
        near = joined and title[joined[-1][1] : span[0]] == " "
        joined = [*joined[:-1], (joined[-1][0], span[1])] if near else [*joined, span]
    return joined


def keeps_capitals(word: str) -> bool:
    """Whether this word alone shows that its capitals matter."""
    if word in ("A", "I") or not any(map(str.isupper, word)):
        return not word.isascii() and word != word.lower()  # title-case digraphs
    inner = any(map(str.isupper, word[1:])) or any(map(str.isdigit, word)) or len(word) == 1
    foreign = any(c.isupper() and not c.isascii() for c in word)
    stem = re.sub(r"['’]s$", "", word)
    return inner or foreign or bool(PROPER.fullmatch(stem))


def sentence_case(title: str, words: list[re.Match]) -> bool:
    """Whether the title's long words are mostly in lower case, as Zotero recommends."""
    inside = [word[0] for word in words if len(word[0]) > 3 and not START.search(title[: word.start()])]
    return bool(inside) and sum(word[0].isupper() for word in inside) * 2 < len(inside)
