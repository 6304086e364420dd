"""Shapes and types of lib/diffloop's public functions are checked here, and only here."""

import sys
from pathlib import Path
from types import ModuleType

from beartype import BeartypeConf, beartype
from jaxtyping import install_import_hook

sys.path.insert(0, str(Path(__file__).parents[2] / "lib"))  # so that a plain `pytest` works before an install

# The hook wants the checker's name. Its "tower" lets an int stand where a float is asked for (PEP 484).
checker = ModuleType("diffloop_checker")
checker.check = beartype(conf=BeartypeConf(is_pep484_tower=True))
sys.modules["diffloop_checker"] = checker
install_import_hook("diffloop", "diffloop_checker.check")
