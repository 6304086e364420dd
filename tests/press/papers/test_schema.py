"""paper.toml: every problem with its line and the legal choices; and the papers that are here."""

from pathlib import Path

import pytest

from postkit.claims import claim_of
from press.core.bib import entries
from press.core.errors import PressError
from press.papers.schema import check_citekeys, read_paper, read_papers
from press.papers.tomlfile import key_lines
from press.papers.unsure import check_numbers

ROOT = Path(__file__).resolve().parents[3]

GOOD = r"""# DDIM
citekey = "song2021ddim"
arxiv = "2010.02502v4"
related = ["ho2020ddpm"]
read = "In a copy."

[symbols]
'\alpha_t' = '\bar\alpha_t'

[[equations]]
number = "12"
latex = '''
x = 1 \\
number = "3"
'''
says = "One step."
implemented_by = ["diffloop.ddim.ddim_step"]
checked_by = ["tests/diffloop/test_ddim.py::test_name", "tests/test_a.py::TestB::test_c[a b-1]"]

[[equations]]
number = "A.1"
latex = "y"
says = "Another."
read = "Elsewhere."

[[claims]]
id = "few-steps"
statement = "Few steps are enough."
table = "Table 1"
row = "S = 10"
number = "13.36"
quantity = "ratio"
direction = "above"
than = 1
delta = 0.01
delta_why = "little"
expected = 3.07
tolerance = 0.5
verdict = { small = "REPRODUCED", full = "CONTRADICTED" }
reason = "Because."
reason_checked_by = "few-steps#fig-why"
numbers = { eta0-10 = "13.36", "w-0.1" = "1.55" }

[[claims]]
id = "other"
statement = "Another."
table = "Fig. 4"
number = "none"
quantity = "error"
direction = "near"
expected = 0.0
tolerance = 0.1

[claims.verdict]
small = "DIRECTION ONLY"
"""


def write(root: Path, text: str, key: str = "song2021ddim") -> Path:
    path = root / "papers" / key / "paper.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_all_of_a_good_file(tmp_path):
    paper = read_paper(write(tmp_path, GOOD), tmp_path)
    assert (paper.citekey, paper.file, paper.arxiv) == (
        "song2021ddim",
        "papers/song2021ddim/paper.toml",
        "2010.02502v4",
    )
    assert (paper.related, paper.symbols) == (("ho2020ddpm",), {r"\alpha_t": r"\bar\alpha_t"})
    first, second = paper.equations
    assert (paper.read, first.read, second.read) == ("In a copy.", "", "Elsewhere.")
    assert (first.number, first.says, first.implemented_by) == ("12", "One step.", ("diffloop.ddim.ddim_step",))
    assert first.checked_by[1] == "tests/test_a.py::TestB::test_c[a b-1]"
    assert (second.number, second.implemented_by, second.checked_by) == ("A.1", (), ())
    few, other = paper.claims
    assert (few.than, few.expected, few.tolerance, few.row) == (1, 3.07, 0.5, "S = 10")
    assert few.verdict == {"small": "REPRODUCED", "full": "CONTRADICTED"}
    assert few.numbers == {"eta0-10": "13.36", "w-0.1": "1.55"}
    assert (other.direction, other.than, other.row, other.reason) == ("near", None, "", "")
    assert paper.claim_place("few-steps", "verdict", "full") == (paper.file, line_of("verdict = {"))
    assert paper.claim_place("other", "verdict", "small") == (paper.file, line_of('small = "DIR'))
    assert paper.claim_place("other") == (paper.file, line_of('id = "other"'))
    assert paper.claim_place("other", "reason") == (paper.file, line_of('id = "other"') - 1)


