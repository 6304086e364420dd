"""Whether the outputs of two runs agree, and how far apart they are where they do not.

Two runs of the same code give the same bytes on the same machine, but for measured times. On another one, sums are
added up in another order (threads, width of the processor's vectors, another BLAS): single precision then differs by
about 1e-6, and through a few hundred calls of a network by up to 1e-4. So numbers agree within 1e-3 of their size, or
one unit of the last decimal place that is printed; pictures within 1% of the range, on average over their pixels, as a
line that moves by one pixel changes less than that. A measurement agrees if it lies in the other run's interval, too.
"""

from __future__ import annotations

import base64
import io
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from postkit.claims import MIME, interval_text
from postkit.verdicts import Claim, Measurement, verdict
from press.core.errors import PressError
from press.papers.boxes import read_measurement
from press.posts.notebookfile import text_of

RELATIVE = 1e-3
PICTURE_MEAN = 0.01
TIMING = "timing"  # a cell's tag: its numbers are measured times, or made of such
NUMBER = re.compile(r"(?<![\w.])[-\N{MINUS SIGN}]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?|(?<=[a-zA-Z_=])\d+\.\d+")
TIME = re.compile(
    r"\d[\d,]*(?:\.\d+)?\s*(?:ns|\u00b5s|us|ms|s|sec|seconds?|min|minutes?|h|hours?|it/s|s/it)\b|\b\d+:\d\d(?::\d\d)?\b"
)
ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
DATA_URI = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,([A-Za-z0-9+/=]+)")
COMMIT = re.compile(r"commit (?:<code>)?[^\u00b7<\n]*")
PIXELS = ("image/png", "image/jpeg", "image/gif", "image/webp")
LARGEST = 50_000_000  # pixels of a picture


class Grade(IntEnum):
    """How far apart: from DIFFERENT on, two runs do not agree."""

    SAME = 0
    TIMES = 1
    DIGITS = 2
    DIFFERENT = 3
    VERDICT = 4


WORDS = ("the same", "only measured times", "last digits", "different", "another verdict")


@dataclass(frozen=True)
class Finding:
    """What was found of a cell, or of a part of it."""

    grade: Grade
    said: str = ""


SAME = Finding(Grade.SAME)


def compare(old: list[dict[str, Any]], new: list[dict[str, Any]], claims: Mapping[str, Claim], timing: bool) -> Finding:
    """The worst that there is between the outputs of a cell in two runs.

    Args:
        claims: of the papers, by id, for the verdicts.
        timing: whether the cell says that its numbers are measured times.
    """
    old, new = _joined(old), _joined(new)
    if old == new:
        return SAME
    kinds = [[_kind(output) for output in outputs] for outputs in (old, new)]
    if kinds[0] != kinds[1]:
        return Finding(Grade.DIFFERENT, f"outputs of a different kind: {_list(kinds[1])} instead of {_list(kinds[0])}")
    found = max((_outputs(*pair, claims) for pair in zip(old, new, strict=True)), key=lambda one: one.grade)
    if timing and found.grade in (Grade.DIGITS, Grade.DIFFERENT):
        return Finding(Grade.TIMES, found.said)
    return found


