"""Equations as the reader found them beside those that LaTeX, or another reader, says there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from press.intake.auxfile import Printed
from press.tex.data import Numbered

Pair = tuple[Numbered | None, Printed | None]
SKIP = 1.0  # what it costs to leave one out
LARGEST = 4_000_000  # pairs that are weighed


def matched(found: Sequence[Numbered], printed: Sequence[Printed]) -> list[Pair]:
    """Pair equations: by labels that both have once, in order, and between those by place and number.

    Returns:
        Each equation of both sides once, in order; None if the other side has nothing.
    """
    pairs: list[Pair] = []
    here = there = 0
    for i, j in [*_anchors(found, printed), (len(found), len(printed))]:
        pairs += _aligned(found[here:i], printed[there:j])
        if i < len(found):
            pairs.append((found[i], printed[j]))
        here, there = i + 1, j + 1
    return pairs


def _anchors(found: Sequence[Numbered], printed: Sequence[Printed]) -> list[tuple[int, int]]:
    """Places of the labels that both sides have, as many as stand in the same order."""
    times = Counter(entry.label for entry in found) + Counter(entry.label for entry in printed)
    places = {entry.label: j for j, entry in enumerate(printed) if entry.label and times[entry.label] == 2}
    both = [(i, places.pop(entry.label)) for i, entry in enumerate(found) if entry.label in places]
    best: list[list[tuple[int, int]]] = []  # best[n] is a chain of n + 1 whose last place is the smallest
    for pair in both:
        n = next((n for n, chain in enumerate(best) if chain[-1][1] >= pair[1]), len(best))
        best[n : n + 1] = [[*(best[n - 1] if n else []), pair]]
    return best[-1] if best else []


def _likeness(entry: Numbered, other: Printed) -> float:
    file, _, line = entry.place.rstrip(": ").rpartition(":")
    near = file == other.file and line.isdecimal() and other.first - 3 <= int(line) <= other.last
    if entry.label and other.label and entry.label != other.label:
        return -2.0
    return 0.1 + 1.5 * near + (entry.number == other.number)


def _aligned(found: Sequence[Numbered], printed: Sequence[Printed]) -> list[Pair]:
    if not found or not printed or len(found) * len(printed) > LARGEST:
        return [*((entry, None) for entry in found), *((None, other) for other in printed)]
    rows, columns = len(found), len(printed)
    score = [[-SKIP * j for j in range(columns + 1)]]
    for i, entry in enumerate(found):
        row = [-SKIP * (i + 1)]
        for j, other in enumerate(printed):
            row.append(max(score[i][j] + _likeness(entry, other), score[i][j + 1] - SKIP, row[j] - SKIP))
        score.append(row)
    pairs: list[Pair] = []
    i, j = rows, columns
    while i or j:
        if i and j and score[i][j] == score[i - 1][j - 1] + _likeness(found[i - 1], printed[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((found[i], printed[j]))
        elif i and score[i][j] == score[i - 1][j] - SKIP:
            i -= 1
            pairs.append((found[i], None))
        else:
            j -= 1
            pairs.append((None, printed[j]))
    return pairs[::-1]


def repeated(pairs: list[Pair], blank: Sequence[str] = ()) -> set[int]:
    """Places of what is printed a second time, as a theorem that is restated is, or beside nothing."""
    seen = set(blank)
    again = set()
    for k, (entry, other) in enumerate(pairs):
        if other and not entry and other.number in seen:
            again.add(k)
        if other:
            seen.add(other.number)
    return again
