import platform
import subprocess

import numpy as np

from postkit.provenance import provenance


def git(folder, *arguments):
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    return subprocess.run(
        ("git", *identity, *arguments), cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


def repository(folder):
    git(folder, "init", "-q")
    (folder / "a.txt").write_text("a")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "a")
    return git(folder, "rev-parse", "HEAD")


def test_names_commit_seed_device_and_versions(tmp_path, monkeypatch):
    commit = repository(tmp_path)
    monkeypatch.chdir(tmp_path)
    line = repr(provenance(seed=7, device="cuda", model_name="tiny"))
    assert line.startswith(f"commit {commit[:10]} · seed 7 · device cuda · python {platform.python_version()}")
    assert f"numpy {np.__version__}" in line
    assert line.endswith("model name tiny")
    assert "\n" not in line


def test_marks_uncommitted_changes(tmp_path, monkeypatch):
    repository(tmp_path)
    (tmp_path / "a.txt").write_text("b")
    monkeypatch.chdir(tmp_path)
    assert "+ uncommitted changes" in repr(provenance(seed=0))


def test_without_git(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert repr(provenance(seed=0)).startswith("commit no git ·")
    monkeypatch.setenv("PATH", "")
    assert repr(provenance(seed=0)).startswith("commit no git ·")


def test_imports_nothing_and_names_only_what_is_imported(monkeypatch):
    monkeypatch.delitem(__import__("sys").modules, "torch", raising=False)
    assert "torch" not in repr(provenance(seed=0))


def test_everything_is_escaped():
    html = provenance(seed=0, model="<script>\n\n</script>&").html
    assert "<script>" not in html
    assert "\n" not in html
    assert "&lt;script&gt; &lt;/script&gt;&amp;" in html
