"""Quarto's post-render hook: add previews, symbols and notebooks to what a plain `quarto render` has made.

While `press build` itself calls Quarto, it does this afterwards, in its own process.
"""

import os
import subprocess
import sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
out = os.environ.get("QUARTO_PROJECT_OUTPUT_DIR")
if not os.environ.get("PRESS_BUILD") and out:
    own = root / ".venv" / "bin" / "python"
    python = str(own) if own.exists() else sys.executable
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(root / "lib"), os.environ.get("PYTHONPATH")]))}
    command = [python, "-m", "press.renderer.quarto", out]
    sys.exit(subprocess.run(command, cwd=root, env=env, check=False).returncode)
