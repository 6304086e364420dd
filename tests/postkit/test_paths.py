"""project_path: found upwards, nearest first, and names that are no path come back as they are."""

from postkit.paths import project_path


def test_it_looks_upwards_and_takes_the_nearest(tmp_path):
    inner = tmp_path / "posts" / "one"
    inner.mkdir(parents=True)
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    assert project_path("models/tiny", start=inner) == str(tmp_path / "models" / "tiny")
    (inner / "models" / "tiny").mkdir(parents=True)
    assert project_path("models/tiny", start=inner) == str(inner / "models" / "tiny")


def test_it_starts_in_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "posts").mkdir()
    (tmp_path / "models").mkdir()
    monkeypatch.chdir(tmp_path / "posts")
    assert project_path("models") == str(tmp_path / "models")


def test_a_hub_id_and_an_absolute_path_come_back_unchanged(tmp_path):
    assert project_path("owner/no-such-name", start=tmp_path) == "owner/no-such-name"
    assert project_path(str(tmp_path / "none"), start=tmp_path) == str(tmp_path / "none")
