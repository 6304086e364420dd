"""What stands beside each figure and claim: taken from what the run recorded, escaped, in both renderers' source."""

from __future__ import annotations

import html
import json
import re
import subprocess

import lxml.html
import pytest

from press.core.config import read_config
from press.posts.made import commit_of, details, is_made, raw_cell, with_provenance
from tests.press.conftest import Site, cell, read_post

BODY = (
    cell('#| tags: [parameters]\nseed = 3\nname = "a"')
    + "\nText.\n\n"
    + cell('#| label: fig-one\n#| fig-cap: "One"\n#| fig-alt: "A dot"\ndraw(seed, name)')
    + cell("claim()")
    + cell("print(seed)")
    + cell("#| include: false\ndraw()")
    + cell("provenance(seed=seed)")
)
CLAIM = {"id": "c1", "paper": "p", "measured": 1, "interval": [1, 1], "seeds": 1, "scale": "small"}
LINE = "commit abc1234567 \u00b7 seed 3 \u00b7 device cuda:0 \u00b7 python 3.11.7"
PARTS = {
    "kernel": "python3 3.11",
    "parameter name": '"<b>&{{< meta x >}}"',
    "version torch": "2.13.0",
    "version urllib3": "2.0",
    "file models/tiny": "0123456789abcdef0123",
    "file posts/a/data.csv": "fedcba98765432100000",
    "slug": "a",
}
PNG = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "AA==", "text/plain": ["<Figure>"]}}


def run(site: Site, *, line: str = LINE, extra: dict | None = None, parts: dict | None = None, claim: dict = CLAIM):
    """A post as it is placed after a run that gave these outputs."""
    post = read_post(site.post("a", BODY), read_config(site.root), {})
    box = {"text/html": ["<div>\n", "box\n", "</div>"], "application/vnd.claim+json": claim}
    shown = {
        "code-2": [PNG],
        "code-3": [{"output_type": "display_data", "metadata": {}, "data": box}],
        "code-4": [{"output_type": "stream", "name": "stdout", "text": "3\n"}],
        "code-5": [PNG],
        "code-6": [
            {"output_type": "display_data", "metadata": {}, "data": {
                "text/html": ['<p class="postkit-provenance"></p>'], "text/plain": [line]}}
        ],
    }  # fmt: skip
    cells = [
        c | {"outputs": shown.get(c["id"], []), "execution_count": 7} if c["cell_type"] == "code" else c
        for c in post.notebook["cells"]
    ]
    press = {"key": "f" * 64, "parts": PARTS if parts is None else parts} | (extra or {})
    executed = post.notebook | {"cells": cells, "metadata": post.notebook["metadata"] | {"press": press}}
    return with_provenance(executed, post, executed)


def facts(text: str) -> dict[str, str]:
    """What the first <details> in it says."""
    (found,) = lxml.html.fromstring(f"<div>{text}</div>").iter("details")
    return dict(
        zip([e.text_content() for e in found.iter("dt")], [e.text_content() for e in found.iter("dd")], strict=True)
    )


def by_id(notebook, name):
    return next(c for c in notebook["cells"] if c["id"] == name)


def shown(notebook, name) -> dict[str, str]:
    source = "".join(by_id(notebook, name)["source"]).split("\n")
    assert source[0] == "````````{=html}"
    assert source[-1] == "````````"
    assert len(source) == 3
    return facts(source[1])


def test_a_figure_says_where_it_comes_from(site):
    notebook = run(site)
    names = [c["id"] for c in notebook["cells"]]
    assert names[names.index("code-2") + 1] == "made-code-2"
    line = by_id(notebook, "code-2")["metadata"]["press"]["line"]
    assert shown(notebook, "made-code-2") == {
        "cell": f"fig-one, code-2, [7], posts/a/post.qmd, line {line}",
        "commit": "abc1234567",
        "parameters": 'seed = 3, name = "<b>&{{< meta x >}}"',
        "seed": "3",
        "device": "cuda:0",
        "versions": "python 3.11, torch 2.13.0",
        "model": "models/tiny 0123456789ab",
        "data": "posts/a/data.csv fedcba987654",
        "key": "f" * 12,
    }
    assert [c["id"] for c in notebook["cells"] if is_made(c)] == ["made-code-2"], "not beside text, nor what is hidden"


