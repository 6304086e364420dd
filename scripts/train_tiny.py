"""Train the tiny Stable Diffusion: every stage, or one. Thin: the work is in `tinyworld.stage_*`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "lib"))
STAGES = ("world", "oracle", "vae", "clip", "unet", "joint", "guided", "students", "inpaint", "noised-clip")
STAGES += ("glide-base", "glide-upsampler", "web", "export", "export-more")

EXAMPLES = """examples:
  python scripts/train_tiny.py all                                everything, each stage for its default length
  python scripts/train_tiny.py all --like models --device cuda    on a GPU, as long as the committed models were
  python scripts/train_tiny.py vae --time-limit 20 --threads 2    20 more minutes of one stage, its cooldown included
  python scripts/train_tiny.py restore                            checkpoints of the first stages from models/, so that
  python scripts/train_tiny.py web                                ... a later one can be trained without them

A stage goes on from its last checkpoint, also after kill -9. `all` skips what is finished; naming a finished stage with
--time-limit, or with more --steps than it has, extends it from where its cooldown began. Several GPUs:
  accelerate launch scripts/train_tiny.py unet --steps 20000
"""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=("all", "restore", *STAGES), help="which stage, or all in this order")
    parser.add_argument("--steps", type=int, help="total length of the stage (default: its own)")
    parser.add_argument(
        "--like", type=Path, metavar="DIR", help="as many steps per stage as the models in DIR had; leaves out others"
    )
    parser.add_argument("--time-limit", type=float, metavar="MINUTES", help="stop cleanly after this long, per stage")
    parser.add_argument("--cooldown", type=float, default=0.25, metavar="SHARE", help="of the length (default 0.25)")
    parser.add_argument("--images", type=int, default=24_000, help="training pictures of the world (default 24000)")
    parser.add_argument("--batch", type=int, help="pictures a step (default: the stage's own)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads; rendering processes (default 2)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 (default auto)")
    parser.add_argument(
        "--compile", action="store_true", help="run U-Nets, oracle and noised CLIP by torch.compile: pays in long runs"
    )
    parser.add_argument("--runs", type=Path, default=ROOT / "runs", help="folder of checkpoints (default runs/)")
    parser.add_argument("--models", type=Path, default=ROOT / "models", help="where export writes (default models/)")
    parser.add_argument("--dry-run", action="store_true", help="say what would run, and from where it would go on")
    options = parser.parse_args(arguments)
    if options.steps is not None and options.steps < 1:
        parser.error(f"--steps is {options.steps}; it must be at least 1")
    if options.like and (options.steps or options.time_limit):
        parser.error("--like says how long each stage is; leave out --steps and --time-limit")
    if options.time_limit is not None and options.time_limit <= 0:
        parser.error(f"--time-limit is {options.time_limit}; it must be above 0")
    if not 0 <= options.cooldown < 1:
        parser.error(f"--cooldown is {options.cooldown}; it must be in [0, 1)")
    return options


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    stages = STAGES if options.stage == "all" else (options.stage,)
    from tinyworld import stages as runner

    try:
        lengths = runner.lengths_like(options.like) if options.like else None
        for stage in stages:
            if lengths is not None and stage not in (*runner.UNTRAINED, *lengths):
                print(f"{stage}: left out; {options.like} holds nothing of it")
                continue
            options.steps = lengths.get(stage) if lengths is not None else options.steps
            if options.dry_run:
                print(runner.describe(stage, options))
                continue
            for name, value in runner.run_stage(stage, options).items():
                print(f"{stage}: {name} {value:.4g}" if isinstance(value, float) else f"{stage}: {name} {value}")
    except (ValueError, FloatingPointError, OSError) as error:
        print(f"train_tiny: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("train_tiny: interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
