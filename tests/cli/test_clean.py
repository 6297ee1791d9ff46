"""``fencepost clean``, and the streams that a run leaves where it is interrupted while it removes them."""

from __future__ import annotations

import re
import shlex
import signal
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from fencepost import read_history
from fencepost.harness.s2 import urls
from fencepost.harness.targets import streams as target_streams
from tests.cli.test_interrupts import Running, start  # noqa: F401 (a fixture)
from tests.run.listening import Answer, Endpoint, Heard, created_and_removed, endpoint
from tests.server.processes import BASIN, Connection, ServerProcess

from .invoking import Inside

CERTIFICATE = Path(__file__).parents[1] / "client" / "loopback.pem"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("clean") / "log") as process:
        yield process


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_streams, "_PAUSES", (0.0, 0.0))


def make(server: ServerProcess, *names: str) -> None:
    with Connection(server.port) as http:
        for name in names:
            assert http.request("POST", "/v1/streams", {"stream": name}).status == 201, name


def there(server: ServerProcess) -> set[str]:
    """The streams that are not being deleted."""
    with Connection(server.port) as http:
        answer = http.request("GET", "/v1/streams?limit=1000")
        return {stream["name"] for stream in answer.json["streams"] if not stream.get("deleted_at")}


def cleaning(port: int, *options: str, scheme: str = "http") -> tuple[str, ...]:
    return ("clean", "--target", f"{scheme}://127.0.0.1:{port}", "--basin", BASIN, *options)


def test_only_names_that_begin_with_the_prefix_are_removed(inside: Inside, server: ServerProcess) -> None:
    make(server, "theirs", "fencepos", "fencepost-a-0", "fencepost-a-1", "fencepost-b-0", "not-fencepost-a-2")
    said = inside(*cleaning(server.port, "--prefix", "fencepost-a-", "--yes"))
    assert (said.code, said.err) == (0, ""), said
    assert said.out.splitlines() == ["fencepost-a-0", "fencepost-a-1", "removed: 2"]
    assert there(server) == {"theirs", "fencepos", "fencepost-b-0", "not-fencepost-a-2"}
    said = inside(*cleaning(server.port, "--yes"))
    assert said.out.splitlines() == ["fencepost-b-0", "removed: 1"], "the default prefix is that of all runs"
    said = inside(*cleaning(server.port, "--yes"))
    assert (said.code, said.out) == (0, f"no stream of the basin {BASIN} begins with fencepost-\n")
    assert there(server) == {"theirs", "fencepos", "not-fencepost-a-2"}


