"""Execution: what runs again, what does not, and what `press why` says. Real kernels, real papermill."""

import itertools
import json
import subprocess
import time

import pytest

from tests.press.conftest import cell

USES_CORE = "Words.\n\n" + cell("from mathlib.core import two\nprint(two())")
USES_NOTHING = "Words.\n\n" + cell("#| tags: [parameters]\nseed = 3") + cell("print(seed * 2)")


@pytest.fixture
def ran(site):
    """Two posts, already executed once."""
    site.post("core", USES_CORE)
    site.post("plain", USES_NOTHING)
    site.press("run")
    return site


def ran_now(done) -> list[str]:
    head, _, names = done.stdout.partition(":")
    assert head.split()[1:3] == ["posts", "ran"], done.stdout
    return sorted(names.strip().split(", ")) if names.strip() else []


def outputs(site, slug: str) -> str:
    book = json.loads(site.read(f"posts/{slug}/index.ipynb"))
    return "".join("".join(o.get("text", [])) for c in book["cells"] for o in c.get("outputs", []))


def test_nothing_runs_twice(ran):
    assert (outputs(ran, "core"), outputs(ran, "plain")) == ("2\n", "6\n")
    assert ran_now(ran.press("run")) == []


def test_a_module_in_the_closure_makes_its_posts_stale_and_why_names_it(ran):
    ran.write("lib/mathlib/helper.py", "def one():\n    return 10\n")
    assert "core: stale\n  module mathlib.helper changed\nplain: up to date" in ran.press("why").stdout
    assert ran_now(ran.press("run")) == ["core"]
    assert outputs(ran, "core") == "11\n"


def test_a_module_outside_the_closure_runs_nothing(ran):
    ran.write("lib/mathlib/apart.py", "def nothing():\n    return 1\n")
    assert ran_now(ran.press("run")) == []


def test_a_comment_counts_because_a_post_may_print_the_source(ran):
    ran.write("lib/mathlib/core.py", ran.read("lib/mathlib/core.py") + "# a comment\n")
    assert ran_now(ran.press("run")) == ["core"]


def test_changed_code_runs_one_post_and_changed_prose_none(ran):
    ran.post("core", USES_CORE.replace("two())", "two() + 1)"))
    assert ran_now(ran.press("run")) == ["core"]
    ran.post("core", USES_CORE.replace("two())", "two() + 1)").replace("Words", "Other words"))
    assert ran_now(ran.press("run")) == []
    assert "Other words" in ran.read("posts/core/index.ipynb")
    assert outputs(ran, "core") == "3\n"


def test_going_back_takes_the_result_from_the_cache(ran):
    ran.post("core", USES_CORE.replace("two())", "two() + 1)"))
    ran.press("run")
    ran.post("core", USES_CORE)
    assert ran_now(ran.press("run")) == []
    assert outputs(ran, "core") == "2\n"


def test_parameters_are_injected_and_part_of_the_key(ran):
    assert ran_now(ran.press("run", "plain", "-p", "seed", "5")) == ["plain"]
    assert outputs(ran, "plain") == "10\n"
    assert ran_now(ran.press("run", "plain", "-p", "seed", "5")) == []
    assert ran_now(ran.press("run", "plain", "-p", "seed", "3")) == []
    assert outputs(ran, "plain") == "6\n"


def test_declared_data_is_part_of_the_key(site):
    site.write("posts/reads/numbers.txt", "7")
    site.post("reads", cell("print(open('numbers.txt').read())"), extra="data: [numbers.txt]\n")
    site.press("run")
    site.write("posts/reads/numbers.txt", "8")
    assert "file posts/reads/numbers.txt changed" in site.press("why").stdout
    assert ran_now(site.press("run")) == ["reads"]
    assert outputs(site, "reads") == "8\n"


def test_reading_a_file_that_is_not_declared_is_an_error(site):
    site.write("posts/reads/numbers.txt", "7")
    site.post("reads", cell("print(open('numbers.txt').read())"))
    done = site.press("run", status=1)
    assert (
        "posts/reads/post.qmd:1: it read posts/reads/numbers.txt, which its front matter does not declare"
        in done.stderr
    )
    assert ran_now_is_still_stale(site, "reads")


def test_a_module_that_the_closure_cannot_see_is_an_error(site):
    site.write("lib/mathlib/hidden.py", "x = 1\n")
    site.post(
        "sly", cell("import runpy\nimport os\nrunpy.run_path(os.path.join('..', '..', 'lib', 'mathlib', 'hidden.py'))")
    )
    done = site.press("run", status=1)
    assert "lib/mathlib/hidden.py, which is not in its import closure" in done.stderr


def ran_now_is_still_stale(site, slug: str) -> bool:
    return f"{slug}: stale" in site.press("why").stdout


