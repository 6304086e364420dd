"""`press verify`: posts run again, and how far two runs may be apart."""

import base64
import hashlib
import io
import json

import numpy as np
import pytest
from PIL import Image

from postkit.claims import MIME
from postkit.verdicts import Claim
from press.shared.agreement import Grade, compare
from tests.press.conftest import cell

CLAIM = Claim("few", "Few.", "Table 1", "2", "ratio", "above", than=1.0)


def stream(*texts, name="stdout"):
    return [{"output_type": "stream", "name": name, "text": text} for text in texts]


def shown(**data):
    data = {name.replace("_", "/"): value for name, value in data.items()}
    return [{"output_type": "display_data", "data": data, "metadata": {}}]


def grade(old, new, timing=False):
    return compare(old, new, {"few": CLAIM}, timing).grade


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("error 0.4812", "error 0.4812", Grade.SAME),
        ("error 0.4812", "error 0.4813", Grade.DIGITS),
        ("error 0.48", "error 0.49", Grade.DIGITS),
        ("error 0.48", "error 0.50", Grade.DIFFERENT),
        ("error 1.234e-05", "error 1.235e-05", Grade.DIGITS),
        ("error 1.234e-05", "error 1.334e-05", Grade.DIFFERENT),
        ("error 1.2e400", "error 1.3e400", Grade.DIFFERENT),
        ("error 1e400", "error 5", Grade.DIFFERENT),
        ("error 0.0e400", "error 7", Grade.DIFFERENT),
        ("error \u22120.48", "error 0.48", Grade.DIFFERENT),
        ("3 of 3 seeds", "2 of 3 seeds", Grade.DIFFERENT),
        ("2,442 steps", "2,443 steps", Grade.DIGITS),
        ("12 steps", "13 steps", Grade.DIFFERENT),
        ("better", "worse", Grade.DIFFERENT),
        ("a\nb", "a", Grade.DIFFERENT),
        ("took 3.1 s", "took 12.7 s", Grade.TIMES),
        ("10 steps in 840 ms, loss 0.12", "10 steps in 1.2 s, loss 0.12", Grade.TIMES),
        ("10 steps in 840 ms, loss 0.12", "10 steps in 900 ms, loss 0.52", Grade.DIFFERENT),
        ("10 steps in 840 ms, loss 0.1234", "10 steps in 900 ms, loss 0.1235", Grade.DIGITS),
        ("100% 10/10 [00:03<00:00, 3.2it/s]", "100% 10/10 [01:04<00:00, 1.7it/s]", Grade.TIMES),
        ("<object at 0x7f11aa22bb33>", "<object at 0x7f11aa22cc44>", Grade.SAME),
        ("nan", "0.5", Grade.DIFFERENT),
    ],
)
def test_texts(old, new, expected):
    assert grade(stream(old), stream(new)) == expected
    assert grade(shown(text_html=f"<p>{old}</p>"), shown(text_html=f"<p>{new}</p>")) == expected


def test_how_a_stream_is_cut_is_chance():
    assert grade(stream("a\n", "b\n"), stream("a\nb\n")) == Grade.SAME
    assert grade(stream("a") + stream("b", name="stderr"), stream("ab")) == Grade.DIFFERENT


def test_lists_of_json_are_not_lines():
    assert grade(shown(application_json=[1, 23]), shown(application_json=[12, 3])) == Grade.DIFFERENT


def test_an_output_of_another_kind():
    assert grade(stream("x"), []) == Grade.DIFFERENT
    assert grade(shown(text_plain="x"), shown(text_plain="x", text_html="x")) == Grade.DIFFERENT
    error = [{"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": []}]
    assert grade(stream("x"), error) == Grade.DIFFERENT
    assert grade(error, [error[0] | {"ename": "KeyError"}]) == Grade.DIFFERENT


def test_a_cell_that_measures_time_says_so():
    assert grade(stream("16 times the BLAS"), stream("21 times the BLAS"), timing=True) == Grade.TIMES
    assert grade(stream("x"), [], timing=True) == Grade.DIFFERENT


