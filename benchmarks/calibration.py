"""What a core of this machine does: the line that stands beside every time that a benchmark prints.

    .venv/bin/python benchmarks/calibration.py
    .venv/bin/python benchmarks/calibration.py cuda    # what its GPU does

GFLOP/s, the best of several: a product of square matrices, and a 3 x 3 convolution of 64 channels on a batch of 8 images
of 64 x 64. On a CPU in processor time, in float32 on one thread; on a GPU in bfloat16.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

REPEATS = 7


def tell() -> None:
    """Print the line for a CPU."""
    print(line())


def line(device: str = "cpu") -> str:
    """The line. Measured in a process of its own, so that this one keeps its threads and its memory."""
    command, one_thread = [sys.executable, __file__, device], os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=one_thread, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def rate(work: Callable[[], object], gflop: float, clock: Callable[[], float]) -> float:
    """GFLOP per second by a clock, the best of several turns."""
    times = []
    for _ in range(REPEATS):
        start = clock()
        work()
        times.append(clock() - start)
    return gflop / min(times)


def main(device: str = "cpu") -> None:
    """Measure and print."""
    import torch

    def of_gpu() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    on_gpu = device == "cuda"
    who, clock = ("this GPU", of_gpu) if on_gpu else ("one core of this machine", time.process_time)
    n, dtype = (8192, torch.bfloat16) if on_gpu else (1024, torch.float32)
    torch.set_num_threads(1)
    matrix, image, kernel = (
        torch.rand(*shape, device=device, dtype=dtype) for shape in ((n, n), (8, 64, 64, 64), (64, 64, 3, 3))
    )
    with torch.inference_mode():
        product = rate(lambda: matrix @ matrix, 2 * n**3 / 1e9, clock)
        convolution = rate(
            lambda: torch.conv2d(image, kernel, padding=1), 2 * 64 * kernel[0].numel() * 8 * 64 * 64 / 1e9, clock
        )
    print(
        f"{who}: {product:.0f} GFLOP/s on a {n}-cubed {str(dtype)[6:]} product, "
        f"{convolution:.0f} on a 3 x 3 convolution of 64 channels (torch {torch.__version__})"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
