"""A cache that somebody has spoiled: each entry is refused by name, the post is executed here, and nothing else happens."""

import base64
import json
import os

import pytest

from press.posts.post import to_bytes
from press.shared import places
from press.shared.catalogue import NAME
from press.shared.harmless import active
from tests.press.shared.conftest import content, file_of, listed, make_project, put, relist, rewrite, taking

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n....").decode()


def refused(stranger, cache, what):
    """`figures` is refused for this reason; `reads` is taken."""
    taken, said, notes = taking(stranger, str(cache))
    assert taken == ["reads"], said
    [note] = notes
    assert note.startswith("REFUSED from cache: ")
    assert what in note
    assert note.isprintable()
    assert len(note) < 400
    assert [line for line in said if line == f"warning: {note}"]


def code_cell(book, number):
    return next(cell for cell in book["cells"] if cell["id"] == f"code-{number}")


def shows(mime, value):
    """A change of a notebook by which its last cell displays this."""

    def change(book):
        data = {mime: value, "text/plain": "x"}
        output = {"output_type": "display_data", "data": data, "metadata": {}}
        code_cell(book, 5)["outputs"].append(output)

    return change


def test_a_poisoned_cache_is_told_and_the_build_succeeds_all_the_same(stranger, cache):
    rewrite(cache, shows("text/html", "<script>alert(1)</script>"))
    done = stranger.press("run", "--cache-from", str(cache))
    assert done.stdout == "1 taken from a cache, 1 posts ran: figures\n"
    told = [line for line in done.stderr.splitlines() if "REFUSED from cache: figures: an output of code-5" in line]
    assert [line.partition(":")[0] for line in told] == ["warning", "note"]
    assert told[0].endswith("text/html: a 'script' element. The post is executed here")
    assert "alert(1)" not in stranger.read("posts/figures/index.ipynb")


def test_a_file_with_another_hash(stranger, cache):
    path = file_of(cache)
    path.write_bytes(path.read_bytes().replace(b"n = 1", b"n = 9"))
    refused(stranger, cache, f"figures: {path.stem[:12]}... is not what cache.json says (its SHA-256 differs)")


def test_a_file_that_is_longer_than_it_is_said_to_be(stranger, cache):
    with file_of(cache).open("ab") as stream:
        stream.truncate(1 << 40)  # of no size on disk
    refused(stranger, cache, "is larger than the")


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_lies_in_the_place_of_a_file(stranger, cache, kind):
    path = file_of(cache)
    if kind == "link":
        path.rename(cache.parent / "elsewhere")
        path.symlink_to(cache.parent / "elsewhere")
    else:
        path.unlink()
        os.mkfifo(path) if kind == "pipe" else path.mkdir()
    refused(stranger, cache, "is a symbolic link" if kind == "link" else "is not a file")


def test_the_notebook_of_another_post(stranger, cache):
    put(cache, content(cache, "notebook", "reads"))
    refused(stranger, cache, "its notebook was made under another key")


def test_the_notebook_of_another_post_under_this_key(stranger, cache):
    noted = json.loads(content(cache))["metadata"]["press"]
    put(cache, content(cache, "notebook", "reads"))
    rewrite(cache, lambda book: book["metadata"].update(press=noted))
    refused(stranger, cache, "its notebook has different cells from the post")


def test_the_record_of_another_post(stranger, cache):
    put(cache, content(cache, "record", "reads"), "record")
    refused(stranger, cache, "its record does not hash to its key")


@pytest.mark.parametrize("change", [{"slug": "reads"}, {"sha256": "0" * 64}, {"seconds": -1}, {"seconds": "9"}])
def test_a_record_that_says_something_else(stranger, cache, change):
    put(cache, json.dumps(json.loads(content(cache, "record")) | change).encode(), "record")
    refused(stranger, cache, "its record")


def test_results_under_another_key_are_never_looked_at(stranger, cache):
    found = listed(cache)
    for key in list(found["entries"]):
        found["entries"][key[::-1]] = found["entries"].pop(key)
    (cache / NAME).write_text(json.dumps(found))
    taken, said, notes = taking(stranger, str(cache))
    assert taken == []
    assert notes == []
    assert sum("is not taken from cache" in line for line in said) == 2


TRAVERSAL = "../" * 8 + "etc/passwd"