def test_without_a_terminal_nothing_is_removed_unasked(
    inside: Inside, server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(server, "fencepost-asked-0")
    said = inside(*cleaning(server.port))
    assert said.code == 254
    assert said.out.splitlines() == ["fencepost-asked-0"], "they are listed before it asks"
    assert "standard input is no terminal to ask on; give --yes" in said.err
    for answer, code in ((False, 2), (True, 0)):
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("click.confirm", lambda *_, answer=answer, **__: answer)
        assert "fencepost-asked-0" in there(server)
        assert inside(*cleaning(server.port)).code == code
    assert "fencepost-asked-0" not in there(server)


def test_an_empty_prefix_is_refused(inside: Inside, server: ServerProcess) -> None:
    make(server, "precious")
    said = inside(*cleaning(server.port, "--prefix", "", "--yes"))
    assert said.code == 254
    assert "--prefix is empty" in said.err
    assert "precious" in there(server)


def listing(pages: dict[str, tuple[list[str], bool]], deletion: Answer = (202, None)) -> object:
    """An endpoint that lists these pages, by what they start after."""

    def answer(listening: Endpoint, heard: Heard) -> Answer:
        if heard.method == "DELETE":
            return deletion
        query = parse_qs(urlsplit(heard.target).query)
        names, more = pages[query.get("start_after", [""])[0]]
        return 200, {
            "streams": [{"name": name, "created_at": "x", "deleted_at": None} for name in names],
            "has_more": more,
        }

    return answer


def test_every_page_is_listed(inside: Inside) -> None:
    pages = {
        "": (["fencepost-1", "fencepost-2"], True),
        "fencepost-2": (["fencepost-3"], True),
        "fencepost-3": ([], False),
    }
    with endpoint(listing(pages)) as listening:  # type: ignore[arg-type]
        said = inside(*cleaning(listening.port, "--yes"))
        deleted = [target.rpartition("/")[2] for target in listening.named("DELETE")]
    assert (said.code, deleted) == (0, ["fencepost-1", "fencepost-2", "fencepost-3"])
    assert said.out.splitlines()[-1] == "removed: 3"


def test_every_page_of_the_bundled_server_is_listed(
    inside: Inside, server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urls, "encode_list", partial(urls.encode_list, limit=2))
    make(server, *(f"page-{number}" for number in range(5)))
    said = inside(*cleaning(server.port, "--prefix", "page-", "--yes"))
    assert said.code == 0, said.err
    assert said.out.splitlines() == [*(f"page-{number}" for number in range(5)), "removed: 5"]
    assert not [name for name in there(server) if name.startswith("page-")]


def test_an_endpoint_is_not_believed_in_what_it_lists(inside: Inside) -> None:
    """It was asked for a prefix; what it lists besides is not removed, and a listing without end has one."""
    with endpoint(listing({"": (["another", "fencepost-1"], False)})) as listening:  # type: ignore[arg-type]
        assert inside(*cleaning(listening.port, "--yes")).code == 0
        assert [target.rpartition("/")[2] for target in listening.named("DELETE")] == ["fencepost-1"]
    same = (["fencepost-1"], True)
    with endpoint(listing({"": same, "fencepost-1": same})) as listening:  # type: ignore[arg-type]
        said = inside(*cleaning(listening.port, "--yes"))
        assert said.code == 255
        assert "makes no progress past 'fencepost-1'" in said.err
        assert not listening.named("DELETE")


def test_what_stays_is_told_with_the_command_that_removes_it(inside: Inside) -> None:
    refused = (403, {"code": "permission_denied", "message": "not yours"})
    with endpoint(listing({"": (["fencepost-1"], False)}, refused)) as listening:  # type: ignore[arg-type]
        said = inside(*cleaning(listening.port, "--yes"))
    assert said.code == 255
    (sentence,) = said.err.splitlines()
    assert "could not remove: fencepost-1 (403, permission_denied, not yours)" in sentence
    assert said.out.splitlines() == ["fencepost-1"]


def test_a_refusal_that_is_soon_over_is_waited_out_and_another_is_not(inside: Inside) -> None:
    slower = (429, {"code": "rate_limited", "message": "slower"})
    refused = (403, {"code": "permission_denied", "message": "no"})

    def answer(listening: Endpoint, heard: Heard) -> Answer:
        if len(listening.named(heard.method)) == 1:
            return slower
        if heard.method == "GET":
            return 200, {"streams": [{"name": "fencepost-1"}, {"name": "fencepost-2"}], "has_more": False}
        return refused if heard.target.endswith("2") else (202, None)

    with endpoint(answer) as listening:
        said = inside(*cleaning(listening.port, "--yes"))
        deleted = [target[-1] for target in listening.named("DELETE")]
    assert said.code == 255
    assert deleted == ["1", "1", "2"], "what is refused for good is not asked for again"
    assert "could not remove: fencepost-2 (403, permission_denied, no)" in said.err


def test_a_certificate_that_is_not_trusted_names_the_option(inside: Inside) -> None:
    """Fault 15: the error of a self-signed certificate said nothing of what to do."""
    with endpoint(listing({"": ([], False)}), CERTIFICATE) as listening:  # type: ignore[arg-type]
        for arguments in (
            cleaning(listening.port, scheme="https"),
            ("run", "regular", *cleaning(listening.port, scheme="https")[1:], "--no-plots"),
        ):
            said = inside(*arguments)
            assert said.code == 255
            assert "--ca-bundle FILE" in said.err
        assert inside(*cleaning(listening.port, "--ca-bundle", str(CERTIFICATE), scheme="https")).code == 0


# -- interrupted while streams are removed


def hanging(release: threading.Event, deleting: threading.Event) -> object:
    """An endpoint that removes one stream and then takes its time."""

    def answer(listening: Endpoint, heard: Heard) -> Answer:
        if heard.method == "DELETE" and len(listening.named("DELETE")) > 1:
            deleting.set()
            release.wait(60)
        if heard.target.endswith("/records"):
            nothing = {"seq_num": 0, "timestamp": 0}
            return (200, {"start": nothing, "end": nothing, "tail": nothing}) if heard.method == "POST" else (416, None)
        return created_and_removed(heard) or (200, {"tail": {"seq_num": 0, "timestamp": 0}})

    return answer


@pytest.mark.parametrize("command", ["run", "clean"])
def test_an_interrupt_while_streams_are_removed_tells_which_are_left(
    start: object,  # noqa: F811 (the fixture)
    command: str,
    tmp_path: Path,
) -> None:
    """Fault 11: a second Ctrl-C then left them on the user's endpoint, silently, with exit code 0."""
    release, deleting = threading.Event(), threading.Event()
    names = [f"fencepost-old-{number}" for number in range(3)]

    def answer(listening: Endpoint, heard: Heard) -> Answer:
        if heard.method == "GET" and "prefix=" in heard.target:
            return 200, {"streams": [{"name": name} for name in names], "has_more": False}
        return hanging(release, deleting)(listening, heard)  # type: ignore[operator,no-any-return]

    with endpoint(answer) as listening:
        options = cleaning(listening.port, "--timeout", "60")[1:]
        arguments = {
            "run": ("run", "regular", "--ops", "2", "--streams", "3", "--rate", "1000", "--no-plots", *options),
            "clean": ("clean", "--yes", *options),
        }[command]
        running: Running = start(*arguments)  # type: ignore[operator]
        running.until(deleting.is_set, "streams are removed")
        if command == "run":
            running.signal(signal.SIGINT)
            running.until(lambda: "SIGINT number 1" in running.log(), "the first is noticed")
        running.signal(signal.SIGINT)
        code, _, err = running.end()
        release.set()
        gone, *left = [target.rpartition("/")[2] for target in dict.fromkeys(listening.named("DELETE"))]
    assert code == 255, err
    (sentence,) = [line for line in err.splitlines() if "these may be left" in line]
    told = sentence.partition("these may be left: ")[2].partition("; to remove them: ")
    assert gone not in told[0]
    assert left[0] in told[0]
    assert told[0].count("fencepost-") == 2
    words = shlex.split(told[2].partition("; the history up to")[0])
    assert words[:2] == ["fencepost", "clean"]
    assert words[2:6] == ["--target", f"http://127.0.0.1:{listening.port}", "--basin", BASIN]
    assert all(name.startswith(words[7]) for name in (gone, *left))
    if command == "run":
        assert re.fullmatch(r"fencepost-\d{8}t\d{6}-[0-9a-f]{6}-", words[7])
        (history,) = tmp_path.glob("results/regular/*/history.jsonl")
        assert any("these may be left" in crash for crash in read_history(history).crashes)
