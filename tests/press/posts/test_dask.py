"""The same work on a Dask cluster of two workers on this machine."""

import json
import os
import subprocess
import sys

import pytest

from tests.press.conftest import LIB, cell


@pytest.fixture
def cluster(monkeypatch):
    """Address of a local cluster whose workers are processes, as they would be on other machines."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", str(LIB))
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as local:
        yield local.scheduler_address


def test_posts_run_on_the_cluster_and_failures_come_back(site, cluster):
    for i in range(3):
        site.post(f"p{i}", cell(f"import os\nprint(os.getppid(), {i} * 7)"))
    done = site.press("run", "--dask", cluster)
    assert done.stdout == "3 posts ran: p0, p1, p2\n"
    parents = set()
    for i in range(3):
        book = json.loads(site.read(f"posts/p{i}/index.ipynb"))
        parent, product = "".join(book["cells"][-1]["outputs"][0]["text"]).split()
        assert product == str(i * 7)
        parents.add(int(parent))
    assert os.getpid() not in parents
    assert len(parents) == 2, "both workers were used"

    site.post("p1", cell("1 / 0"))
    assert (
        "posts/p1/post.qmd:9: code-1 raised ZeroDivisionError" in site.press("run", "--dask", cluster, status=1).stderr
    )


def test_the_clock_is_the_same_there(site, cluster):
    site.post("busy", cell("while True:\n    pass"), extra="timeout: 3\n")
    site.post("idle", cell("import time\n\ntime.sleep(10**6)"), extra="idle-timeout: 3\n")
    told = site.press("run", "--dask", cluster, status=1).stderr
    assert "posts/busy/post.qmd:10: the post used " in told
    assert "posts/idle/post.qmd:10: the post computed nothing for " in told


def test_no_scheduler_is_one_clear_line(site):
    site.post("a", cell("print(1)"))
    done = site.press("run", "--dask", "tcp://127.0.0.1:9", status=1)
    assert "error: no Dask scheduler at 'tcp://127.0.0.1:9'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_press_does_not_import_dask_by_itself():
    code = "import sys, press.cli, press.pipeline, press.posts.executors; sys.exit('distributed' in sys.modules or 'torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(LIB)}, check=False).returncode
        == 0
    )