def _joined(outputs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The outputs with neighbouring pieces of one stream put together: how a stream is cut is chance."""
    done: list[dict[str, Any]] = []
    for output in outputs:
        if output["output_type"] != "stream":
            plain = {name: output[name] for name in output if name not in ("execution_count", "metadata")}
            done.append(plain)
        elif done and done[-1].get("name") == output["name"]:
            done[-1] = done[-1] | {"text": done[-1]["text"] + text_of(output["text"])}
        else:
            done.append({"output_type": "stream", "name": output["name"], "text": text_of(output["text"])})
    return done


def _kind(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return str(output["name"])
    if output["output_type"] == "error":
        return f"error {output['ename']}"
    # What a cell shows as its value, and what it displays, are the same to a reader.
    return "+".join(sorted(output["data"]))


def _list(kinds: list[str]) -> str:
    return ", ".join(kinds) or "none"


def _outputs(old: dict[str, Any], new: dict[str, Any], claims: Mapping[str, Claim]) -> Finding:
    if old["output_type"] == "stream":
        return compare_texts(old["text"], new["text"])
    if old["output_type"] == "error":
        return compare_texts(text_of(old["evalue"]), text_of(new["evalue"]))
    if MIME in old["data"]:
        return compare_claims(old["data"][MIME], new["data"][MIME], claims)
    line = "postkit-provenance" in text_of(old["data"].get("text/html"))
    found = [SAME]
    for mime, value in old["data"].items():
        other = new["data"][mime]
        if value == other:
            continue
        if mime in PIXELS:
            found.append(compare_pictures(text_of(value), text_of(other)))
            continue
        texts = [json.dumps(v, sort_keys=True) if mime.endswith("json") else text_of(v) for v in (value, other)]
        found.append(compare_texts(*(COMMIT.sub("commit", text, count=1) if line else text for text in texts)))
    return max(found, key=lambda one: one.grade)


def compare_texts(old: str, new: str) -> Finding:
    """Two texts: pictures within them as pictures, numbers as numbers, times reported as times."""
    if old == new:
        return SAME
    pictures = [DATA_URI.findall(text) for text in (old, new)]
    old, new = (ADDRESS.sub("0x", DATA_URI.sub("picture", text)) for text in (old, new))
    if len(pictures[0]) != len(pictures[1]):
        return Finding(Grade.DIFFERENT, f"{len(pictures[1])} pictures instead of {len(pictures[0])}")
    found = [compare_pictures(*pair) for pair in zip(*pictures, strict=True)]
    timeless = [TIME.sub("T", text) for text in (old, new)]
    plain = _numbers(old, new)
    if plain.grade == Grade.DIFFERENT and (without := _numbers(*timeless)).grade < Grade.DIFFERENT:
        plain = Finding(max(Grade.TIMES, without.grade), plain.said)
    return max([*found, plain], key=lambda one: one.grade)


def _numbers(old: str, new: str) -> Finding:
    if old == new:
        return SAME
    if NUMBER.sub("#", old) != NUMBER.sub("#", new):
        pairs = zip(old.splitlines(), new.splitlines(), strict=False)
        first = next((pair for pair in pairs if pair[0] != pair[1]), ("", "more or fewer lines"))
        return Finding(
            Grade.DIFFERENT, f"different text: {first[1].strip()[:60]!r} instead of {first[0].strip()[:60]!r}"
        )
    for a, b in zip(NUMBER.findall(old), NUMBER.findall(new), strict=True):
        if not _close(a, b):
            return Finding(Grade.DIFFERENT, f"{b} instead of {a}")
    return Finding(Grade.DIGITS)


def _close(a: str, b: str) -> bool:
    if a == b:
        return True
    texts = [text.replace("\N{MINUS SIGN}", "-").replace(",", "") for text in (a, b)]
    x, y = map(float, texts)
    # The unit of a whole number is not a last digit: it may be a count.
    unit = max((float(f"1e{e or 0}") * 10.0 ** -len(d) for d, e in map(_decimals, texts) if d), default=0.0)
    return all(map(math.isfinite, (x, y, unit))) and abs(x - y) <= max(RELATIVE * max(abs(x), abs(y)), 1.0001 * unit)


def _decimals(text: str) -> tuple[str, str]:
    mantissa, _, exponent = text.lower().partition("e")
    return mantissa.partition(".")[2], exponent


def compare_pictures(old: str, new: str) -> Finding:
    """Two pictures in base64, by the mean difference of their pixels as a share of the range."""
    import numpy as np
    from PIL import Image

    if old == new:
        return SAME
    try:
        images = [Image.open(io.BytesIO(base64.b64decode(text))) for text in (old, new)]
        if images[0].size != images[1].size:
            sizes = [f"{image.width} x {image.height}" for image in images]
            return Finding(Grade.DIFFERENT, f"a picture of {sizes[1]} pixels instead of {sizes[0]}")
        if images[0].width * images[0].height > LARGEST:
            return Finding(Grade.DIFFERENT, "a picture that is too large to compare")
        a, b = (np.asarray(image.convert("RGBA"), dtype=np.float32) for image in images)
    except (OSError, ValueError, Image.DecompressionBombError):
        return Finding(Grade.DIFFERENT, "a picture that cannot be read")
    share = float(np.abs(a - b).mean()) / 255
    grade = Grade.SAME if share == 0 else Grade.DIGITS if share <= PICTURE_MEAN else Grade.DIFFERENT
    return Finding(grade, f"a picture differs by {100 * share:.2g}% on average" if share else "")


def compare_claims(old: Any, new: Any, claims: Mapping[str, Claim]) -> Finding:
    """Two measurements of a claim: the verdict first, then the value."""
    try:
        before, now = (read_measurement(data, "", 0) for data in (old, new))
    except PressError as error:
        return Finding(Grade.DIFFERENT, error.problems[0].message)
    if before.id != now.id or before.id not in claims:
        return Finding(Grade.DIFFERENT, f"a measurement of {now.id} instead of {before.id}")
    verdicts = [verdict(claims[one.id], one.measured, one.interval) for one in (before, now)]
    values = f"{now.id}: {interval_text(now)} instead of {interval_text(before)}"
    if verdicts[0] != verdicts[1]:
        return Finding(Grade.VERDICT, f"{values}: {verdicts[1]} instead of {verdicts[0]}")
    if before == now:
        return SAME
    near = _within(before, now) or _within(now, before) or _close(repr(before.measured), repr(now.measured))
    return Finding(Grade.DIGITS if near else Grade.DIFFERENT, values)


def _within(one: Measurement, other: Measurement) -> bool:
    return other.interval[0] <= one.measured <= other.interval[1]
