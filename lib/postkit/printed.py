"""The numbers that a paper prints, for a cell that draws them or compares with them.

    from postkit.printed import paper_numbers
    paper_numbers("ddim-inversion-error", paper="song2021ddim")["s10"]  # 0.014

`papers/<citekey>/paper.toml` alone has them, where prose quotes them too. A post that imports this module runs again
when a paper's numbers change, and not when anything else about a paper does.
"""

from __future__ import annotations

from postkit.claims import _read

__all__ = ["paper_numbers"]


def paper_numbers(id: str, *, paper: str) -> dict[str, float]:
    """The `numbers` of a claim, by name.

    Args:
        id: the claim's id in the paper's `paper.toml`.
        paper: the paper's citekey, which is its folder below `papers/`.

    Raises:
        ValueError: no such paper or claim (names the legal ones), `paper.toml` cannot be read, or one of the numbers
            is text such as "67 million".
    """
    numbers = {}
    for name, text in _read(paper, id).numbers.items():
        try:
            numbers[name] = float(text)
        except ValueError:
            raise ValueError(f"papers/{paper}/paper.toml: claim {id!r}: {name} is {text!r}, not a number") from None
    return numbers
