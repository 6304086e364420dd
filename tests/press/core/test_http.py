"""One way of asking again: what is tried, how long is waited, and when it is over."""

import email.utils
import time

import httpx2
import pytest

from press.core import http
from press.core.errors import PressError


class Server:
    """Raises or returns one thing after another, and counts; `waits` and `said` are what the asker was told."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), 0
        self.waits, self.said = [], []

    def __call__(self):
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, Exception):
            raise answer
        return answer

    def ask(self, **more):
        return http.patiently(self, "host", self.said.append, wait=self.waits.append, **more)


def test_an_answer_is_asked_for_once():
    server = Server("yes")
    assert (server.ask(), server.asked, server.waits, server.said) == ("yes", 1, [], [])


def test_a_failure_is_tried_again_after_our_pause_or_the_servers():
    server = Server(http.Busy("status 503"), httpx2.ConnectError("no"), http.Busy("status 429", 7.0), "yes")
    assert server.ask() == "yes"
    assert server.waits == [http.PAUSES[0], http.PAUSES[1], 7.0]
    assert server.said[1] == "host: ConnectError; retrying in 2 s"


@pytest.mark.parametrize(
    ("trouble", "said"),
    [(http.Busy("status 500"), "status 500"), (httpx2.ReadTimeout("slow"), "ReadTimeout")],
)
def test_after_the_last_pause_it_is_over(trouble, said):
    server = Server(trouble)
    with pytest.raises(PressError, match=rf"host gives no page \({said}\)\. Nothing was changed; try again later"):
        server.ask(failed="gives no page")
    assert server.asked == len(http.PAUSES) + 1
    assert server.waits == list(http.PAUSES)


def test_a_wait_that_is_too_long_is_not_waited():
    server = Server(http.Busy("status 429", http.LONGEST_WAIT + 1))
    with pytest.raises(PressError, match="host asks us to wait 301 s"):
        server.ask()
    assert (server.asked, server.waits) == (1, [])


def test_another_error_goes_through_at_once():
    server = Server(ValueError("mine"))
    with pytest.raises(ValueError, match="mine"):
        server.ask()
    assert server.asked == 1


@pytest.mark.parametrize(
    ("wishes", "seconds"),
    [
        ((), None), (("", " "), None), (("12",), 12.0), ((" 3 ", "5"), 5.0), (("soon", "-4", "1.5"), None),
        (("\N{SUPERSCRIPT TWO}",), None), (("Wed, 21 Oct 2015 07:28:00 GMT",), 0.0),
    ],
)  # fmt: skip
def test_what_a_server_wishes(wishes, seconds):
    assert http.asked_wait(*wishes) == seconds


def test_a_server_may_name_a_date(monkeypatch):
    now = float(int(time.time()))
    monkeypatch.setattr(http.time, "time", lambda: now)
    assert http.asked_wait(email.utils.formatdate(now + 90, usegmt=True)) == 90.0


def test_a_dripping_answer_is_cut_off():
    clock = iter(range(0, 10_000, 100))
    with pytest.raises(httpx2.ReadTimeout):
        list(http.in_time([b"x"] * 50, lambda: next(clock)))
    assert list(http.in_time([b"a", b"b"], lambda: 0.0)) == [b"a", b"b"]