def test_a_claim_says_so_within_its_box(site):
    notebook = run(site)
    html = "".join(by_id(notebook, "code-3")["outputs"][0]["data"]["text/html"])
    assert html.startswith("<div>\nbox\n<details")
    assert html.endswith("</details>\n</div>")
    assert facts(html)["cell"].startswith("code-3, [7]")
    assert facts(html)["commit"] == "abc1234567"
    assert by_id(notebook, "code-3")["outputs"][0]["data"]["application/vnd.claim+json"] == CLAIM


def test_without_a_provenance_line_the_run_says_it(site):
    told = shown(run(site, line="nothing", extra={"commit": "0ff1ce", "device": "cpu"}), "made-code-2")
    assert (told["commit"], told["device"], told["seed"]) == ("0ff1ce", "cpu", "3")
    told = shown(run(site, line="nothing", parts={}), "made-code-2")
    assert (told["commit"], told["device"], told["model"]) == ("not recorded", "not recorded", "none")


@pytest.mark.parametrize(
    "value", ["</details><script>x</script>", "a\n````````\n# b", '"onclick=1 ' * 3, "{{< include x >}}"]
)
def test_hostile_values_are_text(site, value):
    notebook = run(site, line=f"commit {value} \u00b7 seed 3", claim=CLAIM | {"id": value})
    told = shown(notebook, "made-code-2")
    assert told["commit"] == " ".join(value.split())
    boxed = "".join(by_id(notebook, "code-3")["outputs"][0]["data"]["text/html"])
    for text in ("".join(by_id(notebook, "made-code-2")["source"]), boxed):
        tree = lxml.html.fromstring(f"<div>{text}</div>")
        assert not tree.xpath(".//script | .//*[@onclick]")
        assert "{{<" not in text
        assert not re.search(r"\n\s*\n", text), "a blank line would end a block of raw HTML"


def test_it_needs_no_script_and_can_be_reached_by_keys():
    (found,) = lxml.html.fromstring("<div>" + details("fig-one", "c", [("seed", "0")]) + "</div>").iter("details")
    assert "open" not in found.attrib
    assert found[0].tag == "summary"
    assert found[0].get("aria-label") == "how this was made: fig-one"
    assert html.unescape(found[0].text) == "how this was made"


def test_a_made_cell_is_one_line_whatever_is_in_it():
    made = raw_cell("x", "<p>\n````````\n</p>", {})
    assert made["source"][1].count("\n") == 1
    assert is_made(made)


def test_the_commit(tmp_path):
    assert commit_of(tmp_path) == ""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run([*git, *command], cwd=tmp_path, check=True)
    head = commit_of(tmp_path)
    assert re.fullmatch(r"[0-9a-f]{10}", head)
    (tmp_path / "new").write_text("")
    assert commit_of(tmp_path) == head + " + uncommitted changes"


def test_the_page_has_it_in_the_embedded_renderer(site):
    """A real run: figure, built page, notebook beside it; a second build has nothing to do."""
    pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    image = f"import base64\n\nfrom IPython.display import Image\n\nImage(base64.b64decode('{pixel}'), width=seed)"
    head = "#| label: fig-one\n#| fig-cap: One\n#| fig-alt: A dot\n"
    site.post("a", cell("#| tags: [parameters]\nseed = 40") + "\nSee @fig-one.\n\n" + cell(head + image))
    site.press("build")
    page = lxml.html.fromstring(site.read("_site/posts/a/index.html"))
    (made,) = page.find_class("press-made")
    assert dict(zip((e.text for e in made.iter("dt")), (e.text for e in made.iter("dd")), strict=True))["seed"] == "40"
    assert made.get("data-pagefind-ignore") == "all"
    (links,) = page.find_class("press-notebook")
    assert [a.get("href") for a in links.iter("a")] == ["a.ipynb"], "no Colab without a repository"
    book = json.loads(site.read("_site/posts/a/a.ipynb"))
    assert [c["cell_type"] for c in book["cells"]] == ["markdown", "code", "markdown", "code"]
    assert "press-made" not in site.read("_site/index.xml")
    assert "nothing changed" in "".join(site.press("build").stdout + site.press("build").stderr)
