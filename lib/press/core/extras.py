"""What only some commands need, and a plain `pip install executable-papers` does not bring."""

from __future__ import annotations

import importlib.util

from press.core.errors import fail


def need(command: str, extra: str, *modules: str) -> None:
    """Make sure that what a command imports is installed, before it does anything.

    Args:
        command: as it is typed, for the message.
        extra: the extra of the package that brings the modules.
        modules: top-level names of what it imports.

    Raises:
        PressError: some are not installed; says which, and how to install them.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        what = f"{command} needs {' and '.join(missing)}, not installed here"
        raise fail("", 0, f"{what}. Run: pip install 'executable-papers[{extra}]'")