@pytest.mark.parametrize(
    "change",
    [
        {"notebook": {"sha256": TRAVERSAL, "bytes": 10}},
        {"record": {"sha256": "/etc/passwd", "bytes": 10}},
        {"notebook": {"sha256": "0" * 64, "bytes": 1 << 40}},
        {"notebook": {"sha256": "0" * 64, "bytes": True}},
        {"reads": [TRAVERSAL]},
        {"reads": ["/dev/zero"]},
        {"reads": ["a//b"]},
        {"reads": "numbers.txt"},
        {"slug": "a\x1b[2J"},
        {"slug": ""},
        {"base": "x"},
        {"executed": {}},
        {"more": 1},
    ],
)
def test_an_entry_of_another_form(stranger, cache, change):
    relist(cache, lambda entry: entry.update(change))
    taken, _, notes = taking(stranger, str(cache))
    assert taken == ["reads"]
    assert len(notes) == 1
    assert notes[0].startswith("REFUSED from cache: entry '")
    assert notes[0].isprintable()


@pytest.mark.parametrize("name", ["day", "machine", "device", "commit"])
def test_what_a_page_would_say_is_of_a_form(stranger, cache, name):
    relist(cache, lambda entry: entry["executed"].update({name: "{{< include /etc/passwd >}}"}))
    refused(stranger, cache, f"executed: {name} is")


@pytest.mark.parametrize("key", [TRAVERSAL, "A" * 64, ""])
def test_a_key_that_is_none(stranger, cache, key):
    found = listed(cache)
    found["entries"][key] = next(iter(found["entries"].values()))
    (cache / NAME).write_text(json.dumps(found))
    taken, _, notes = taking(stranger, str(cache))
    assert taken == ["figures", "reads"]
    assert ["its key is not a SHA-256" in note for note in notes] == [True]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"<html>",
        b'{"format": 2, "entries": {}}',
        b'{"format": 1, "entries": []}',
        b'{"format": 1, "entries": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
        b'{"format": 1, "entries": ' + b"9" * 10_000 + b"}",
    ],
)
def test_a_list_that_is_none(stranger, cache, data):
    (cache / NAME).write_bytes(data)
    taken, _, notes = taking(stranger, str(cache))
    assert taken == []
    assert len(notes) == 1
    assert "Every post is executed here" in notes[0]


def test_a_list_that_is_too_large(stranger, cache):
    with (cache / NAME).open("ab") as stream:
        stream.truncate(1 << 40)
    taken, _, notes = taking(stranger, str(cache))
    assert taken == []
    assert "is larger than" in notes[0]


@pytest.mark.parametrize("depth", [70, 900, 100_000])
def test_a_notebook_that_is_nested_deeply(stranger, cache, depth):
    text = content(cache).decode().replace('"metadata": {', '"metadata": {"x": ' + "[" * depth + "]" * depth + ", ", 1)
    put(cache, text.encode())
    refused(stranger, cache, "nested")


def extra_metadata(book):
    book["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}


def other_source(book):
    code_cell(book, 5)["source"] = ["print(4)"]


def one_cell_more(book):
    book["cells"].append(code_cell(book, 5) | {"id": "code-6"})


def two_of_one_name(book):
    book["cells"].append(code_cell(book, 5))


def not_run(book):
    code_cell(book, 5)["execution_count"] = None


def failed(book):
    error = {"output_type": "error", "ename": "ValueError", "evalue": "", "traceback": []}
    code_cell(book, 5)["outputs"] = [error]


def no_output_type(book):
    code_cell(book, 5)["outputs"] = [{"output_type": "magic"}]


def half_a_pair(book):
    code_cell(book, 5)["outputs"][0]["text"] = ["\\ud800"]


def secret(book):
    code_cell(book, 5)["outputs"][0]["text"] = ["hf_" + "a" * 34]


def measures(**change):
    def measure(book):
        [output] = code_cell(book, 3)["outputs"]
        output["data"]["application/vnd.claim+json"].update(change)

    return measure


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (extra_metadata, "metadata that the press does not write"),
        (other_source, "the source of code-5 is not that of the post"),
        (one_cell_more, "different cells from the post"),
        (two_of_one_name, "notebook"),
        (not_run, "did not run to the end"),
        (failed, "did not run to the end"),
        (no_output_type, "its notebook is not valid"),
        (secret, "code-5 shows a Hugging Face token"),
        (measures(measured=9.0), "is not a measurement of this project"),
        (measures(id="no-such-claim"), "is not a measurement of this project"),
        (measures(measured=0.5, interval=[0.4, 0.6]), "CONTRADICTED for the claim few-steps"),
    ],
)
def test_a_notebook_that_no_run_here_would_give(stranger, cache, change, what):
    rewrite(cache, change)
    refused(stranger, cache, what)


