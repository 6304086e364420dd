"""Parameters that a configuration gives to one post by name: `press: posts:`."""

import pytest

from press.core.config import read_config
from press.core.project import open_project
from press.preflight import planned
from tests.press.conftest import CONFIG, cell

BODY = cell("#| tags: [parameters]\nseed = 1\nsteps = 2\nrate = 0.5") + cell("print(seed, steps, rate)")


@pytest.fixture
def two(site):
    site.post("a", BODY)
    site.post("b", BODY)
    return site


def plan_of(site, said, given=None, slugs=()):
    """The plan under a profile that says this below `press:`."""
    site.write("_quarto-big.yml", "press:\n" + said)
    return planned(open_project(site.root, "big"), list(slugs), given or {})[0]


def told(site, said):
    return [str(problem) for problem in plan_of(site, said).problems]


def test_each_post_gets_its_own_and_the_more_special_wins(two):
    two.write("_quarto.yml", CONFIG + "  parameters: {steps: 3}\n  posts: {b: {parameters: {rate: 1}}}\n")
    two.write("posts/_metadata.yml", "press:\n  parameters: {seed: 4}\n")
    said = "  parameters: {steps: 5}\n  posts:\n    a:\n      parameters: {seed: 6, steps: 7}\n"
    found = {step.post.slug: step.parameters for step in plan_of(two, said).steps}
    assert found == {"a": {"seed": 6, "steps": 7}, "b": {"seed": 4, "steps": 5, "rate": 1}}
    found = {step.post.slug: step.parameters for step in plan_of(two, said, {"steps": 8, "seed": 1}).steps}
    assert found == {"a": {"steps": 8}, "b": {"steps": 8, "rate": 1}}


def test_it_is_part_of_the_key_of_that_post_alone(two):
    before = {step.post.slug: step.key.digest for step in plan_of(two, "  posts: {}\n").steps}
    after = {step.post.slug: step.key.digest for step in plan_of(two, "  posts: {a: {parameters: {seed: 2}}}\n").steps}
    assert after["a"] != before["a"]
    assert after["b"] == before["b"]
    same = {step.post.slug: step.key.digest for step in plan_of(two, "  posts: {a: {parameters: {seed: 1}}}\n").steps}
    assert same == before


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("  posts:\n    c: {}\n", "3: press: posts: no post 'c'. Posts: a, b"),
        ("  posts:\n    a: {}\n    aa: {}\n", "4: press: posts: no post 'aa'. Did you mean 'a'? Posts: a, b"),
        (
            "  posts:\n    a:\n      parameters:\n        sede: 2\n",
            "5: press: posts: a: unknown parameter 'sede'. Legal: rate, seed, steps",
        ),
        (
            "  posts:\n    b:\n      parameters: {steps: many}\n",
            "4: press: posts: b: parameter 'steps' must be of type int, such as 2, not str 'many'",
        ),
        (
            "  posts:\n    a:\n      seed: 2\n",
            "4: press: posts: a: seed is unknown and has no effect; legal: parameters",
        ),
        (
            "  posts:\n    a: 3\n",
            "3: press: posts: a: 3 must be a mapping with the key parameters",
        ),
        ("  posts: [a]\n", '2: press: posts: ["a"] must be a mapping from posts to their settings'),
        (
            "  posts:\n    a:\n      parameters: 3\n",
            "4: press: posts: a: parameters: 3 must be a mapping from parameters to their values",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(two, said, expected):
    assert told(two, said) == [f"_quarto-big.yml:{expected}"]


def test_nothing_said_is_nothing_wrong(two):
    for said in ("  posts:\n", "  posts:\n    a:\n", "  posts:\n    a:\n      parameters:\n"):
        assert told(two, said) == []


def test_the_names_are_checked_whichever_post_is_to_run(two):
    plan = plan_of(two, "  posts: {b: {parameters: {sede: 1}}}\n", slugs=["a"])
    assert len(plan.problems) == 1


def test_a_post_that_cannot_be_read_is_not_asked_for_its_parameters(two):
    two.post("b", cell("#| tags: [parameters]\nseed = = 1"))
    found = told(two, "  posts: {b: {parameters: {seed: 2}}}\n")
    assert [text.partition(": ")[0] for text in found] == ["posts/b/post.qmd:10"]


def test_it_has_its_place_in_the_projects_own_files(two):
    two.write("posts/_metadata.yml", "press:\n  posts: {a: {parameters: {seed: 4}}}\n")
    (problem,) = read_config(two.root).folder("posts").problems
    assert str(problem).startswith("posts/_metadata.yml:2: press: posts is unknown and has no effect; legal: checks, ")
