"""Where tests run side by side, each process computes on its share of the cores.

PyTorch starts a thread per core in every process, and a thread that waits for another one spins: two processes on two cores
would take several times as long.
"""

import os

if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))
