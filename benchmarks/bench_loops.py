"""How much our loops cost, against the Diffusers pipelines and against the model calls alone.

    .venv/bin/python benchmarks/bench_loops.py                     # 8 images, 30 DDIM steps with guidance
    .venv/bin/python benchmarks/bench_loops.py --sd15 --dtype bfloat16 --loops text image inpaint diffedit

The first uses models/tiny, or a random pipeline of that shape, in one process, the contestants taking turns. It prints
seconds on the wall and of the processor (which other programs on the machine disturb less), each the best of --repeats,
and their ratios. Targets: ours / pipeline <= 0.9, ours / bare model calls <= 1.05.

--sd15 and --sd21 build a random checkpoint of that published shape in a temporary folder (4 GB in float32), and run 2
steps of each loop at 256 x 256, ours and the pipeline's, each in a process of its own: seconds after loading, and peak
memory. Targets: time <= 1, memory <= 1.1.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import calibration
import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "lib"), str(ROOT)]

PROMPT, NEGATIVE = "a red circle on grey", ""
LOOPS = ("text", "image", "inpaint", "diffedit")
SHAPES = {
    "sd15": {
        "text": {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12},
        "unet": {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},
        "prediction_type": "epsilon",
    },
    "sd21": {
        "text": {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23, "num_attention_heads": 16}
        | {"hidden_act": "gelu"},
        "unet": {"sample_size": 96, "cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20)}
        | {"use_linear_projection": True},
        "prediction_type": "v_prediction",
    },
    "tiny": {
        "text": {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 4},
        "unet": {"sample_size": 16, "cross_attention_dim": 128, "attention_head_dim": 8, "layers_per_block": 1}
        | {"block_out_channels": (64, 128), "down_block_types": ("CrossAttnDownBlock2D",) * 2}
        | {"up_block_types": ("CrossAttnUpBlock2D",) * 2},
        "vae": (32, 64, 64),
        "length": 32,
        "prediction_type": "epsilon",
    },
}


def build(name: str, folder: Path, dtype: torch.dtype) -> None:
    """Write a random checkpoint of a published shape."""
    random_pipeline(name, dtype).save_pretrained(folder)


def random_pipeline(name: str, dtype: torch.dtype) -> Any:
    """Diffusers' pipeline with random weights of a published shape."""
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from tests.diffloop.tiny import tokenizer
    from transformers import CLIPTextConfig, CLIPTextModel

    shape = SHAPES[name]
    length, channels = shape.get("length", 77), shape.get("vae", (128, 256, 512, 512))
    torch.manual_seed(0)
    torch.set_default_dtype(dtype)
    big = {"block_out_channels": (320, 640, 1280, 1280)}
    unet = UNet2DConditionModel(**big | shape["unet"])
    vae = AutoencoderKL(
        block_out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        layers_per_block=2 if channels[0] == 128 else 1,
        latent_channels=4,
    )
    text = CLIPTextModel(CLIPTextConfig(vocab_size=49408, max_position_embeddings=length, **shape["text"]))
    torch.set_default_dtype(torch.float32)
    settings = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": False}
    scheduler = DDIMScheduler(
        **settings, set_alpha_to_one=False, steps_offset=1, prediction_type=shape["prediction_type"]
    )
    return StableDiffusionPipeline(
        vae=vae.to(dtype), text_encoder=text.to(dtype), tokenizer=tokenizer(length), unet=unet.to(dtype),
        scheduler=scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def best(contestants: dict[str, Callable[[], object]], repeats: int) -> dict[str, tuple[float, float]]:
    """(wall, processor) seconds of each, the best of several turns taken in rotation, after one turn to warm up."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for i in range(repeats + 1):
        for name, run in contestants.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            if i:
                times[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: (min(w for w, _ in t), min(c for _, c in t)) for name, t in times.items()}


def tiny(folder: Path, images: int, steps: int, repeats: int) -> None:
    """Ours, the pipeline, and the bare calls, in one process."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    from diffloop.pretrained import load
    from diffloop.text_to_image import decode_latents, encode_prompts, text_to_image

    models = load(folder)
    pipe = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    prompts, timesteps = [PROMPT] * images, [level.t for level in models.levels(steps)[:-1]]
    side = models.unet.config.sample_size
    x_T = torch.randn(images, models.latent_channels, side, side, generator=torch.Generator().manual_seed(0))

    @torch.no_grad()
    def bare() -> None:
        text = encode_prompts(models, [NEGATIVE] * images + prompts)
        twice = torch.cat([x_T, x_T])
        for t in timesteps:
            models.unet(twice, t, encoder_hidden_states=text, return_dict=False)
        decode_latents(models, x_T)

    results = {}

    def ours() -> None:
        results["ours"] = text_to_image(models, prompts, x_T=x_T, steps=steps)

    def pipeline() -> None:
        results["pipeline"] = pipe(prompts, latents=x_T, num_inference_steps=steps, output_type="pt").images

    times = best({"ours": ours, "pipeline": pipeline, "bare": bare}, repeats)
    print(f"{folder}: {images} images, {steps} steps, {torch.get_num_threads()} threads, best of {repeats}")
    for name, (wall, cpu) in times.items():
        print(f"{name:9} {wall:7.2f} s wall {cpu:7.2f} s processor")
    for other, target in [("pipeline", 0.9), ("bare", 1.05)]:
        wall, cpu = (times["ours"][i] / times[other][i] for i in (0, 1))
        print(f"ours / {other:8} {wall:6.3f} wall {cpu:6.3f} processor   (target {target})")
    print(f"largest pixel difference {(results['ours'] - results['pipeline']).abs().max().item() * 255:.5f} / 255")


def worker(folder: Path, who: str, loop: str, dtype: torch.dtype) -> dict[str, float]:
    """One loop of one contestant: seconds after loading, and this process's peak memory in bytes."""
    image, mask = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0)), torch.zeros(1, 1, 256, 256)
    mask[:, :, 64:192, 64:192] = 1
    g, prompts, target = torch.Generator().manual_seed(1), [PROMPT], ["a blue square"]
    if who == "ours":
        from diffloop.diffedit import diffedit
        from diffloop.image_to_image import image_to_image
        from diffloop.inpainting import inpaint
        from diffloop.pretrained import load
        from diffloop.text_to_image import text_to_image

        models = load(folder, dtype=dtype)
        calls = {
            "text": lambda: text_to_image(models, prompts, steps=2, generator=g, size=(256, 256)),
            "image": lambda: image_to_image(models, image, prompts, steps=2, generator=g, strength=1.0),
            "inpaint": lambda: inpaint(models, image, mask, prompts, steps=2, generator=g),
            "diffedit": lambda: diffedit(models, image, prompts, target, steps=2, generator=g, strength=1.0, n=1),
        }
    else:
        import diffusers as d

        names = {"text": "", "image": "Img2Img", "inpaint": "Inpaint", "diffedit": "DiffEdit"}
        cls = getattr(d, f"StableDiffusion{names[loop]}Pipeline")
        extra = {"inverse_scheduler": d.DDIMInverseScheduler.from_pretrained(folder / "scheduler")}
        extra = extra if loop == "diffedit" else {}
        pipe = cls.from_pretrained(folder, safety_checker=None, torch_dtype=dtype, **extra)
        pipe.set_progress_bar_config(disable=True)
        options = {"num_inference_steps": 2, "generator": g}

        def edit() -> None:
            found = pipe.generate_mask(
                image, target, source_prompt=prompts, num_maps_per_mask=1, output_type="np", **options
            )
            # guided by 1, as the paper and we do; its default of 7.5 would double the work
            states = pipe.invert([""], image, inpaint_strength=1.0, guidance_scale=1.0, **options).latents
            tensor = torch.from_numpy(found)[:, None].float()
            pipe(target, tensor, states, inpaint_strength=1.0, output_type="pt", **options)

        calls = {
            "text": lambda: pipe(prompts, height=256, width=256, output_type="pt", **options),
            "image": lambda: pipe(prompts, image, strength=1.0, output_type="pt", **options),
            "inpaint": lambda: pipe(prompts, image, mask, height=256, width=256, output_type="pt", **options),
            "diffedit": edit,
        }
    wall, cpu = time.perf_counter(), time.process_time()
    calls[loop]()
    times = {"wall": time.perf_counter() - wall, "processor": time.process_time() - cpu}
    return times | {"bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def large(name: str, dtype: str, loops: list[str], threads: int) -> None:
    """Each loop of both contestants in processes of their own."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        builder = [sys.executable, __file__, "--dtype", dtype, "--build", name, "--folder", temporary]
        subprocess.run(builder, check=True, stderr=subprocess.DEVNULL)
        size = sum(p.stat().st_size for p in folder.rglob("*.safetensors"))
        print(f"{name}-shaped, {dtype}, {size / 2**30:.2f} GiB of weights, 2 steps at 256 x 256, {threads} threads")
        for loop in loops:
            found = {}
            for who in ("ours", "pipeline"):
                command = [sys.executable, __file__, "--worker", who, "--loops", loop, "--folder", temporary]
                command += ["--dtype", dtype, "--threads", str(threads)]
                out = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                found[who] = json.loads(out.stdout.splitlines()[-1])
            a, b = found["ours"], found["pipeline"]
            print(
                f"{loop:9} ours {a['wall']:6.1f} s ({a['processor']:6.1f} processor) {a['bytes'] / 2**30:5.2f} GiB   "
                f"pipeline {b['wall']:6.1f} s ({b['processor']:6.1f}) {b['bytes'] / 2**30:5.2f} GiB   "
                f"ratios {a['wall'] / b['wall']:.2f} ({a['processor'] / b['processor']:.2f}), {a['bytes'] / b['bytes']:.2f}",
                flush=True,
            )


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=8, help="images of the small benchmark (default 8)")
    parser.add_argument("--steps", type=int, default=30, help="its DDIM steps (default 30)")
    parser.add_argument("--repeats", type=int, default=3, help="its turns (default 3)")
    parser.add_argument("--threads", type=int, default=2, help="of torch (default 2)")
    parser.add_argument("--sd15", action="store_true", help="a Stable Diffusion 1.5-shaped checkpoint instead")
    parser.add_argument("--sd21", action="store_true", help="a Stable Diffusion 2.1-shaped one, which predicts v")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32", help="of the large ones")
    parser.add_argument("--loops", nargs="+", choices=LOOPS, default=list(LOOPS), help="of the large ones")
    for name in ("--worker", "--build", "--folder"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    dtype = getattr(torch, args.dtype)
    if args.build:
        build(args.build, Path(args.folder), dtype)
    elif args.worker:
        print(json.dumps(worker(Path(args.folder), args.worker, args.loops[0], dtype)))
    elif args.sd15 or args.sd21:
        for name in [n for n in ("sd15", "sd21") if getattr(args, n)]:
            large(name, args.dtype, args.loops, args.threads)
    elif (ROOT / "models/tiny/unet").is_dir():
        tiny(ROOT / "models/tiny", args.images, args.steps, args.repeats)
    else:
        with tempfile.TemporaryDirectory() as folder:
            build("tiny", Path(folder), torch.float32)
            tiny(Path(folder), args.images, args.steps, args.repeats)
    if not (args.build or args.worker):
        calibration.tell()


if __name__ == "__main__":
    main()
