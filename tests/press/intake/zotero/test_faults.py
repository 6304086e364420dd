"""Faults at every request and every write: the bibliography and its state are both old or both new, never one of each."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from press.core import http
from press.core.errors import PressError
from press.intake.zotero import transport
from press.intake.zotero.state import load
from tests.press.intake.zotero.conftest import files_of
from tests.press.intake.zotero.test_sync import key_of, messages
from tests.press.intake.zotero.zotero import KEY, USER, Handler, Library, Server, author, fixture, item

FIRST, LATER = 9, 2  # requests of a first sync (ten items a page) and of a later one


def change(library: Library) -> None:
    """One item of each kind of change."""
    library.put(key_of(library, "Attention Is All"), title="Attention is all you need")
    library.trash(key_of(library, "Strmr"))
    library.erase(key_of(library, "nbdev"))
    library.put("NEWA2345", itemType="book", title="A New Book", creators=[author("Doe", "Jane")], date="2026")


def expected(desk, tmp_path_factory) -> tuple[bytes, bytes]:
    """What an undisturbed sync writes, done in a copy of the project."""
    import shutil

    from press.core.project import open_project
    from press.intake.zotero.sync import Wishes, sync

    copy = tmp_path_factory.mktemp("copy") / "site"
    shutil.copytree(desk.site.root, copy)
    sync(open_project(copy), Wishes(), lambda _: None, desk.server.environment)
    return tuple((copy / name).read_bytes() for name in ("references.bib", "references.json"))


def start(desk, later: bool) -> int:
    """Bring the project to where the disturbed sync starts; returns how many requests that makes."""
    if later:
        desk.sync()
        change(desk.library)
    return LATER if later else FIRST


def cut(_: int, handler: Handler) -> bool:
    return handler.cut()


def cut_in_the_body(_: int, handler: Handler) -> bool:
    return handler.cut(b'[{"key": "AAAA2222", "data": {')


def broken(_: int, handler: Handler) -> bool:
    handler.answer(500, b"", {})
    return True


def unavailable(_: int, handler: Handler) -> bool:
    handler.answer(503, b"", {"Retry-After": "0"})
    return True


def lies(_: int, handler: Handler) -> bool:
    handler.answer(200, b"<html>Welcome to the hotel</html>", {"Content-Type": "text/html"})
    return True


@pytest.mark.parametrize("later", [False, True], ids=["first", "later"])
@pytest.mark.parametrize("trouble", [cut, cut_in_the_body, broken, unavailable, lies])
def test_trouble_at_any_request_changes_nothing(desk, tmp_path_factory, trouble, later):
    count = start(desk, later)
    before, after = desk.files(), expected(desk, tmp_path_factory)
    for number in range(count):
        desk.server.fault = lambda n, handler, number=number: n >= number and trouble(n, handler)
        with pytest.raises(PressError) as error:
            desk.sync()
        assert len(error.value.problems) == 1
        assert len(messages(error).splitlines()) == 1
        assert desk.files() == before, f"request {number}"
    desk.server.fault = None
    desk.sync()
    assert desk.files() == after


@pytest.mark.parametrize("later", [False, True], ids=["first", "later"])
@pytest.mark.parametrize("trouble", [cut, cut_in_the_body, broken, unavailable])
def test_trouble_that_passes_is_overcome(desk, tmp_path_factory, trouble, later):
    count = start(desk, later)
    after = expected(desk, tmp_path_factory)
    for number in range(count):
        desk.server.fault = lambda n, handler, number=number: n == number and trouble(n, handler)
    desk.sync()
    assert desk.files() == after
    assert len(desk.server.log) == count + 1


def in_a_child(act: Callable[[], object]) -> int:
    """Run in a forked process; returns the signal that ended it, 0 for none."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


@pytest.mark.parametrize("later", [False, True], ids=["first", "later"])
def test_kill_at_any_request(desk, tmp_path_factory, later):
    count = start(desk, later)
    before, after = desk.files(), expected(desk, tmp_path_factory)
    for number in range(count):
        desk.server.log.clear()

        def kill(n: int, handler: Handler, number=number) -> bool:
            if n == number:
                peer = int(handler.headers["X-Pid"])
                os.kill(peer, signal.SIGKILL)
            return False

        desk.server.fault = kill
        assert in_a_child(lambda: tell_pid(desk)) == signal.SIGKILL
        assert desk.files() == before, f"request {number}"
    desk.server.fault = None
    desk.sync()
    assert desk.files() == after


def tell_pid(desk) -> None:
    """Sync with the process id in each request, so that the server can kill the client."""
    plain = transport.PoliteTransport.handle_request

    def handle(self, request):
        request.headers["X-Pid"] = str(os.getpid())
        return plain(self, request)

    transport.PoliteTransport.handle_request = handle
    desk.sync()


def killer(root: str, number: int) -> None:
    """Die before the `number`th time that this process creates, renames or removes a file of the project."""
    seen = 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal seen
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (writes or event in ("os.rename", "os.remove")) and str(arguments[0]).startswith(root):
            seen += 1
            if seen == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


