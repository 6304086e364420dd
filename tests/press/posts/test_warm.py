"""Kernels that are forked from a process which has imported ahead: they show what kernels show that were started fresh.

The packages are made up, and lie in a folder that counts as one of installed packages. Each notes the process that
imported it, by which a post can tell whether that was done ahead.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time

import psutil
import pytest

from press.core.project import open_project
from press.posts import execute, run
from press.posts.ahead import levels_of, warm
from press.posts.execute import environment
from press.posts.plan import make_plan
from tests.press.conftest import cell

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="kernels are forked where Linux tells their end")

PACKAGES = {
    # what is clean, whatever it looks at and keeps
    "plain": "VALUE = object()",
    "keeper": "import logging, sys\nhandler = logging.StreamHandler()\nhandler.flush = sys.stderr.flush\nout = sys.stdout",
    "lazy": "import importlib\ndef __getattr__(name):\n    if name == 'Part':\n"
    "        return importlib.import_module('lazy.part').Part\n    raise AttributeError(name)",
    "lazy/part": "class Part: pass",
    "shown": "import os\nfrom IPython import get_ipython\nSEEN = type(get_ipython()).__name__, isinstance(get_ipython(), "
    "__import__('IPython').InteractiveShell), os.environ['MPLBACKEND'], os.environ.get('TERM')",
    "filtering": "import warnings\nwarnings.filterwarnings('ignore', 'as filtering wants it')\n"
    "warnings.filterwarnings('ignore', category=DeprecationWarning)",
    "setting": "import os\nos.environ['SET_BY_IMPORT'] = '1'",
    "drawing": "import random\nimport numpy.random",
    # what is not
    "warns": "import warnings\nwarnings.warn('from warns', stacklevel=2)",
    "silent": "import warnings\nwarnings.warn('ignored, unless somebody asks', DeprecationWarning, stacklevel=2)",
    "prints": "print('from prints')",
    "writes": "import os\nos.write(2, b'past Python')",
    "logs": "import logging\nlogging.getLogger('logs').error('from logs')",
    "raises": "raise ValueError('from raises')",
    "threads": "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
    "opens": "import os\nhandle = os.open('/dev/null', os.O_RDONLY)",
    "signals": "import signal\nsignal.signal(signal.SIGUSR1, lambda *_: None)",
    "hooks": "import sys\nsys.excepthook = lambda *_: None",
    "moves": "import os\ndel os.environ['GONE']",
    "leaves": "raise SystemExit",
    "asks": "from IPython import get_ipython\nKERNEL = get_ipython().kernel is not None",
    "editable": "",  # a link to code that lies elsewhere
}
CLEAN = ["drawing", "filtering", "keeper", "lazy", "plain", "setting", "shown"]

IMPORTS = "\n".join(f"import {name}" for name in PACKAGES if "/" not in name and name not in ("raises", "leaves"))
LOOKS = """\
import json, os, random, sys, warnings, signal, subprocess, threading, time, multiprocessing, logging

ahead = [name for name in NAMES if name in sys.modules and sys.modules[name].PID != os.getpid()]
unseeded = [random.random(), drawing.numpy.random.rand()]
with open(os.environ.get("SIDE"), "a") as stream:
    stream.write(json.dumps([ahead, unseeded]) + "\\n")
own = ("PRESS_", "IPYTHONDIR", "JPY_PARENT_PID")
print({name: value for name, value in sorted(os.environ.items()) if not name.startswith(own)})
print(os.getcwd(), sys.path, sys.argv[0], len(sys.argv), sys.orig_argv[:4], sys.flags)
print(os.getpgid(0) == os.getsid(0) == os.getpid(), os.getppid() == int(os.environ["JPY_PARENT_PID"]))
print(os.read(0, 10), sys.stdin, sys.__stdout__.line_buffering, os.isatty(1))
print([signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGPIPE)])
print(signal.pthread_sigmask(signal.SIG_BLOCK, []), sys.excepthook.__qualname__, threading.active_count())
print(type(sys.stdout), type(keeper.out) is type(sys.stdout), keeper.out is sys.stdout, logging.root.handlers)
kinds = [(action, text and text.pattern, category.__name__) for action, text, category, *_ in warnings.filters]
print([kind for kind in kinds if kind[2] == "DeprecationWarning" or "filtering" in str(kind)])
print(multiprocessing.current_process(), sys.modules["__main__"].__dict__["ahead"] is ahead, lazy.Part, shown.SEEN)
"""
DOES = """\
keeper.handler.emit(logging.makeLogRecord({"msg": "kept from the import"}))
warnings.warn("as filtering wants it")
warnings.warn("as the author wants it")
"""
MORE = """\
random.seed(1), drawing.numpy.random.seed(1)
print(random.random(), drawing.numpy.random.rand(), hash("text"), time.process_time() < 100)
print(subprocess.run([sys.executable, "-c", "print(open)"], capture_output=True, text=True).stdout)
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(abs, range(-3, 0)))
with multiprocessing.get_context("spawn").Pool(1) as pool:
    print(pool.map(abs, [-4]))
