"""Run the engine's own modules in Node, on JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ASSETS = Path(__file__).resolve().parents[2] / "lib/live/assets"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="no node on PATH: the engine was not run")

# What a test's script starts with: `given` is what Python handed over, and `say` hands back.
HEAD = """
import { readFileSync } from "node:fs";
const given = JSON.parse(readFileSync(0, "utf8"));
const f32 = (values) => Float32Array.from(values);
const plain = (key, value) => (ArrayBuffer.isView(value) ? [...value] : value);
const say = (value) => process.stdout.write(JSON.stringify(value, plain));
"""


def in_node(script: str, given: Any, folder: Path, **modules: str) -> Any:
    """What a script says of what it is given.

    Args:
        script: the body of a module.
        folder: for the script.
        modules: names to import -> the engine's file that has them, `from_samplers="ddim, halves"`.
    """
    lines = [
        f'import {{ {names} }} from "{(ASSETS / stem.removeprefix("from_")).as_uri()}.js";'
        for stem, names in modules.items()
    ]
    path = folder / "script.mjs"
    path.write_text("\n".join([*lines, HEAD, script]), encoding="utf-8")
    done = subprocess.run([NODE, path], input=json.dumps(given), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)
