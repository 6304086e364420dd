"""Verdicts do not hang on the seed: a post run from another base seed, and one with half the seeds, says the same.

The post is the cheapest one that measures three claims. Its recorded verdicts are the reference, which `press check` holds
to the default run.
"""

from __future__ import annotations

import pytest

from postkit.verdicts import verdict
from press.papers.schema import read_papers
from tests.test_other_checkpoint import ROOT, code_cells, copy_with_one_post, run_post

SLUG = "image-to-image"
CLAIMS = ("sdedit-realism-up", "sdedit-faithfulness-down", "sdedit-sweet-spot")
CLAIM = "application/vnd.claim+json"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("parameters", [{"seed": 1}, {"n_seeds": 2}], ids=["another base seed", "two seeds of three"])
def test_verdicts_stand(parameters, tmp_path):
    notebook = run_post(copy_with_one_post(tmp_path, SLUG), SLUG, parameters)
    outputs = [output.get("data", {}) for cell in code_cells(notebook) for output in cell["outputs"]]
    measured = {data[CLAIM]["id"]: data[CLAIM] for data in outputs if CLAIM in data}
    known = {claim.id: claim for paper in read_papers(ROOT) for claim in paper.claims}
    found = {name: verdict(known[name], measured[name]["measured"], measured[name]["interval"]) for name in CLAIMS}
    assert found == {name: known[name].verdict["small"] for name in CLAIMS}, measured
