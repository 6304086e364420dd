"""python -m live: the files of a live model, made unless they are already kept.

python -m live models/tiny --unet tiny-web=models/tiny-web --runtime DIR --tokenizers DIR --kept DIR --out DIR
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from live.bundle import live_files


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m live", description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=Path, help="a Stable Diffusion in the Diffusers layout")
    parser.add_argument(
        "--unet", action="append", default=[], metavar="NAME=FOLDER", help="another U-Net for the model"
    )
    parser.add_argument("--runtime", type=Path, required=True, help="the unpacked npm package onnxruntime-web")
    parser.add_argument("--tokenizers", type=Path, required=True, help="the unpacked @huggingface/tokenizers")
    parser.add_argument("--kept", type=Path, required=True, help="folder that caches what was made")
    parser.add_argument("--out", type=Path, help="folder to copy the files to; without it they are listed, as JSON")
    options = parser.parse_args(arguments)
    unets = {name: Path(folder) for name, _, folder in (given.partition("=") for given in options.unet)}
    if "" in unets or Path() in unets.values():
        parser.error(f"--unet is {options.unet}; each must be NAME=FOLDER")
    packages = {"runtime": options.runtime, "tokenizers": options.tokenizers}
    try:
        files = live_files(options.model, unets, kept=options.kept, **packages)
    except (OSError, ValueError) as error:
        print(f"live: {error}", file=sys.stderr)
        return 1
    if options.out is None:
        print(json.dumps({name: str(path.resolve()) for name, path in files.items()}))
        return 0
    for name, path in files.items():
        (options.out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, options.out / name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
