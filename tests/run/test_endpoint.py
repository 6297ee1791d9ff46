"""Somebody else's endpoint is treated with care: our streams only, a rate limit, no faults, and no token on disk."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fencepost import History, read_history
from fencepost.harness import closing
from fencepost.harness.history.events import Header
from fencepost.harness.history.history import Outcome
from fencepost.harness.targets import streams as target_streams
from tests.cli.invoking import Inside, Said
from tests.run.listening import Answer, Endpoint, Heard, created_and_removed, endpoint
from tests.server.processes import BASIN, Connection, ServerProcess, wait_until

TOKEN = "a-bearer-token-that-is-like-no-other-0xC0FFEE"
CERTIFICATE = Path(__file__).parents[1] / "client" / "loopback.pem"
AUTHORISED = {"authorization": f"Bearer {TOKEN}"}
NO_PAUSE = (0.0, 0.0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """The bundled server, started by somebody else, with streams of theirs."""
    log = tmp_path_factory.mktemp("endpoint") / "log"
    with ServerProcess(log, "--token-env", "THEIR_TOKEN", env={"THEIR_TOKEN": TOKEN}) as process:
        with Connection(process.port) as http:
            for name in ("theirs", "fencepost-theirs-0"):
                assert http.request("POST", "/v1/streams", {"stream": name}, AUTHORISED).status == 201
                assert http.append(name, "a", "b", headers=AUTHORISED).status == 200
        yield process


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_TOKEN", TOKEN)
    monkeypatch.setattr(closing, "_PAUSES", NO_PAUSE)
    monkeypatch.setattr(target_streams, "_PAUSES", NO_PAUSE)


def listed(server: ServerProcess) -> dict[str, Any]:
    """Every stream of the basin that is not being deleted, and its tail."""
    with Connection(server.port) as http:
        answer = http.request("GET", "/v1/streams?limit=1000", headers=AUTHORISED)
        names = [stream["name"] for stream in answer.json["streams"] if not stream.get("deleted_at")]
        tail = "/v1/streams/{}/records/tail"
        return {name: http.request("GET", tail.format(name), headers=AUTHORISED).json["tail"] for name in names}


def against(port: int, *options: str, scheme: str = "http") -> tuple[str, ...]:
    url = f"{scheme}://127.0.0.1:{port}"
    return ("run", "regular", "--target", url, "--basin", BASIN, "--no-plots", "--seed", "2", *options)


def last_history() -> History:
    return read_history(Path("results/latest/history.jsonl"))


def header_of_a_run(inside: Inside, server: ServerProcess) -> Header:
    said = inside(*against(server.port, "--token-env", "OUR_TOKEN", "--ops", "30", "--rate", "2000"))
    assert said.code in (0, 2), said
    return last_history().header


def leaks(said: Said) -> list[str]:
    """Where the token is to be read."""
    files = [path for path in Path.cwd().rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    return [*map(str, files), *(stream for stream in (said.out, said.err) if TOKEN in stream)]


# -- the bundled server as somebody else's


def test_only_streams_of_our_own_are_touched_and_they_are_removed(inside: Inside, server: ServerProcess) -> None:
    before = listed(server)
    said = inside(*against(server.port, "--token-env", "OUR_TOKEN", "--ops", "120", "--rate", "2000", "--streams", "2"))
    assert said.code in (0, 2), said
    history = last_history()
    names = [stream.name for stream in history.header.streams]
    assert len(names) == 2
    (prefix,) = {name.rpartition("-")[0] for name in names}
    assert re.fullmatch(r"fencepost-\d{8}t\d{6}-[0-9a-f]{6}", prefix), "unique, and it says whose it is"
    assert sum(history.outcome == Outcome.OK) > 60
    assert (history.operation(len(history) - 1).purpose, history.whole) == ("closing-read", True)
    wait_until(lambda: listed(server) == before, "our streams are gone and theirs are as they were")
    assert not leaks(said)
    options = json.loads(Path("results/latest/options.json").read_bytes())
    assert options["target_options"]["token-env"] == "OUR_TOKEN"
    assert history.header.target == {"name": "endpoint", "url": f"http://127.0.0.1:{server.port}", "basin": BASIN}


def test_what_may_vanish_by_itself_is_declared(inside: Inside, server: ServerProcess) -> None:
    header = header_of_a_run(inside, server)
    assert (header.retention_ms, header.others_may_delete) == (None, False), "a week is longer than any run"
    path = f"/v1/basins/{BASIN}"
    short = {"retention_policy": {"age": 3600}, "delete_on_empty": {"min_age_secs": 60}}
    with Connection(server.port) as http:
        assert http.request("PATCH", path, {"default_stream_config": short}, AUTHORISED).status == 200
        try:
            header = header_of_a_run(inside, server)
        finally:
            http.request("PATCH", path, {"default_stream_config": None}, AUTHORISED)
    assert (header.retention_ms, header.others_may_delete) == (3_600_000, True)


def test_they_stay_if_asked(inside: Inside, server: ServerProcess) -> None:
    before = listed(server)
    said = inside(*against(server.port, "--token-env", "OUR_TOKEN", "--ops", "30", "--rate", "2000", "--keep"))
    assert said.code in (0, 2), said
    (ours,) = (stream.name for stream in last_history().header.streams)
    after = listed(server)
    assert after.keys() == before.keys() | {ours}
    assert after[ours]["seq_num"] > 0
    with Connection(server.port) as http:
        assert http.request("DELETE", f"/v1/streams/{ours}", headers=AUTHORISED).status == 202


def test_the_rate_is_gentle_unless_it_is_given(inside: Inside, server: ServerProcess) -> None:
    said = inside(*against(server.port, "--token-env", "OUR_TOKEN", "--time-limit", "1"))
    assert said.code in (0, 2), said
    history = last_history()
    assert history.header.options["rate"] == 100
    clients = history.thread >= 0
    intended = history.intended[clients]
    assert len(set(intended)) == len(intended), "an open loop, each with a start of its own"
    # 100 expected; a Poisson process gives 150 or more once in a million runs. As fast as possible is many more.
    assert 50 < clients.sum() < 150
    assert intended.max() < 1.1e9


@pytest.mark.parametrize("given", ["wrong", None])
def test_a_wrong_token_is_one_line_and_in_no_file(
    inside: Inside, server: ServerProcess, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    before = listed(server)
    monkeypatch.setenv("OUR_TOKEN", f"{TOKEN}-{given}")
    said = inside(*against(server.port, *(() if given is None else ("--token-env", "OUR_TOKEN"))))
    assert said.code == 255
    (line,) = [line for line in said.err.splitlines() if line.startswith("fencepost: ")]
    assert "403, permission_denied" in line
    assert f"http://127.0.0.1:{server.port}, basin {BASIN}" in line
    assert "Traceback" not in said.err
    assert listed(server) == before
    assert list(Path("results").rglob("options.json")), "there is something to search"
    assert not leaks(said)


# -- endpoints that misbehave


def test_a_token_that_the_endpoint_echoes_is_in_no_file(inside: Inside) -> None:
    def answer(listening: Endpoint, heard: Heard) -> Answer:
        credentials = heard.headers["authorization"]
        status = 403 if heard.method == "POST" else 500
        message = {"code": "permission_denied", "message": f"{credentials} may not do this", "also": [credentials]}
        return created_and_removed(heard) or (status, message)

    with endpoint(answer) as listening:
        said = inside(*against(listening.port, "--token-env", "OUR_TOKEN", "--ops", "20", "--rate", "1000"))
        assert listening.heard
        assert all(heard.headers["authorization"] == f"Bearer {TOKEN}" for heard in listening.heard)
        assert all(heard.headers["s2-basin"] == BASIN for heard in listening.heard)
    assert said.code == 255, "the closing did not succeed"
    history = last_history()
    assert {200 <= status < 300 for status in history.status if status > 0} == {False}
    assert b"may not do this" in Path("results/latest/history.jsonl").read_bytes(), "the whole answer is kept"
    assert not leaks(said)


def test_a_stream_that_was_perhaps_made_is_removed_and_one_that_was_refused_is_not(inside: Inside) -> None:
    def answer(listening: Endpoint, heard: Heard) -> Answer:
        if heard.method == "POST" and heard.target.endswith("/streams"):
            first = len(listening.named("POST")) == 1
            taken = {"code": "resource_already_exists", "message": "somebody was faster"}
            return (201, {"name": "made"}) if first else (409, taken) if taking else (504, None)
        return created_and_removed(heard) or (500, None)

    for taking, removed in ((True, ["-0"]), (False, ["-0", "-1"])):
        with endpoint(answer) as listening:
            said = inside(*against(listening.port, "--streams", "3"))
        assert said.code == 255
        assert [target[-2:] for target in listening.named("DELETE")] == removed
        assert ("409, resource_already_exists, somebody was faster" if taking else "504") in said.err


def test_a_stream_that_may_be_made_after_its_removal_is_named(inside: Inside) -> None:
    """It was left without a word: a removal that finds no stream proves nothing while its making is under way."""

    def answer(listening: Endpoint, heard: Heard) -> Answer:
        if heard.method == "POST" and heard.target.endswith("/streams"):
            return (201, {"name": "made"}) if len(listening.named("POST")) == 1 else (504, None)
        if heard.target.endswith("-1"):
            return 404, {"code": "stream_not_found", "message": "not yet"}
        return created_and_removed(heard) or (500, None)

    with endpoint(answer) as listening:
        said = inside(*against(listening.port, "--streams", "3"))
    assert said.code == 255
    (sentence,) = [line for line in said.err.splitlines() if line.startswith("fencepost: ")]
    unsettled = listening.named("DELETE")[-1].rpartition("/")[2]
    assert f"the stream {unsettled!r} may still be made" in sentence
    assert f"fencepost clean --target http://127.0.0.1:{listening.port} --basin {BASIN}" in sentence
    assert f"--prefix {unsettled[:-1]}" in sentence


def test_removing_is_tried_again_and_what_stays_is_named(inside: Inside) -> None:
    def answer(listening: Endpoint, heard: Heard) -> Answer:
        if heard.method == "DELETE":
            attempts = listening.named("DELETE").count(heard.target)
            gone = heard.target.endswith("-0") and attempts == 3
            return (404, {"code": "stream_not_found", "message": ""}) if gone else (503, None)
        return created_and_removed(heard) or (500, None)

    with endpoint(answer) as listening:
        said = inside(*against(listening.port, "--streams", "2", "--ops", "4", "--rate", "1000"))
    deleted = listening.named("DELETE")
    assert [target[-2:] for target in deleted] == ["-0"] * 3 + ["-1"] * target_streams.ATTEMPTS
    assert said.code == 255
    (line,) = [line for line in said.err.splitlines() if "could not remove" in line]
    left = line.partition("could not remove: ")[2]
    assert deleted[-1].rpartition("/")[2] in left
    assert deleted[0].rpartition("/")[2] not in left


def test_the_time_out_reaches_the_client(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "ATTEMPTS", 1)

    def answer(listening: Endpoint, heard: Heard) -> Answer:
        made = created_and_removed(heard)
        if made is None:
            listening.closing.wait()
        return made or (500, None)

    with endpoint(answer) as listening:
        said = inside(*against(listening.port, "--ops", "2", "--clients", "2", "--rate", "1000", "--timeout", "0.25"))
    assert said.code == 255
    history = last_history()
    assert len(history) > 2
    assert set(history.outcome) == {Outcome.INDEFINITE}
    assert {code.partition(";")[0] for code in history.codes} == {"no answer within 0.25 s"}
    assert not Path("results/latest").resolve().name.endswith(".partial")


def test_an_endpoint_that_is_not_there_is_one_clear_line(inside: Inside) -> None:
    with endpoint(lambda listening, heard: (500, None)) as listening:
        port = listening.port
    said = inside(*against(port, "--token-env", "OUR_TOKEN"))
    assert (said.code, said.out) == (255, "")
    (line,) = [line for line in said.err.splitlines() if line.startswith("fencepost: ")]
    assert f"http://127.0.0.1:{port}, basin {BASIN}: the stream" in line
    assert "nothing was sent" in line
    assert "refused" in line or "Connect call failed" in line
    assert "Traceback" not in said.err
    assert not leaks(said)


def test_requests_go_through_the_proxy_and_its_password_is_in_no_file(inside: Inside) -> None:
    def answer(listening: Endpoint, heard: Heard) -> Answer:
        return created_and_removed(heard) or (500, None)

    url = "http://stream-service.invalid:8080"
    with endpoint(answer) as proxy:
        arguments = ("--target", url, "--basin", BASIN, "--proxy", f"http://me:{TOKEN}@127.0.0.1:{proxy.port}")
        said = inside("run", "regular", *arguments, "--ops", "2", "--rate", "1000", "--no-plots")
    assert said.code == 255
    assert proxy.named("POST")[0] == f"{url}/v1/streams"
    assert all(heard.target.startswith(url) for heard in proxy.heard)
    assert all(heard.headers["proxy-authorization"].startswith("Basic ") for heard in proxy.heard)
    assert not leaks(said)
    assert json.loads(Path("results/latest/options.json").read_bytes())["target_options"]["proxy"] is True


@pytest.mark.parametrize("trusted", [True, False])
def test_the_bundle_says_whom_to_trust(inside: Inside, trusted: bool) -> None:
    def answer(listening: Endpoint, heard: Heard) -> Answer:
        return created_and_removed(heard) or (500, None)

    with endpoint(answer, CERTIFICATE) as listening:
        options = ("--ca-bundle", str(CERTIFICATE)) if trusted else ()
        said = inside(*against(listening.port, "--ops", "2", "--rate", "1000", *options, scheme="https"))
    assert said.code == 255
    if trusted:
        assert any(target.endswith("/records") for target in listening.named("POST") + listening.named("GET"))
    else:
        assert not listening.heard
        assert "certificate verify failed" in said.err.lower()
