"""Reading: includes, front matter, encodings; each error names file and line."""

import pytest

from press.core.errors import PressError
from press.core.fences import fenced_lines, item_indent
from press.core.source import front_matter, page_start, read_expanded


def problems(call, *arguments) -> list[str]:
    with pytest.raises(PressError) as caught:
        call(*arguments)
    return [str(problem) for problem in caught.value.problems]


def test_includes_are_expanded_and_every_line_knows_its_file(site):
    site.write("a.qmd", "one\n{{< include parts/b.md >}}\nfour\n")
    site.write("parts/b.md", "two\n{{< include /c.md >}}\n")
    site.write("c.md", "three\n")
    expanded = read_expanded(site.root / "a.qmd", site.root)
    assert expanded.text == "one\ntwo\nthree\n\nfour\n"
    assert [expanded.origin(i) for i in range(1, 6)] == [
        ("a.qmd", 1), ("parts/b.md", 1), ("c.md", 1), ("parts/b.md", 2), ("a.qmd", 3)
    ]  # fmt: skip
    assert expanded.includes == ("parts/b.md", "c.md")


def test_an_include_in_a_code_fence_is_text(site):
    text = "````\n{{< include b.md >}}\n````\n"
    assert read_expanded(site.write("a.qmd", text), site.root).text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x\n{{< include missing.md >}}\n", "a.qmd:2: included file 'missing.md' not found (looked for missing.md)"),
        ("{{< include a.qmd >}}\n", "a.qmd:1: include cycle: a.qmd -> a.qmd"),
        ("{{< include ../../etc/passwd >}}\n", "a.qmd:1: include '../../etc/passwd' lies outside the project"),
        ("see {{< include b.md >}} here\n", "a.qmd:1: an include must be on a line of its own: {{< include FILE >}}"),
    ],
)
def test_bad_includes(site, text, expected):
    assert problems(read_expanded, site.write("a.qmd", text), site.root) == [expected]


def test_an_include_cycle_through_other_files_names_the_way(site):
    path = site.write("a.qmd", "{{< include b.md >}}\n")
    site.write("b.md", "x\n{{< include c.md >}}\n")
    site.write("c.md", "\n\n{{< include b.md >}}\n")
    assert problems(read_expanded, path, site.root) == ["c.md:3: include cycle: b.md -> c.md -> b.md"]


def test_bytes_that_are_not_utf8_are_named_with_their_line(site):
    path = site.write("a.qmd", b"fine\nalso fine\ncaf\xe9\n")
    assert problems(read_expanded, path, site.root)[0].startswith("a.qmd:3: not UTF-8: byte 0xe9")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no front matter\n", "a.qmd:1: no front matter"),
        ("---\ntitle: x\n", "a.qmd:1: the front matter is never closed"),
        ("---\ntitle: x\nbad: [1, 2\nmore: 3\n---\n", "a.qmd:4: front matter is not valid YAML"),
        ("---\n- a list\n---\n", "a.qmd:1: front matter must be a mapping"),
    ],
)
def test_bad_front_matter(site, text, expected):
    expanded = read_expanded(site.write("a.qmd", text), site.root)
    assert problems(front_matter, expanded)[0].startswith(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. a\n\n    ```{r}\n    x\n    ```\n", {3: "open", 5: "close"}),
        ("\t~~~\n\tx\n\t~~~\n", {1: "open", 3: "close"}),
        ("    ```\n    never closed\n", {}),
        ("```\n    ```\n```\n", {1: "open", 3: "close"}),
        ("      ```\n          ```\n   ```\n", {1: "open", 3: "close"}),
    ],
)
def test_fences_are_found_at_any_depth_where_something_closes_them(text, expected):
    found = {index + 1: kind for index, kind, _ in fenced_lines(text.split("\n")) if kind in ("open", "close")}
    assert found == expected


@pytest.mark.parametrize(
    ("above", "indent", "expected"),
    [
        ("1. a", 4, 3),
        ("10. a", 3, 0),
        ("- a\n  - b", 6, 4),
        ("- a\n  - b", 3, 2),
        ("- a\nlazy", 2, 2),
        ("- a\n\nb", 2, 0),
        ("b", 8, 0),
        ("[^n]: note", 5, 4),
        ("(a) x", 4, 4),
    ],
)
def test_the_item_of_a_list_that_a_line_belongs_to(above, indent, expected):
    lines = [*above.split("\n"), "", " " * indent + "x"]
    assert item_indent(lines, len(lines) - 1) == " " * expected


@pytest.mark.parametrize(
    ("text", "taken", "line"),
    [
        ("---\ntitle: x\n---\n", 3, 2),
        ("\n \n---\ntitle: x\n---\nText.", 5, 4),
        ("\n---\n\ntitle: x\n---\n", 0, 0),
        ("\n---\n", 0, 0),
        ("\nText.\n---\ntitle: x\n---\n", 0, 0),
    ],
)
def test_front_matter_may_stand_below_blank_lines(text, taken, line):
    parsed, found = page_start(text.split("\n"), lambda number: ("a.qmd", number))
    assert found == taken
    assert parsed.data.places.get("title", ("", 0))[1] == line
