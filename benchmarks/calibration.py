"""What one core of this machine does: the line that benchmarks print with their times.

    .venv/bin/python benchmarks/calibration.py

GFLOP/s in processor time, the best of several: a product of 1024 x 1024 matrices, and a 3 x 3 convolution of 64 channels
on a batch of 8 images of 64 x 64, both in float32 on one thread.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

REPEATS = 7


def tell() -> None:
    """Print the line. In a process of its own, so that the threads and memory of the caller stay as they are."""
    subprocess.run([sys.executable, __file__], env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True)


def rate(work: Callable[[], object], gflop: float) -> float:
    """GFLOP per second of processor time, the best of several turns."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return gflop / min(times)


def main() -> None:
    """Measure and print."""
    import torch

    torch.set_num_threads(1)
    matrix, image, kernel = torch.ones(1024, 1024), torch.ones(8, 64, 64, 64), torch.ones(64, 64, 3, 3)
    with torch.inference_mode():
        product = rate(lambda: matrix @ matrix, 2 * 1.024**3)
        convolution = rate(
            lambda: torch.conv2d(image, kernel, padding=1), 2 * 64 * kernel[0].numel() * 8 * 64 * 64 / 1e9
        )
    print(
        f"one core of this machine: {product:.0f} GFLOP/s on a 1024-cubed float32 product, "
        f"{convolution:.0f} on a 3 x 3 convolution of 64 channels (torch {torch.__version__})"
    )


if __name__ == "__main__":
    main()
