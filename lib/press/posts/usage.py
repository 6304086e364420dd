"""What a kernel has used, and whether that was too much: the arithmetic of `clock.py`."""

from __future__ import annotations

from dataclasses import dataclass

from press.core.speed import Speed

LONGEST = 3.0  # seconds of idleness that one look may count for: in a longer gap nobody was watching
SHARE = 0.01  # of a processor; a kernel that uses as much on average never becomes idle. An idle one uses a tenth


@dataclass(frozen=True)
class Limits:
    """What a post may use.

    Args:
        processor: seconds of processor time, of all its processes together, on the machine that `speed.py` refers to.
        idle: seconds in which it computes nothing.
    """

    processor: float
    idle: float


@dataclass
class Usage:
    """What a kernel has used so far, and whether that was too much.

    Args:
        processor: seconds of processor time.
        wall: seconds since it was started.
        idle: seconds without progress; processor time pays them back at the rate of `SHARE`.
        over: "processor" or "idle" once that limit is reached.
        machine: how slow it is; None as long as that has not mattered.
    """

    limits: Limits
    processor: float = 0.0
    wall: float = 0.0
    idle: float = 0.0
    over: str = ""
    machine: Speed | None = None

    @property
    def allowed(self) -> float:
        """Seconds of processor time that it may use on this machine."""
        return self.limits.processor * (self.machine.slower if self.machine else 1.0)

    def add(self, elapsed: float, processor: float, waiting: bool) -> str:
        """Count one look.

        Args:
            elapsed: seconds on the wall since the last look.
            processor: processor time so far.
            waiting: nothing of it wanted to run.

        Returns:
            The limit that is reached; "" for none.
        """
        gained = max(0.0, processor - self.processor)
        self.processor += gained
        self.wall += elapsed
        self.idle = max(0.0, self.idle + (min(elapsed, LONGEST) if waiting else 0.0) - gained / SHARE)
        if self.processor >= self.allowed:
            self.over = "processor"
        elif self.idle >= self.limits.idle:
            self.over = "idle"
        return self.over

    def told(self) -> str:
        """Which limit was reached, how much was used of what, and what to do."""
        used = f"{_seconds(self.processor)} of processor time and {_seconds(self.wall)} of wall time"
        if self.over == "idle":
            return (
                f"the post computed nothing for {_seconds(self.idle)} (limit {self.limits.idle:g}: `idle-timeout:` in "
                f"its front matter or `press: idle-timeout:`); it used {used}. Find what it waits for: input, a "
                "network, a lock"
            )
        limit = f"limit {self.limits.processor:g} s of processor time"
        if self.allowed > self.limits.processor:
            limit += f", which is {_seconds(self.allowed)} on this machine of {self.machine.told}"
        return (
            f"the post used {used} ({limit}: `timeout:` in its front matter or `press: timeout:`). Let it compute "
            "less, or raise the limit"
        )


def _seconds(value: float) -> str:
    return f"{value:,.1f} s" if value < 10 else f"{value:,.0f} s"
