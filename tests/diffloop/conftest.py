"""Shapes and types of lib/diffloop's public functions are checked here, and only here."""

import sys
from pathlib import Path
from types import ModuleType

import pytest
from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook

sys.path.insert(0, str(Path(__file__).parents[2] / "lib"))  # so that a plain `pytest` works before an install

# The hook wants the checker's name. Its "tower" lets an int stand where a float is asked for (PEP 484).
checker = ModuleType("diffloop_checker")
checker.check = beartype(conf=BeartypeConf(is_pep484_tower=True))
sys.modules["diffloop_checker"] = checker
install_import_hook("diffloop", "diffloop_checker.check")


@pytest.fixture(scope="session")
def eps_folder(tmp_path_factory):
    """A random Stable Diffusion that predicts eps, 16 x 16 latents, 64 x 64 images."""
    from tests.diffloop.tiny import build

    return build(tmp_path_factory.mktemp("eps"))


@pytest.fixture(scope="session")
def v_folder(tmp_path_factory):
    """One that predicts v, with another latent size, another text width."""
    from tests.diffloop.tiny import build

    return build(tmp_path_factory.mktemp("v"), latents=12, text_width=48, seed=1, prediction_type="v_prediction")


@pytest.fixture(scope="session")
def inpaint_folder(tmp_path_factory):
    """One whose U-Net takes 9 channels."""
    from tests.diffloop.tiny import build

    return build(tmp_path_factory.mktemp("inpaint"), inpaint=True, seed=2)
