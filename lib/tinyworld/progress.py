"""Progress of a long job on stderr: a bar with loss and time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time


class Progress:
    """`update` as often as you like: it prints at most ten times a second on a terminal, every 20 s elsewhere."""

    def __init__(self, name: str, *, quiet: bool = False) -> None:
        self.name, self.quiet = name, quiet
        self.began = self.printed = time.monotonic()
        self.terminal = sys.stderr.isatty()
        self.loss = None

    def update(self, step: int, loss: float | None = None, *, share: float) -> None:
        """share: of the work done, in (0, 1]."""
        if loss is not None:
            self.loss = loss if self.loss is None else 0.95 * self.loss + 0.05 * loss
        now = time.monotonic()
        if self.quiet or now - self.printed < (0.1 if self.terminal else 20.0):
            return
        self.printed = now
        left = (now - self.began) * (1 / share - 1)
        loss_text = "" if self.loss is None else f"  loss {self.loss:.4f}"
        text = f"{self.name}  step {step}{loss_text}  {100 * share:.0f}%  {_clock(left)} left"
        if self.terminal:
            filled = round(24 * share)
            print(f"\r\033[K[{'#' * filled}{'.' * (24 - filled)}] {text}", end="", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Clear the bar and say how long the job took."""
        if not self.quiet:
            end = "\r\033[K" if self.terminal else ""
            print(f"{end}{self.name}: done in {_clock(time.monotonic() - self.began)}", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(min(seconds, 359999)), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
