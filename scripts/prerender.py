"""Quarto's pre-render hook: execute what is stale, so that a plain `quarto render` is never out of date.

Quarto calls it with PATH's python3, in the project's root. The press lives in the project's environment, so the hook
goes on there. While `press build` itself calls Quarto, everything has run already and there is nothing to do.
"""

import os
import subprocess
import sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
if not os.environ.get("PRESS_BUILD"):
    own = root / ".venv" / "bin" / "python"
    python = str(own) if own.exists() else sys.executable
    command = [python, "-m", "press.cli", "run", "--root", str(root)]
    profile = os.environ.get("QUARTO_PROFILE")  # set but empty without a profile
    if profile:
        command += ["--profile", profile]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(root / "lib"), os.environ.get("PYTHONPATH")]))}
    sys.exit(subprocess.run(command, cwd=root, env=env, check=False).returncode)