def test_text_that_cannot_be_written(stranger, cache):
    rewrite(cache, half_a_pair)
    put(cache, content(cache).replace(b"\\\\ud800", b"\\ud800"))
    refused(stranger, cache, "not in the form that the press writes")


def test_only_outputs_are_taken(stranger, cache):
    def change(book):
        for cell in book["cells"]:
            if cell["cell_type"] != "code":
                cell["source"] = ["<script>alert(1)</script>"]
            cell["metadata"]["more"] = "alert(1)"
        code_cell(book, 2)["source"][1] = "#| fig-cap: alert(1)\n"

    rewrite(cache, change)
    assert taking(stranger, str(cache))[0] == ["figures", "reads"]
    stranger.press("run")
    assert "alert(1)" not in stranger.read("posts/figures/index.ipynb")


HTML = [
    "<script>alert(1)</script>",
    "<SCRIPT>alert(1)</SCRIPT>",
    '<script src="https://example.org/x.js"></script>',
    '<script type="module">1</script>',
    "<scr<script>ipt>alert(1)</script>",
    '<img src="x" onerror="alert(1)">',
    "<img src=x onerror=alert(1)>",
    '<img src="https://example.org/seen.png" alt="">',
    '<img src="data:image/svg+xml;base64,AAAA" alt="">',
    '<p onclick="alert(1)">x</p>',
    "<p  onclick = 'alert(1)'>x</p>",
    '<p title="a" onmouseover="x">x</p>',
    "<svg><script>1</script></svg>",
    '<svg onload="x"></svg>',
    "<math><mi></mi></math>",
    '<iframe src="https://example.org"></iframe>',
    '<object data="x"></object>',
    '<form action="https://example.org"><input></form>',
    '<base href="https://example.org/">',
    '<meta http-equiv="refresh" content="0;url=https://example.org">',
    '<link rel="stylesheet" href="https://example.org/x.css">',
    '<a href="javascript:alert(1)">x</a>',
    '<a href="JaVaScRiPt:alert(1)">x</a>',
    '<a href="&#106;avascript:alert(1)">x</a>',
    '<a href="java&#9;script:alert(1)">x</a>',
    '<a href=" javascript:alert(1)">x</a>',
    '<a href="data:text/html,x">x</a>',
    '<a href="vbscript:x">x</a>',
    '<p style="background:url(https://example.org/x)">x</p>',
    '<p style="background:u\\72l(x)">x</p>',
    '<p style="position:fixed;top:0">x</p>',
    '<p style="background:&#117;rl(x)">x</p>',
    '<style>@import "https://example.org/x.css";</style>',
    "<style>p{background:url(x)}</style>",
    "<style><!-- </style><script>1</script>",
    "<!-- <p> --><script>1</script>",
    "<!--><script>1</script>-->",
    "<![CDATA[<script>1</script>]]>",
    "<?php x ?>",
    '<noscript><p title="</noscript><script>1</script>">x</p></noscript>',
    "<textarea></textarea>",
    "<title>x</title>",
    "<template>x</template>",
    '<p class="plotly-graph-div">Plotly.newPlot("x", [{"type": "bar"}], {})</p>',
    '<p>vega-embed altair })( {"$schema": "x"}</p>',
    '<pre class="mermaid">graph TD; click A "javascript:alert(1)"</pre>',
    "<p>&#92;(&#92;href{javascript:alert(1)}{x}&#92;)</p>",
    "<p title='\"' x>x</p>",
    '<p data-kind="vega">x</p>',
    '<script type="application/json">{"frames": []}</script>',
    "<",
]


@pytest.mark.parametrize("text", HTML)
def test_html_that_acts(text):
    assert active({"output_type": "display_data", "data": {"text/html": f"<p>fine</p>\n{text}"}, "metadata": {}}, False)


@pytest.mark.parametrize(
    "change", [("window.clearInterval", "fetch('//x')||window.clearInterval"), ("data:image/png", "https://x")]
)
def test_a_slider_with_another_script_or_frames_from_elsewhere(stranger, cache, change):
    def spoil(book):
        data = code_cell(book, 2)["outputs"][0]["data"]
        assert change[0] in "".join(data["text/html"])
        data["text/html"] = [line.replace(*change) for line in data["text/html"]]

    rewrite(cache, spoil)
    refused(stranger, cache, "an output of code-2 could act in a reader's browser: text/html")


