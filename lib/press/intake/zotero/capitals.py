"""Which words of a title keep their capitals when a citation style writes it in lower case."""

from __future__ import annotations

import re

from press.intake.zotero.ordinary import is_ordinary, words

WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
START = re.compile(r"(?:^|[.:?!–—]\s)\W*$")
PROPER = re.compile(
    "Adam|Bayes|Bayesian|Bernoulli|Boltzmann|Brownian|Carlo|Euler|Fourier|Fréchet|Gaussians?|Hamiltonian|Hilbert|Hugging|"
    "Jensen|Kullback|Langevin|Laplace|Laplacian|Leibler|Lipschitz|Markov|Monte|Poisson|Python|Riemann|Riemannian|Stein|"
    "Tweedie|Wasserstein|Wiener|Wikipedia|Zotero"
)


def protect(title: str, keep: bool | None = None) -> list[tuple[int, int]]:
    """Spans of the words to protect.

    In an English title these are acronyms and mixed capitals (`GAN`, `DiffEdit`), letters with digits (`H2O`),
    compounds such as `U-Net`, and every capitalised word that is not an ordinary English one: `African`.
    Where such a title is otherwise in lower case, an ordinary word too has its capital for a reason. In any other
    language, where nouns may have capitals and styles leave titles as they are, all stay.

    Args:
        title: without markup.
        keep: True if every capital stays, as in another language or a name; False if the title is English; None if
            that is to be seen from its words.
    """
    if title.upper() == title and len(title) > 20:
        return []  # somebody shouts: nothing to learn from capitals
    found = list(WORD.finditer(title))
    foreign = not is_english([word[0] for word in found]) if keep is None else keep
    lower = foreign or sentence_case(title, found)
    spans: list[tuple[int, int]] = []
    for word in found:
        if spans and word.start() <= spans[-1][1]:
            continue
        if keeps_capitals(word[0]) or (word[0][0].isupper() and _matters(title, word, foreign, lower)):
            compound = re.compile(r"-[^\W_]+").match(title, word.end()) if len(word[0]) == 1 else None
            spans.append((word.start(), compound.end() if compound else word.end()))
    joined: list[tuple[int, int]] = []
    for span in spans:
        near = joined and title[joined[-1][1] : span[0]] in (" ", "/")
        joined = [*joined[:-1], (joined[-1][0], span[1])] if near else [*joined, span]
    return joined


def _matters(title: str, word: re.Match, foreign: bool, lower: bool) -> bool:
    """Whether a word's first capital would be missed; that of a title's first word is never taken away."""
    before = title[: word.start()]
    if not re.search(r"\w", before):
        return False
    return foreign or (lower and not START.search(before)) or not (word[0] in ("A", "I") or is_ordinary(word[0]))


def keeps_capitals(word: str) -> bool:
    """Whether this word alone shows that its capitals matter."""
    if word in ("A", "I") or not any(map(str.isupper, word)):
        return not word.isascii() and word != word.lower()  # title-case digraphs
    inner = any(map(str.isupper, word[1:])) or any(map(str.isdigit, word)) or len(word) == 1
    foreign = any(c.isupper() and not c.isascii() for c in word)
    stem = re.sub(r"['’]s$", "", word)
    return inner or foreign or bool(PROPER.fullmatch(stem))


def is_english(title: list[str]) -> bool:
    """Whether these words make an English title: at least half are known, and none are small words of another language.

    A foreign name in an English title may bring such words with it ("de Finetti"): the English ones must be more.
    """
    other = sum(word.islower() and word in words("other") for word in title)
    english = sum(word.lower() in words("english") for word in title)
    judged = [word for word in title if len(word) > 1 and word[1:].islower()]
    known = sum(is_ordinary(word) for word in judged)
    return known * 2 >= len(judged) and (not other or english > other)


def sentence_case(title: str, found: list[re.Match]) -> bool:
    """Whether a title is in lower case, as Zotero recommends: most long words are, or one that no headline leaves so.

    A headline has capitals on all words but small ones ("using", "between") and those after a hyphen.
    """
    inside = [word for word in found if len(word[0]) > 3 and not START.search(title[: word.start()])]
    lower = [word for word in inside if not word[0][0].isupper()]
    plain = [word[0] for word in lower if title[word.start() - 1] == " " and is_ordinary(word[0])]
    return len(lower) * 2 > len(inside) or any(word not in words("small") for word in plain)