def png(array) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(array, dtype=np.uint8)).save(buffer, format="PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_pictures():
    plain = np.full((50, 50), 100)
    line, moved = plain.copy(), plain.copy()
    line[10], moved[11] = 140, 140
    for old, new, expected in (
        (plain, plain + 1, Grade.DIGITS),
        (line, moved, Grade.DIGITS),
        (plain, plain + 60, Grade.DIFFERENT),
        (plain, plain[:40], Grade.DIFFERENT),
    ):
        assert grade(shown(image_png=png(old)), shown(image_png=png(new))) == expected
        html = [f'<img src="data:image/png;base64,{png(array)}" alt="x">' for array in (old, new)]
        assert grade(shown(text_html=html[0]), shown(text_html=html[1])) == expected
    assert grade(shown(image_png=png(plain)), shown(image_png="AAAA")) == Grade.DIFFERENT


def measured(value, low, high, name="few"):
    data = {"id": name, "paper": "p", "measured": value, "interval": [low, high], "seeds": 3, "scale": "small"}
    return [{"output_type": "display_data", "data": {MIME: data, "text/html": f"<div>{value}</div>"}, "metadata": {}}]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ((2.0, 1.5, 2.5), (2.0, 1.5, 2.5), Grade.SAME),
        ((2.0, 1.5, 2.5), (2.3, 2.1, 2.6), Grade.DIGITS),  # 2.3 lies in the first interval
        ((21.41, 18.05, 24.17), (30.88, 15.93, 58.63), Grade.DIGITS),
        ((2.0, 1.5, 2.5), (9.0, 8.0, 10.0), Grade.DIFFERENT),
        ((2.0, 1.5, 2.5), (1.6, 0.9, 2.5), Grade.VERDICT),  # the interval holds 1 now
        ((2.0, 1.5, 2.5), (0.5, 0.4, 0.6), Grade.VERDICT),
    ],
)
def test_measurements(old, new, expected):
    assert grade(measured(*old), measured(*new)) == expected


def test_a_measurement_that_is_none():
    assert grade(measured(2.0, 1.5, 2.5), measured(3.0, 1.5, 2.5)) == Grade.DIFFERENT
    assert grade(measured(2.0, 1.5, 2.5), measured(2.0, 1.5, 2.5, name="other")) == Grade.DIFFERENT


def spoil(site, slug, old, new):
    """Change outputs in the project's cache, as if the run had been on another machine."""
    for path in (site.root / ".press/cache").glob("*/record.json"):
        record = json.loads(path.read_text())
        if record["slug"] == slug:
            book = path.with_name("notebook.ipynb")
            text = book.read_text()
            assert old in text
            book.write_text(text.replace(old, new))
            record["sha256"] = hashlib.sha256(book.read_bytes()).hexdigest()
            path.write_text(json.dumps(record))


def test_posts_are_run_again_beside_what_there_is(executed_once, tmp_path):
    site = executed_once.copy(tmp_path / "project")
    spoil(site, "figures", '"measured": 2.0', '"measured": 2.1')
    spoil(site, "reads", '"42\\n"', '"43\\n"')

    def state():
        return {
            p: p.read_bytes() for p in site.root.rglob("*") if p.is_file() and p.name not in ("lock", "manifest.lock")
        }

    before = state()
    done = site.press("verify", status=1)
    head, *rows = done.stdout.splitlines()
    assert head.split()[:2] == ["post", "cells"]
    assert [row.split()[0] + " " + row.split()[-1] for row in rows if row[0] != " "] == [
        "figures agrees",
        "reads DIFFERS",
    ]
    details = [row.strip() for row in rows if row[0] == " "]
    assert any("code-3: last digits: few-steps: 2 [1.5, 2.5] instead of 2.1 [1.5, 2.5]" in row for row in details)
    assert any(
        row.endswith("code-1: different: 42 instead of 43") and "posts/reads/post.qmd:1" in row for row in details
    )
    assert state() == before


def test_a_taken_post_is_verified_by_name(stranger, cache):
    stranger.press("run", "--cache-from", str(cache))
    done = stranger.press("verify", "reads")
    assert done.stdout.splitlines()[1].split() == ["reads", "2", "2", "agrees", "(taken", "from", "cache)"]


def test_what_is_stale_has_nothing_to_compare_with(executed_once, tmp_path):
    site = executed_once.copy(tmp_path / "project")
    site.post("reads", cell("print(1)"))
    done = site.press("verify", "reads", status=1)
    assert "nothing to compare with: it is stale (cell code-1 changed). Run press build" in done.stdout
