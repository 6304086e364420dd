"""Stage `export-more`: what the posts on distillation and GLIDE need beyond models/tiny, half precision.

models/tiny-students/<name>    U-Nets: guided (one call per step at every scale), steps-8, steps-4, steps-2, steps-1
models/tiny-inpaint            the U-Net of 9 channels; the rest is models/tiny's
models/tiny-web                the U-Net that was trained on captions that lie; the rest is models/tiny's
models/tiny-glide/<name>       base and upsampler, U-Nets on pixels; noised-clip, a CLIP's image half for noised latents

Each network is a folder that Diffusers or Transformers loads. Only what was trained to its end is written.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from filecmp import cmp
from pathlib import Path

from torch import nn

from tinyworld.checkpoint import git_commit, load_checkpoint, write_json
from tinyworld.stage_export import full_precision_on_load, half
from tinyworld.stage_glide import trained_glide
from tinyworld.stage_guided import trained_student
from tinyworld.stage_inpaint import trained_inpaint
from tinyworld.stage_noised_clip import trained_noised_clip
from tinyworld.stage_web import trained_web

LIMIT_MB = 12.6  # per network; 6.1 million weights in half precision are 12.2
NETWORKS: dict[str, tuple[str, Callable[[Path], nn.Module]]] = {
    "tiny-students/guided": ("guided", lambda runs: trained_student(runs, "guided")),
    **{
        f"tiny-students/steps-{n}": (f"student-{n}", lambda runs, n=n: trained_student(runs, f"student-{n}"))
        for n in (8, 4, 2, 1)
    },
    "tiny-inpaint": ("inpaint", trained_inpaint),
    "tiny-web": ("web", trained_web),
    "tiny-glide/base": ("glide-base", lambda runs: trained_glide(runs, "glide-base")),
    "tiny-glide/upsampler": ("glide-upsampler", lambda runs: trained_glide(runs, "glide-upsampler")),
    "tiny-glide/noised-clip": ("noised-clip", trained_noised_clip),
}


def export_more(runs: Path, models: Path) -> dict[str, float | str]:
    """Write a folder below `models` for each network whose training below `runs` is finished.

    Returns:
        megabytes by folder.

    Raises:
        ValueError: if none has been trained, or a network takes more than 12.6 MB.
    """
    sizes: dict[str, float | str] = {}
    for name, (stage, trained) in NETWORKS.items():
        if not (path := runs / stage / "checkpoint.pt").exists():
            continue
        state, folder = load_checkpoint(path, stage), models / name
        if not state["finished"]:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=models, prefix=".export-") as temporary:
            half(trained(runs)).save_pretrained(temporary)
            full_precision_on_load(Path(temporary) / "config.json")
            files = sorted(Path(temporary).iterdir())
            sizes[f"{name} MB"] = size = sum(file.stat().st_size for file in files) / 1e6
            if size > LIMIT_MB:
                raise ValueError(f"{name} takes {size:.1f} MB; a network must stay within {LIMIT_MB} MB")
            if all((folder / file.name).is_file() and cmp(file, folder / file.name, shallow=False) for file in files):
                continue  # the same weights stay as they were, with the record of the commit that first wrote them
            for file in files:
                os.replace(file, folder / file.name)
        about = {"git": git_commit(), "steps": state["step"], "minutes": round(state["seconds"] / 60, 1)}
        write_json(folder / "tiny.json", about)
    if not sizes:
        raise ValueError(f"{runs} holds none of {', '.join(stage for stage, _ in NETWORKS.values())}; train one first")
    return sizes