worker = threading.Thread(target=print, args=["from a thread"])
worker.start(), worker.join()
del sys.modules["plain"]
import plain as again
print(again is plain, again.VALUE is plain.VALUE)
"""


@pytest.fixture
def packages(tmp_path_factory):
    """The folder of the packages, as it has to stand in PYTHONPATH."""
    folder = tmp_path_factory.mktemp("made") / "made-packages"
    for name, code in PACKAGES.items():
        path = folder / f"{name}.py" if "/" in name else folder / name / "__init__.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"import os\nPID = os.getpid()\n{code}\n")
    (folder / "editable/__init__.py").rename(folder.parent / "elsewhere.py")
    (folder / "editable/__init__.py").symlink_to(folder.parent / "elsewhere.py")
    return folder


def made(site, packages):
    """What posts noted aside, and their notebooks, of a run from nothing."""
    side = packages.parent / "side"
    side.unlink(missing_ok=True)
    lib = site.environment()["PYTHONPATH"]
    site.press("run", "--force", PYTHONPATH=f"{packages}{os.pathsep}{lib}", SIDE=str(side), GONE="not yet")
    books = {path.parent.name: json.loads(path.read_text()) for path in sorted(site.root.glob("posts/*/index.ipynb"))}
    for book in books.values():
        book["metadata"].pop("press")
        for code in (c for c in book["cells"] if c["cell_type"] == "code"):
            code["outputs"] = merged(code["outputs"])
    return [json.loads(line) for line in side.read_text().splitlines()] if side.exists() else [], books


def merged(outputs):
    """With neighbouring pieces of one stream as one: where it is cut depends on the moment."""
    found = []
    for output in outputs:
        if output["output_type"] == "stream":
            output["text"] = "".join(output["text"])
        if found and output["output_type"] == "stream" and found[-1].get("name") == output["name"]:
            found[-1]["text"] += output["text"]
        else:
            found.append(output)
    return found


def texts(books):
    """The lines of all outputs, for a failure that can be read."""
    outputs = (output for book in books.values() for c in book["cells"] for output in c.get("outputs", ()))
    return [
        line for output in outputs for line in "".join(output.get("text", output.get("traceback", []))).splitlines()
    ]


def cold(monkeypatch):
    monkeypatch.setattr(run, "warm", lambda *_: contextlib.nullcontext({}))


def test_forked_and_fresh_kernels_show_the_same(site, packages, monkeypatch):
    names = [name for name in PACKAGES if "/" not in name]
    code = cell(IMPORTS) + "\n" + cell(f"NAMES = {names}\n{LOOKS}") + "\n" + cell(DOES) + cell(MORE)
    code += "\n" + cell("#| error: true\nimport raises") + "\n" + cell("1 / 0").replace("\n1", "\n#| error: true\n1")
    site.post("a", code)
    site.post("b", code)
    site.post("beside", cell("import plain, keeper\nprint(plain.__file__)"))
    site.write("posts/beside/plain.py", "PID = 0\n")
    site.post(
        "styled",
        cell("import plain, os\nopen(os.environ['SIDE'], 'a').write(f'[{plain.PID == os.getpid()}]\\n'.lower())"),
    )
    site.write("posts/styled/matplotlibrc", "")
    noted, forked = made(site, packages)
    whole = [line for line in noted if len(line) == 2]
    assert [sorted(ahead) for ahead, _ in whole] == [CLEAN, CLEAN]
    assert [True] in noted, "settings beside a post are read when the package is imported"
    assert len({number for _, numbers in whole for number in numbers}) == 4, "two kernels drew the same"
    cold(monkeypatch)
    noted, fresh = made(site, packages)
    assert [ahead for ahead, *more in noted if more] == [[], []]
    assert texts(forked) == texts(fresh)
    assert forked == fresh


def plan_of(site, **posts):
    for slug, code in posts.items():
        site.post(slug, cell(code))
    plan = make_plan(open_project(site.root), [], {}, claims=None)
    return [step.post for step in plan.steps], plan.library


def test_a_post_gets_only_what_its_closure_names(site):
    """Packages of most posts first; beyond what one post lacks, it gets none."""
    site.write("lib/mathlib/core.py", "CLASSES = {'part': 'lazy.Part'}\ndef two():\n    import lazy\n    return lazy\n")
    posts, library = plan_of(
        site,
        a="import numpy, keeper, json\nfrom mathlib.core import two\nfrom numpy import linalg",
        b="import numpy.random, keeper\nfrom mathlib.core import two",
        c="import numpy, keeper",
        d="import numpy, lazy, alone",
    )
    levels, depths = levels_of(posts, library)
    named = {names[0]: names[1:] for names in levels}
    assert list(named) == ["numpy", "keeper", "lazy"]
    assert named["numpy"] == ["numpy.linalg", "numpy.random"]
    assert named["lazy"] == ["lazy.Part"]
    assert dict(zip([post.slug for post in posts], depths, strict=True)) == {"a": 3, "b": 3, "c": 2, "d": 1}


@pytest.mark.parametrize("posts", [{"a": "import numpy"}, {"a": "import json", "b": "from mathlib.core import two"}])
def test_nothing_is_imported_ahead_where_posts_share_nothing(site, monkeypatch, posts):
    found, library = plan_of(site, **posts)
    monkeypatch.setattr(subprocess, "Popen", lambda *_: pytest.fail("a process"))
    with warm(found, library, dict(os.environ)) as sockets:
        assert sockets == {}


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_post_whose_warm_process_dies_runs_in_a_fresh_kernel(site, packages):
    mark = packages.parent / "killed"
    code = (
        "import os, plain, signal, time\n\nif plain.PID != os.getpid():\n"
        f"    open({str(mark)!r}, 'a').write('x')\n    os.kill(os.getppid(), signal.SIGKILL)\n    time.sleep(1000)\nprint('ran')"
    )
    site.post("a", cell(code))
    site.post("b", cell("import plain"))
    _, books = made(site, packages)
    assert mark.read_text() == "x"
    assert texts({"a": books["a"]}) == ["ran"]


def test_nothing_is_left_of_a_press_that_is_killed(site, packages):
    """Neither the processes of the levels, nor kernels, nor what these have started."""
    side = packages.parent / "side"
    code = (
        "import os, plain, subprocess\n\nchild = subprocess.Popen(['sleep', '1000'])\n"
        f"open({str(side)!r}, 'a').write(f'{{os.getpid()}} {{os.getppid()}} {{child.pid}} {{plain.PID}}\\n')\nchild.wait()"
    )
    site.post("a", cell(code))
    site.post("b", cell(code))
    lib = site.environment()["PYTHONPATH"]
    environment = site.environment(PYTHONPATH=f"{packages}{os.pathsep}{lib}")
    with subprocess.Popen(site.command("run", "--jobs", "2"), cwd=site.root, env=environment) as press:
        while press.poll() is None and (not side.exists() or side.read_text().count("\n") < 2):
            time.sleep(0.1)
        press.kill()
    pids = {int(pid) for pid in side.read_text().split()}
    assert len(pids) == 5, "two kernels with a child each, and the process that both were forked from"
    while not all(map(gone, pids)):
        time.sleep(0.1)


def test_another_environment_gets_a_fresh_kernel(site, packages, monkeypatch):
    """What packages read of it when they are imported may differ."""
    site.post("a", cell("import plain, os\nopen(os.environ['SIDE'], 'a').write(f'[{plain.PID == os.getpid():d}]\\n')"))
    site.post("b", site.read("posts/a/post.qmd").partition("---\n\n")[2])
    monkeypatch.setattr(execute, "environment", lambda root, threads: environment(root, threads + 1))
    assert made(site, packages)[0] == [[1], [1]]