@pytest.mark.parametrize("case", ["first", "later", "state only", "rewrite"])
def test_kill_at_any_write(desk, tmp_path_factory, case):
    wishes = {"rewrite": True} if case == "rewrite" else {}
    if case != "first":
        desk.sync()
    if case == "later":
        change(desk.library)
    if case == "state only":
        desk.library.put("NOTE2345", itemType="note", note="x")
    if case == "rewrite":
        for name in "ab":
            desk.site.post(name, "See @ho2020ddpm.\n")
        desk.library.put(key_of(desk.library, "Denoising Diffusion P"), citationKey="ho2020denoising")
    before = desk.files()
    posts = {name: desk.site.read(f"posts/{name}/post.qmd") for name in ("a", "b") if case == "rewrite"}
    deaths, seen = 0, set()
    while True:

        def act(number=deaths + 1):
            killer(str(desk.site.root), number)
            desk.sync(**wishes)

        if in_a_child(act) == 0:
            break
        deaths += 1
        state, bib = load(desk.project)
        if case == "state only":
            assert desk.files()[0] == before[0]
            assert (state.version == json.loads(before[1])["version"]) == (desk.files()[1] == before[1])
            desk.site.write("references.json", before[1])
            continue
        pair = (
            "old"
            if (bib, state and state.items)
            == (before[0], json.loads(before[1] or "null") and json.loads(before[1])["items"])
            else "new"
        )
        if pair == "old":
            assert desk.files() == before
        else:
            assert len(state.items) == bib.decode().count("\n}\n"), "the state belongs to this bibliography"
        seen.add(pair)
        for name, text in zip(("references.bib", "references.json"), before, strict=True):
            path = desk.site.root / name
            path.write_bytes(text) if text else path.unlink(missing_ok=True)
        for name, text in posts.items():
            desk.site.write(f"posts/{name}/post.qmd", text)
    assert deaths >= 3
    assert seen == ({"old", "new"} if case != "state only" else set())
    desk.sync(**wishes)
    assert not [name for name in files_of(desk.site.root) if name.endswith(".tmp")]


@pytest.mark.parametrize("case", ["first", "later"])
def test_after_a_kill_at_any_write_the_next_sync_ends_the_same(desk, tmp_path_factory, case):
    if case == "later":
        desk.sync()
        change(desk.library)
    after = expected(desk, tmp_path_factory)
    before = desk.files()
    number = 0
    while True:
        number += 1

        def act(number=number):
            killer(str(desk.site.root), number)
            desk.sync()

        died = in_a_child(act)
        desk.sync()
        assert desk.files() == after
        assert not [name for name in files_of(desk.site.root) if name.endswith(".tmp")]
        if not died:
            break
        for name, text in zip(("references.bib", "references.json"), before, strict=True):
            path = desk.site.root / name
            path.write_bytes(text) if text else path.unlink(missing_ok=True)
    assert number > 5


@pytest.mark.parametrize("later", [False, True], ids=["first", "later"])
def test_the_library_moves_under_the_pages(desk, tmp_path_factory, later):
    """Whatever changes before whichever request: the result is a sync of the final state."""
    count = start(desk, later)
    before = desk.files()
    start_library = desk.library
    for number in range(count):
        library = Library(list(start_library.items.values()), start_library.version)
        library.tombstones = list(start_library.tombstones)
        desk.server.libraries = {f"/users/{USER}": library}

        def move(n: int, _: Handler, number=number, library=library) -> None:
            if n == number:
                library.put("MOVA2345", itemType="book", title="Moved", creators=[author("Roe", "Jo")], date="2025")
                library.trash(key_of(library, "Math of"))
                library.erase(key_of(library, "Adam"))

        desk.server.fault = move
        desk.sync()
        found = desk.files()
        desk.server.fault = None
        for name, text in zip(("references.bib", "references.json"), before, strict=True):
            path = desk.site.root / name
            path.write_bytes(text) if text else path.unlink(missing_ok=True)
        assert found == expected(desk, tmp_path_factory), f"moved before request {number}"


def test_a_library_that_never_rests_is_given_up(desk):
    desk.server.fault = lambda n, _: desk.library.put("MOVA2345", title=str(n)) and None
    with pytest.raises(PressError) as error:
        desk.sync()
    assert "the library changed while it was read, 5 times in a row" in messages(error)
    assert desk.files() == (b"", b"")


def test_retry_after_and_backoff_are_waited_for(desk):
    times = []

    def fault(n: int, handler: Handler) -> bool:
        times.append(time.monotonic())
        if n == 0:
            handler.answer(429, b"", {"Retry-After": "1"})
            return True
        desk.server.headers = {"Backoff": "1"} if n == 2 else {}
        return False

    desk.server.fault = fault
    desk.sync()
    assert len(times) == FIRST + 1
    assert times[1] - times[0] >= 1
    assert times[3] - times[2] >= 1
    assert any("429; retrying in 1 s" in line for line in desk.said)