def line_of(text: str, source: str = GOOD) -> int:
    return source[: source.index(text)].count("\n") + 1


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "at", "message"),
    [
        ('arxiv = "2010.02502v4"', "arxiv = 2010", "arxiv", "arxiv must be a one-line string, not 2010"),
        ('arxiv = "2010.02502v4"', 'arxiv = "2010.02502"', "arxiv", "arxiv '2010.02502' must be an ID with a version"),
        ('read = "In a copy."', 'read = ""', "read", "read must be a one-line string, not ''"),
        ('read = "Elsewhere."', 'read = ["Elsewhere."]', "read = [", "equations entry: read must be a one-line string"),
        ('related = ["ho2020ddpm"]', 'related = "ho2020ddpm"', "related", "related must be a list of strings"),
        ("related =", "relates =", "relates", "unknown key 'relates'. Legal: citekey, arxiv, related, symbols, equations, claims"),
        ('citekey = "song2021ddim"', 'citekey = "song2020ddim"', "citekey", "citekey 'song2020ddim' must be the folder's name, 'song2021ddim'"),
        ('citekey = "song2021ddim"\n', "", "# DDIM", "key 'citekey' is missing"),
        ('citekey = "song2021ddim"', "citekey = ", "citekey", "not valid TOML"),
        (r"'\bar\alpha_t'", "1", r"'\alpha_t'", "symbols: \\alpha_t must be a string, not 1"),
        ('number = "A.1"', 'number = "12"', 'number = "12"\nlatex = "y"', "duplicate equations number '12'"),
        ('number = "A.1"', "number = 13", "number = 13\n", "equations entry: number must be a one-line string, not 13"),
        ('says = "Another."', 'says = "Another."\nhint = "x"', "hint = ", "equations entry: unknown key 'hint'. Legal: number, latex, says, implemented_by"),
        ('says = "Another."', 'says = """a\nb"""', 'says = """a', "says must be a one-line string"),
        ('says = "Another."\n', "", '[[equations]]\nnumber = "A.1"', "equations entry: key 'says' is missing. Needed: number, latex, says"),
        ('["diffloop.ddim.ddim_step"]', '["ddim_step"]', "implemented_by", "implemented_by: 'ddim_step' must look like diffloop.ddim.ddim_step"),
        ('["diffloop.ddim.ddim_step"]', '["diffloop.ddim._private"]', "implemented_by", "'diffloop.ddim._private' must look like"),
        ('["diffloop.ddim.ddim_step"]', '["diffloop.ddim.ddim_step()"]', "implemented_by", "must look like"),
        ('"tests/diffloop/test_ddim.py::test_name"', '"test_ddim.py::test_name"', "checked_by", "checked_by: 'test_ddim.py::test_name' must look like tests/"),
        ('"tests/diffloop/test_ddim.py::test_name"', '"tests/diffloop/test_ddim.py"', "checked_by", "must look like"),
        ('id = "other"', 'id = "few-steps"', 'id = "few-steps"\nstatement = "Another."', "duplicate claims id 'few-steps'"),
        ('id = "other"', 'id = "Other one"', 'id = "Other one"', "claim id 'Other one' is not a valid slug"),
        ('direction = "near"', 'direction = "up"', 'direction = "up"', "claim 'other': direction 'up' is unknown. Legal: above, below, near"),
        ("expected = 0.0\ntolerance = 0.1\n", "", 'direction = "near"', "claim 'other': direction 'near' needs expected and tolerance"),
        ("tolerance = 0.1", "than = 3\ntolerance = 0.1", "than = 3", "than goes with direction 'above' or 'below'"),
        ("tolerance = 0.1\n", "", "expected = 0.0", "claim 'other': expected without tolerance"),
        ("expected = 3.07\n", "", "tolerance = 0.5", "claim 'few-steps': tolerance without expected"),
        ("tolerance = 0.1", "tolerance = -0.1", "tolerance = -0.1", "tolerance is -0.1; it must not be negative"),
        ("than = 1\n", "", 'direction = "above"', "claim 'few-steps': direction 'above' needs than"),
        ("than = 1\n", "than = inf\n", "than = inf", "than must be a number, not inf"),
        ("than = 1\n", "than = true\n", "than = true", "than must be a number, not True"),
        ('small = "DIRECTION ONLY"', 'small = "direction only"', 'small = "dir', "claim 'other': verdict 'direction only' is unknown. Legal: REPRODUCED, DIRECTION ONLY, CONTRADICTED, NO EFFECT, INCONCLUSIVE"),
        ('small = "DIRECTION ONLY"', 'tiny = "DIRECTION ONLY"', "tiny", "verdict: unknown scale 'tiny'. Legal: small, full"),
        ('small = "DIRECTION ONLY"', 'small = "NOT AT THIS SCALE"', 'small = "NOT', "claim 'other': verdict 'NOT AT THIS SCALE' is unknown. Legal: "),
        ('reason_checked_by = "few-steps#fig-why"\n', "", "reason = ", "claim 'few-steps': reason without reason_checked_by"),
        ('"few-steps#fig-why"', '"fig-why"', "reason_checked_by", "reason_checked_by 'fig-why' must look like post#label"),
        ('"CONTRADICTED" }', '"REPRODUCED" }', "reason = ", "reason goes with the verdicts CONTRADICTED, DIRECTION ONLY, INCONCLUSIVE, NO EFFECT; remove it"),
        ('delta = 0.01\ndelta_why = "little"\n', "", "[[claims]]", "claim 'few-steps': delta is missing"),
        ("delta = 0.01", "delta = 0", "delta = 0", "delta is 0; it must be above 0"),
        ("delta = 0.01\n", "", "[[claims]]", "claim 'few-steps': delta is missing"),
        ("tolerance = 0.1", 'delta_why = "x"\ntolerance = 0.1', 'delta_why = "x"', "delta_why without delta"),
        ('delta_why = "little"\n', "", "delta = 0.01", "delta without delta_why"),
        ("delta = 0.01", "exact = true\ndelta = 0.01", "delta = 0.01", "delta goes with direction 'above' or 'below', not with exact"),
        ("tolerance = 0.1", 'delta = 0.1\ndelta_why = "x"\ntolerance = 0.1', "delta = 0.1", "delta goes with direction"),
        ("delta = 0.01", "exact = 1\ndelta = 0.01", "exact = 1", "exact must be a true or false, not 1"),
        ('"w-0.1" = "1.55"', '"w-0.1" = 1.55', "numbers", "numbers: w-0.1 must be a string, as the paper prints it, not 1.55"),
        ('"w-0.1" = "1.55"', 'number = "1.55"', "numbers = {", "numbers: 'number' is not a legal name for a number"),
        ('statement = "Another."', 'statement = "  "', 'statement = "  "', "statement must be a string, not '  '"),
    ],
)  # fmt: skip
def test_problems_have_the_line_and_what_is_legal(tmp_path, old, new, at, message):
    text = changed(old, new)
    with pytest.raises(PressError) as caught:
        read_paper(write(tmp_path, text), tmp_path)
    [problem] = caught.value.problems
    assert str(problem).startswith(f"papers/song2021ddim/paper.toml:{line_of(at, text)}: "), str(problem)
    assert message in problem.message


