"""Stage `restore`: makes checkpoints of the first stages from the exported models, so that a later stage can be trained
without running them.

Exported weights are in half precision, so what is trained on them differs a little from what the checkpoints behind
them would give.
"""

from __future__ import annotations

import json
from pathlib import Path

from torch import nn
from torch.optim import AdamW

from tinyworld.checkpoint import save_checkpoint
from tinyworld.models import load_clip, load_tiny
from tinyworld.oracle import load_oracle
from tinyworld.stage_clip import Towers


def restore(runs: Path, models: Path) -> dict[str, str]:
    """Write a finished checkpoint below `runs` for each of the exported stages that has none there.

    Returns:
        by stage, what was done.

    Raises:
        ValueError: if a model is missing, truncated or of another version.
    """
    pipeline, clip = load_tiny(models / "tiny"), load_clip(models / "tiny-clip")
    oracle = load_oracle(models / "tiny-oracle")
    steps = json.loads((models / "tiny" / "tiny.json").read_text())["steps"]
    unet = {"unet": pipeline.unet, **({"text": pipeline.text_encoder} if "joint" in steps else {})}
    width = clip.config.projection_dim
    parts: dict[str, tuple[dict[str, nn.Module], dict]] = {
        "oracle": ({"oracle": oracle}, {"width": oracle.at32[0][0].out_channels}),
        "vae": ({"vae": pipeline.vae}, {"channels": list(pipeline.vae.config.block_out_channels)}),
        "clip": ({"towers": Towers(clip, width)}, {"width": width}),
        "joint" if "joint" in steps else "unet": (unet, {"channels": list(pipeline.unet.config.block_out_channels)}),
    }
    done = {}
    for stage, (modules, hyper) in parts.items():
        path = runs / stage / "checkpoint.pt"
        done[stage] = "kept as it was" if path.exists() else f"step {steps[stage]}"
        if not path.exists():
            ema = {name: {k: v.detach().float() for k, v in m.state_dict().items()} for name, m in modules.items()}
            state = {"step": steps[stage], "ema": ema, "cooldown": (steps[stage], 0), "finished": True, "seconds": 0.0}
            optimizer = AdamW(p for module in modules.values() for p in module.parameters())
            save_checkpoint(path, stage, modules, optimizer, state, hyper)
    return done