def test_imports_by_string_make_the_whole_library_count(site):
    site.post("dynamic", cell("import importlib\nprint(importlib.import_module('mathlib.apart').nothing())"))
    site.press("run")
    site.write("lib/mathlib/apart.py", "def nothing():\n    return 5\n")
    assert ran_now(site.press("run")) == ["dynamic"]
    assert outputs(site, "dynamic") == "5\n"


def test_a_damaged_cache_entry_is_not_believed(ran):
    key = json.loads(ran.read("posts/core/index.ipynb"))["metadata"]["press"]["key"]
    path = ran.root / ".press/cache" / key / "notebook.ipynb"
    path.write_text(path.read_text().replace("2\\n", "9\\n"))
    assert ran_now(ran.press("run")) == ["core"]
    assert outputs(ran, "core") == "2\n"


def test_the_same_run_gives_the_same_bytes(ran):
    before = ran.read("posts/plain/index.ipynb")
    assert ran_now(ran.press("run", "--force")) == ["core", "plain"]
    assert ran.read("posts/plain/index.ipynb") == before


def test_dry_run_says_what_and_why_and_does_nothing(ran):
    ran.write("lib/mathlib/helper.py", "def one():\n    return 10\n")
    done = ran.press("run", "--dry-run")
    assert done.stdout == "would run core: module mathlib.helper changed\n1 of 2 posts would run\n"
    assert outputs(ran, "core") == "2\n"


def test_a_failure_keeps_the_notebook_and_is_never_cached(ran):
    ran.post("core", "Words.\n\n" + cell("print('before')") + "\n" + cell("#| label: x\n\nimport math\nmath.sqrt(-1)"))
    done = ran.press("run", status=1)
    assert "posts/core/post.qmd:18: code-2 raised ValueError: math domain error" in done.stderr
    assert "Traceback" in done.stderr
    assert "before" in ran.read(".press/failed/core.ipynb")
    assert outputs(ran, "core") == "2\n"
    again = ran.press("run", status=1)
    assert "FAILED core" in again.stderr


def test_one_failing_post_does_not_lose_the_others_results(site):
    site.post("bad", cell("1 / 0"))
    site.post("good", cell("print(1)"))
    site.press("run", status=1)
    site.post("bad", cell("print(2)"))
    assert ran_now(site.press("run")) == ["bad"]


def test_a_module_changed_during_the_run_drops_the_result(site, tmp_path_factory):
    """Which of the two states the run saw is unknown, so its result may not stand under either key."""
    signs = tmp_path_factory.mktemp("signs")
    started, changed = signs / "started", signs / "changed"
    wait = f"pathlib.Path({str(started)!r}).touch()\nwhile not os.path.exists({str(changed)!r}):\n    time.sleep(0.05)"
    read = "from mathlib.core import two\nprint(two())"
    site.post("slow", cell(f"import os\nimport pathlib\nimport time\n\n{wait}\n{read}"))
    process = subprocess.Popen(
        site.command("run"), cwd=site.root, env=site.environment(), stderr=subprocess.PIPE, text=True
    )
    while not started.exists():
        assert process.poll() is None
        time.sleep(0.05)
    site.write("lib/mathlib/helper.py", "def one():\n    return 10\n")
    changed.touch()
    assert "changed while it ran (module mathlib.helper changed); its result is discarded" in process.communicate()[1]
    assert process.returncode == 1
    assert ran_now(site.press("run")) == ["slow"]
    assert outputs(site, "slow") == "11\n"


def test_gpu_posts_run_one_at_a_time(site):
    log = site.root / "times.log"
    code = f"import time\nstart = time.time()\ntime.sleep(0.4)\nopen({str(log)!r}, 'a').write(f'{{start}} {{time.time()}}\\n')"
    for name in ("a", "b", "c"):
        site.post(name, cell("#| tags: [parameters]\ndevice = 'cuda'") + cell("print(device)") + cell(code))
    site.press("run", "--jobs", "3")
    spans = sorted(tuple(map(float, line.split())) for line in log.read_text().splitlines())
    assert len(spans) == 3
    assert all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(spans))


def test_secrets_of_the_environment_do_not_reach_the_kernel(site):
    site.post("env", cell("import os\nprint(repr(os.environ.get('ZOTERO_API_KEY')))"))
    site.press("run", ZOTERO_API_KEY="abcdefgh12345678ijklmnop")
    assert outputs(site, "env") == "''\n"


def test_tqdms_advice_stays_off_the_page_and_other_warnings_do_not(site):
    warn = "import warnings\nwarnings.warn('IProgress not found. Please update jupyter', stacklevel=1)\n"
    site.post("warned", cell(warn + "warnings.warn('steps is 2, which is few', stacklevel=1)"))
    site.press("run", PYTHONWARNINGS="default")
    said = outputs(site, "warned")
    assert "steps is 2" in said
    assert "IProgress" not in said
