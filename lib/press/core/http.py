"""Asking a server with manners: wait as long as it asks, try again after a failure, give up in the end."""

from __future__ import annotations

import datetime as dt
import email.utils
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from press.core.errors import fail

PAUSES = (1.0, 2.0, 4.0)  # seconds before each further try
LONGEST_WAIT = 300.0  # seconds that a server may ask for before we give up
DEADLINE = 300.0  # seconds for one answer, however slowly it drips
RETRY = (429, 500, 502, 503, 504)
LOOPBACK = ("127.0.0.1", "localhost", "::1")  # hosts that no proxy leads to
LATER = "Nothing was changed; try again later"
T = TypeVar("T")


class Busy(Exception):
    """The server has no answer now and may have one later.

    Args:
        trouble: what happened, for messages.
        asked: seconds that it asks us to wait; None if it asks nothing.
    """

    def __init__(self, trouble: str, asked: float | None = None):
        super().__init__(trouble)
        self.trouble, self.asked = trouble, asked


def patiently(
    ask: Callable[[], T],
    where: str,
    say: Callable[[str], None],
    *,
    wait: Callable[[float], None] = time.sleep,
    failed: str = "does not answer",
    then: str = LATER,
) -> T:
    """What `ask` returns, in as many tries as there are pauses, and one.

    Args:
        ask: one try; raises `Busy`, or what httpx2 raises of the network.
        where: the server's name in messages.
        say: told about each failure.
        wait: called with the seconds before each further try.
        failed: what the server does not do, after its name.
        then: what follows from that, in a message.

    Raises:
        PressError: no answer after all tries, or a longer wait asked for than `LONGEST_WAIT`.
    """
    import httpx2

    for pause in (*PAUSES, None):
        try:
            return ask()
        except Busy as error:
            trouble, asked = error.trouble, error.asked
        except httpx2.TransportError as error:
            trouble, asked = type(error).__name__, None
        check_wait(asked, where, then)
        if pause is None:
            break
        seconds = pause if asked is None else asked
        say(f"{where}: {trouble}; retrying in {seconds:g} s")
        wait(seconds)
    raise fail("", 0, f"{where} {failed} ({trouble}). {then}")


def check_wait(asked: float | None, where: str, then: str = LATER) -> None:
    """Refuse to wait for longer than `LONGEST_WAIT`.

    Raises:
        PressError: the server asks for it.
    """
    if asked is not None and asked > LONGEST_WAIT:
        raise fail("", 0, f"{where} asks us to wait {asked:.0f} s. {then}")


def asked_wait(*wishes: str) -> float | None:
    """The longest of some `Retry-After` or `Backoff` headers, seconds or dates, in seconds; None if none says any."""
    found = [seconds for wish in wishes if (seconds := _seconds(wish.strip())) is not None]
    return max(found, default=None)


def _seconds(wish: str) -> float | None:
    if re.fullmatch("[0-9]+", wish):
        return float(wish)
    try:
        date = email.utils.parsedate_to_datetime(wish)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=dt.UTC)
    return max(0.0, date.timestamp() - time.time())


def in_time(chunks: Iterable[bytes], clock: Callable[[], float] = time.monotonic) -> Iterator[bytes]:
    """The parts of an answer, for as long as `DEADLINE` allows.

    Raises:
        httpx2.ReadTimeout: it takes longer.
    """
    import httpx2

    start = clock()
    for chunk in chunks:
        yield chunk
        if clock() - start > DEADLINE:
            raise httpx2.ReadTimeout("too slow")
