"""What the tests of generated pages share: each module has a `built` project of its own."""

from __future__ import annotations

import pytest

from tests.press.conftest import Site


@pytest.fixture
def copy(built: Site, tmp_path) -> Site:
    """A copy of the module's built project, to change."""
    return built.copy(tmp_path / "copy")