def test_all_problems_at_once(tmp_path):
    write(tmp_path, GOOD.replace("direction", "towards"))
    write(tmp_path, 'citekey = "a"\n[[claims]]\nid = 3\n', "a")
    with pytest.raises(PressError) as caught:
        read_papers(tmp_path)
    assert [p.file for p in caught.value.problems].count("papers/a/paper.toml") == 6
    assert sum("unknown key 'towards'" in p.message for p in caught.value.problems) == 2


def test_claim_ids_are_unique_over_all_papers_and_drafts_are_left_out(tmp_path):
    write(tmp_path, GOOD)
    write(tmp_path, GOOD.replace("song2021ddim", "_draft"), "_draft")
    assert [paper.citekey for paper in read_papers(tmp_path)] == ["song2021ddim"]
    write(tmp_path, GOOD.replace("song2021ddim", "twin2022"), "twin2022")
    with pytest.raises(PressError) as caught:
        read_papers(tmp_path)
    assert [str(p).partition(": I")[0] for p in caught.value.problems] == [
        f"papers/twin2022/paper.toml:{line_of(f'id = {name!r}'.replace(chr(39), chr(34)))}: duplicate claim id {name!r}: papers/song2021ddim/paper.toml already has it. IDs are unique across all papers; rename one"
        for name in ("few-steps", "other")
    ]