OTHERS = [
    ("application/javascript", "alert(1)"),
    ("application/vnd.plotly.v1+json", {"data": []}),
    ("application/vnd.vegalite.v5+json", {"$schema": "x"}),
    ("application/vnd.jupyter.widget-view+json", {"model_id": "x"}),
    ("text/x-unknown", "x"),
    ("text/markdown", "<script>alert(1)</script>"),
    ("text/markdown", "[x](javascript:alert(1))"),
    ("text/markdown", "[x](&#106;avascript:alert(1))"),
    ("text/markdown", "[x]\n\n[x]: java\\\nscript:alert(1)"),
    ("text/markdown", '[x]{onclick="alert(1)"}'),
    ("text/markdown", "```{=html}\n<b>\n```"),
    ("text/markdown", "{{< include /etc/passwd >}}"),
    ("text/markdown", "```{dot}\ngraph {}\n```"),
    ("text/markdown", "``` mermaid\ngraph TD\n```"),
    ("text/markdown", "---\nheader-includes: x\n---"),
    ("text/latex", "$x$ <img src=x onerror=alert(1)>"),
    ("text/latex", r"\href{javascript:alert(1)}{x}"),
    ("image/png", "PHNjcmlwdD4="),
    ("image/png", "not base64!"),
    ("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>"),
    ("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg' onload='1'/>"),
    ("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'><a href='javascript:1'>x</a></svg>"),
    ("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'><image href='https://example.org/x.png'/></svg>"),
    ("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'><style>@import 'x';</style></svg>"),
    ("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'><foreignObject/></svg>"),
    ("image/svg+xml", "<svg xmlns='http://www.w3.org/2000/svg'><set attributeName='href' to='javascript:1'/></svg>"),
    ("image/svg+xml", "<?xml-stylesheet href='x.xsl'?><svg xmlns='http://www.w3.org/2000/svg'/>"),
    ("image/svg+xml", "<!DOCTYPE svg [<!ENTITY x 'y'>]><svg xmlns='http://www.w3.org/2000/svg'>&x;</svg>"),
    ("image/svg+xml", "<html xmlns='http://www.w3.org/1999/xhtml'><script>1</script></html>"),
    ("image/svg+xml", "<p>"),
]


@pytest.mark.parametrize(("mime", "value"), OTHERS)
def test_other_outputs_that_act(mime, value):
    why = active({"output_type": "display_data", "data": {mime: value}, "metadata": {}}, False)
    assert why.startswith(f"{mime}: ")


def test_what_is_printed_as_markdown_is_read_as_markdown():
    stream = {"output_type": "stream", "name": "stdout", "text": "<script>alert(1)</script>"}
    assert active(stream, True)
    assert not active(stream, False)


PASSIVE = [
    (
        "text/html",
        '<table border="1" class="dataframe">\n<tr style="text-align: right;"><td>1 > 0 &amp; x</td></tr></table>',
    ),
    ("text/html", "<style scoped>\n    .dataframe tbody tr th { vertical-align: top; }\n</style><br/><hr>"),
    (
        "text/html",
        f'<a href="https://example.org/a?b=c#d">x</a> <a href="../x/#y">y</a><img src="data:image/png;base64,{PNG}" alt="x">',
    ),
    ("text/markdown", "| a | b |\n|---|---|\n| 1 < 2 | **x** |"),
    ("text/latex", r"$\displaystyle \frac{x^{2}}{2} < 1$"),
    ("image/png", PNG),
    ("application/json", {"a": [1]}),
]


@pytest.mark.parametrize(("mime", "value"), PASSIVE)
def test_outputs_that_do_nothing(mime, value):
    assert (
        active({"output_type": "display_data", "data": {mime: value}, "metadata": {"needs_background": "light"}}, False)
        == ""
    )


def test_a_picture_of_matplotlib_in_svg_does_nothing(tmp_path):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot([1, 3, 2], label="x")
    axes.imshow([[0, 1], [1, 0]])
    axes.legend()
    figure.savefig(tmp_path / "x.svg")
    plt.close(figure)
    text = (tmp_path / "x.svg").read_text()
    assert active({"output_type": "display_data", "data": {"image/svg+xml": text}, "metadata": {}}, False) == ""


def test_a_folder_is_read_within_its_limit(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    assert places.Folder(tmp_path).read("x", 5) == b"12345"
    with pytest.raises(places.Refused):
        places.Folder(tmp_path).read("x", 4)


def test_the_checks_let_pass_what_was_not_touched(executed_once, cache, tmp_path):
    rewrite(cache, lambda book: None)  # the helpers of these tests spoil nothing by themselves
    assert to_bytes(json.loads(content(cache))) == content(cache)
    assert taking(make_project(tmp_path / "other"), str(cache))[0] == ["figures", "reads"]