def test_a_server_that_wants_an_hour_is_left_alone(desk):
    desk.server.fault = lambda n, handler: handler.answer(429, b"", {"Retry-After": "3600"}) or True
    with pytest.raises(PressError) as error:
        desk.sync()
    assert "asks us to wait 3600 s" in messages(error)
    assert len(desk.server.log) == 1


def test_412_is_a_reason_to_read_again(desk):
    desk.server.fault = lambda n, handler: n == 3 and (handler.answer(412, b"", {}) or True)
    assert len(desk.sync().added) == 81


def test_slow_answers_are_waited_for_and_endless_ones_not(desk, monkeypatch):
    desk.server.fault = lambda n, _: n == 1 and time.sleep(1.5)
    assert len(desk.sync().added) == 81

    def drip(_: int, handler: Handler) -> bool:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
        try:
            while True:
                handler.wfile.write(b" ")
                time.sleep(0.05)
        except OSError:
            handler.close_connection = True
            return True

    monkeypatch.setattr(http, "DEADLINE", 0.3)
    desk.server.fault = drip
    before = desk.files()
    with pytest.raises(PressError) as error:
        desk.sync()
    assert "does not answer (ReadTimeout)" in messages(error)
    assert desk.files() == before


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


CASES = {
    "wrong key": (
        {"ZOTERO_API_KEY": "A" * 24},
        "Zotero refuses the key for users/475425 (status 403). Check ZOTERO_API_KEY",
    ),
    "unknown library": ({"ZOTERO_LIBRARY_ID": "1"}, "Zotero has no users/1 (status 404). Check ZOTERO_LIBRARY_ID"),
    "no key": ({"ZOTERO_API_KEY": ""}, "no ZOTERO_API_KEY in the environment. Create a read-only one"),
    "no id": ({"ZOTERO_LIBRARY_ID": ""}, "ZOTERO_LIBRARY_ID must be the number of the user"),
    "strange id": ({"ZOTERO_LIBRARY_ID": "me/../x"}, "ZOTERO_LIBRARY_ID must be the number of the user"),
    "strange type": ({"ZOTERO_LIBRARY_TYPE": "users"}, "ZOTERO_LIBRARY_TYPE 'users' is not valid. Legal: user, group"),
    "strange key": ({"ZOTERO_API_KEY": "a\nb"}, "ZOTERO_API_KEY contains characters that no key has"),
    "no network": (
        {"ZOTERO_API_URL": "http://127.0.0.1:{free}"},
        "127.0.0.1 does not answer (ConnectError). Nothing was changed",
    ),
    "plain http": ({"ZOTERO_API_URL": "http://example.org"}, "the key is sent over https only"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_touched(site, case):
    wrong, message = CASES[case]
    wrong = {name: value.replace("{free}", str(free_port())) for name, value in wrong.items()}
    before = files_of(site.root), site.read("references.bib")
    with Server(fixture()) as server:
        done = site.press("sync", status=1, **(server.environment | wrong))
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    secret = (server.environment | wrong)["ZOTERO_API_KEY"]
    assert not secret or secret not in done.stdout + done.stderr
    assert [name for name in files_of(site.root) if name != ".press"] == before[0]
    assert site.read("references.bib") == before[1]


@pytest.mark.parametrize(
    "arguments", [["--library-type", "person"], ["--library-id", "x"], ["--collection", "short"], ["--key", "x"]]
)
def test_wrong_usage(site, arguments):
    site.press("sync", *arguments, status=2)


def test_the_key_is_in_no_representation_and_in_no_notebook(site):
    from press.intake.zotero.client import Source

    assert KEY not in repr(Source("user", USER, KEY))
    site.post("a", "```{python}\nimport os\n\nprint('key:', os.environ['ZOTERO_API_KEY'])\n```\n")
    done = site.press("build", ZOTERO_API_KEY=KEY)
    assert "key: \\n" in site.read("posts/a/index.ipynb"), "the post's kernel is not told"
    site.post("b", f"```{{python}}\nprint('zotero ' + '{KEY[:12]}' + '{KEY[12:]}')\n```\n")
    done = site.press("build", status=1, ZOTERO_API_KEY=KEY)
    assert "shows a Zotero API key" in done.stderr
    assert KEY not in done.stdout + done.stderr
    found = subprocess.run(["grep", "-rl", KEY, str(site.root)], capture_output=True, text=True, check=False).stdout
    assert found == ""


def test_items_that_are_none_are_refused(site):
    (site.root / "references.bib").unlink()
    with Server(Library([item("AAAA2222", title="x")])) as server:
        server.libraries[f"/users/{USER}"].items["AAAA2222"].pop("data")
        server.libraries[f"/users/{USER}"].top = lambda: list(server.libraries[f"/users/{USER}"].items.values())
        server.fault = lambda n, handler: (
            handler.answer(
                200,
                b'[{"key": "AAAA2222"}]',
                {"Content-Type": "application/json", "Last-Modified-Version": "3", "Total-Results": "1"},
            )
            or True
        )
        done = site.press("sync", status=1, **server.environment)
    assert "is not what Zotero's API version 3 sends" in done.stderr