def test_citekeys_must_be_in_the_bibliography(tmp_path):
    papers = (read_paper(write(tmp_path, GOOD), tmp_path),)
    assert check_citekeys(papers, ["song2021ddim", "ho2020ddpm"]) == []
    assert [str(problem).partition(".  ")[0][:76] for problem in check_citekeys(papers, [])] == [
        "papers/song2021ddim/paper.toml:2: citekey 'song2021ddim' is not in the bibli",
        "papers/song2021ddim/paper.toml:4: related 'ho2020ddpm' is not in the bibliog",
    ]


@pytest.mark.parametrize(
    ("fetched", "told"),
    [
        ('arxiv = "2010.02502v4"\n[[equations]]\nnumber = "12"\n[[equations]]\nnumber = "A.2"', True),
        ('arxiv = "2010.02502v4"\n[[equations]]\nnumber = "12"\n[[equations]]\nnumber = "A.1"', False),
        ('arxiv = "2010.02502v3"\n[[equations]]\nnumber = "12"', False),  # another version counts otherwise
        ('arxiv = "2010.02502v4"\n[[equations]]\nnumber = "12"\nunsure = "x"', False),
        ('arxiv = "2010.02502v4"', False),
        ("broken", False),
    ],
)
def test_a_number_must_be_one_that_was_fetched(tmp_path, fetched, told):
    places = GOOD.replace("[[claims]]", '[[equations]]\nnumber = "Sec. 3"\nlatex = "z"\nsays = "z"\n\n[[claims]]', 1)
    paper = read_paper(write(tmp_path, places), tmp_path)
    (tmp_path / "papers/song2021ddim/equations.toml").write_text(fetched)
    line = line_of('number = "A.1"', places)
    message = f"papers/song2021ddim/paper.toml:{line}: equation number 'A.1' is not in equations.toml, which was read"
    message += ' from arXiv:2010.02502v4. Legal: 12, A.2, or a place such as "Sec. 3"'
    assert [str(problem) for problem in check_numbers(tmp_path, [paper])] == ([message] if told else [])


def test_no_papers_is_no_problem(tmp_path):
    assert read_papers(tmp_path) == ()


def test_lines_of_keys_in_every_way_to_write_them():
    text = "\n".join(
        (
            'a.b = 1  # c = "x"',
            "[t]",
            '"quoted key" = """',
            "no = 1",
            '"""',
            "list = [",
            '  "x = y",',
            "]",
            "inline = { one = \"two = 3\", 'four' = 5 }",
            "[[n]]",
            "[[n.m]]",
            "k = 1",
            "[[n.m]]",
            "k = 2",
            "[[n]]",
            "[n.o]",
            "k = 3",
        )
    )
    lines = key_lines(text)
    assert {".".join(key): line for key, line in lines.items()} == {
        "a.b": 1,
        "t": 2,
        "t.quoted key": 3,
        "t.list": 6,
        "t.inline": 9,
        "t.inline.one": 9,
        "t.inline.four": 9,
        "n.0": 10,
        "n.0.m.0": 11,
        "n.0.m.0.k": 12,
        "n.0.m.1": 13,
        "n.0.m.1.k": 14,
        "n.1": 15,
        "n.1.o": 16,
        "n.1.o.k": 17,
    }


def test_the_papers_that_are_here():
    """Each is sound, its keys are in references.bib, and a notebook reads the same claims."""
    import tomllib

    papers = read_papers(ROOT)
    assert papers, "papers/ has no paper.toml"
    known, _ = entries((ROOT / "references.bib").read_text(encoding="utf-8"))
    assert check_citekeys(papers, known) == []
    for paper in papers:
        tables = tomllib.loads((ROOT / paper.file).read_text(encoding="utf-8")).get("claims", [])
        assert tuple(map(claim_of, tables)) == paper.claims
