"""Who takes part in `bench_gpu.py`: our loops, Diffusers' pipelines on the same networks, and the bare calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

LOOPS = ("text", "image", "inpaint")
PROMPT, SCALE = "a red circle on grey", 5.0


def ours(pipe: Any) -> Any:
    """Our models on the networks of a pipeline, as `load` puts them together."""
    from diffloop.graphs import Graphs
    from diffloop.pretrained import FAMILIES

    family = next(f for f in FAMILIES if type(pipe).__name__.startswith(f.pipelines))
    parts = {name: pipe.components[name] for name in family.parts if pipe.components.get(name) is not None}
    for part in parts.values():
        if isinstance(part, torch.nn.Module):
            part.eval().requires_grad_(False)
    settings, _ = family.settings(dict(pipe.scheduler.config), Path("the pipeline"))
    return family.models(**parts, **settings, graphs=Graphs() if pipe.device.type == "cuda" else None)


def contestants(pipe: Any, models: Any, loop: str, b: int, steps: int) -> dict[str, Callable[[], object]]:
    """Ours, the pipeline, and for text to image the bare calls, ready to run."""
    from diffusers import AutoPipelineForImage2Image, AutoPipelineForInpainting

    from diffloop.image_to_image import image_to_image
    from diffloop.inpainting import inpaint
    from diffloop.text_to_image import text_to_image

    h, w = (n * models.scale for n in models.latent_size(None))
    prompts, device = [PROMPT] * b, models.device
    images, masks = torch.rand(b, 3, h, w).to(device), torch.zeros(b, 1, h, w).to(device)
    masks[:, :, h // 4 : h // 2] = 1
    own = lambda: {"steps": steps, "guidance_scale": SCALE, "generator": torch.Generator().manual_seed(0)}  # noqa: E731
    theirs = {"num_inference_steps": steps, "guidance_scale": SCALE, "output_type": "pt"}
    if loop == "text":
        bare = partial(bare_calls, models, b, steps)
        return {
            "ours": lambda: text_to_image(models, prompts, **own()),
            "pipeline": lambda: pipe(prompts, **theirs),
            "bare": bare,
        }
    if loop == "image":
        other = AutoPipelineForImage2Image.from_pipe(pipe)
        mine, given = lambda: image_to_image(models, images, prompts, strength=0.5, **own()), {"image": images}
    else:
        other = AutoPipelineForInpainting.from_pipe(pipe)
        mine = lambda: inpaint(models, images, masks, prompts, strength=0.5, **own())  # noqa: E731
        given = {"image": images, "mask_image": masks}
    other.set_progress_bar_config(disable=True)
    sides = {} if loop == "image" and "3" not in type(pipe).__name__ else {"height": h, "width": w}
    return {"ours": mine, "pipeline": lambda: other(prompts, strength=0.5, **given, **sides, **theirs)}


@torch.no_grad()
def bare_calls(models: Any, b: int, steps: int) -> None:
    """Text, so many calls of the network, the decoder. On a GPU the calls are replays of a captured one."""
    text = models.encode_text([None] * b + [PROMPT] * b)
    x, level = (
        torch.zeros(2 * b, models.latent_channels, *models.latent_size(None), device=models.device),
        models.levels(2)[0],
    )
    if models.graphs is None:
        for _ in range(steps):
            models.predict(x, level, text)
    else:
        for _ in range(2):  # captured, if that was not done yet
            models.predict(x, level, text)
        recorded = list(models.graphs._networks[models.network].graphs.values())[-1]
        for _ in range(steps - 2):
            recorded.graph.replay()
    models.decode(x[:b])


def compiled(pipe: Any, steps: int) -> Callable[[], object]:
    """The pipeline with its network compiled, at one image."""
    part = "transformer" if hasattr(pipe, "transformer") else "unet"
    other = type(pipe)(**pipe.components)
    setattr(other, part, torch.compile(pipe.components[part], mode="reduce-overhead", dynamic=False))
    other.set_progress_bar_config(disable=True)
    return lambda: other([PROMPT], num_inference_steps=steps, guidance_scale=SCALE, output_type="pt")
