"""Hostile input on a real socket: always a clear refusal, the state untouched, the server alive.

Each example is judged by the stream itself, read back whole over another connection, and by the answer: a refusal
is a 4xx with a code of the server's table. The exception is bytes that are no HTTP: there hyper, below us, refuses.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fencepost.harness.error_codes import ERROR_CODES
from fencepost.harness.server.app import HttpFace
from fencepost.harness.server.metrics import Metrics
from fencepost.harness.server.request import Limits
from fencepost.harness.server.service import Service
from fencepost.harness.server.serving import bind, serve
from fencepost.harness.server.storage import MemoryStorage

from .processes import BASIN, Answer, Connection, ServerProcess, records_of

STREAM = "victim"
PATH = records_of(STREAM)
VALID = {"records": [{"body": "x", "headers": [["w", "v"]], "timestamp": 1}], "match_seq_num": 1, "fencing_token": ""}
MAX_BODY = Limits().body_bytes


def relentless(examples: int) -> settings:
    """So many examples, however long one takes."""
    return settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        print_blob=True,
    )


class Victim:
    """A server with one stream of one record, which is to stay so."""

    def __init__(self, process: ServerProcess) -> None:
        self.process = process
        self.watcher = Connection(process.port)
        assert self.watcher.request("POST", "/v1/streams", {"stream": STREAM}).status == 201
        assert self.watcher.append(STREAM, "innocent").status == 200
        self.before = self.state()

    def state(self) -> tuple[Any, ...]:
        """Everything that hostile input might have changed."""
        assert self.process.process.poll() is None, "the server is dead"
        streams = self.watcher.request("GET", "/v1/streams").json
        basins = self.watcher.request("GET", "/v1/basins").json
        config = self.watcher.request("GET", f"/v1/streams/{STREAM}").json
        token = self.watcher.append(STREAM, "never", fencing_token="no such token").json
        return self.watcher.read_all(STREAM), streams, basins, config, token

    def expect_untouched(self) -> None:
        """The state is as it was."""
        assert self.state() == self.before

    def expect_refusal(self, answer: Answer) -> None:
        """A 4xx (or 501) with a code of the table that matches its status and promises no effect."""
        assert 400 <= answer.status < 500 or answer.status == 501, answer
        row = next(row for row in ERROR_CODES if row.code == answer.code)
        assert row.statuses[0] == answer.status
        assert answer.json["message"], "a refusal says why"
        assert answer.json.keys() == {"code", "message"}


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    log = tmp_path_factory.mktemp("victim") / "log"
    with ServerProcess(log, "--memory") as process:
        victim = Victim(process)
        yield victim
        victim.expect_untouched()
        victim.watcher.close()
        assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture
def http(victim: Victim) -> Iterator[Connection]:
    with Connection(victim.process.port) as connection:
        yield connection


# ---------------------------------------------------------------- appends that are well-formed JSON, and wrong

not_strings = st.one_of(st.none(), st.booleans(), st.integers(), st.lists(st.text(max_size=3), max_size=2))
not_u64 = st.one_of(
    st.integers(max_value=-1),
    st.integers(min_value=1 << 64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.text(max_size=3),
    st.lists(st.integers(), max_size=1),
)
not_lists = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.dictionaries(st.text(), st.none())
)
unknown_fields = st.text(max_size=12).filter(
    lambda name: name not in ("records", "match_seq_num", "fencing_token", "body", "headers", "timestamp")
)
wrong_headers = st.one_of(
    not_lists,
    st.lists(st.one_of(not_lists, st.lists(st.text(max_size=2)).filter(lambda pair: len(pair) != 2)), min_size=1),
    st.just([["", "no-such-command"]]),
    st.just([["", "fence"], ["a", "b"]]),
    st.just([["a", "b"], ["", "fence"]]),
    st.just([["", ""]]),
    st.just([["", "FENCE"]]),
)
bad_commands = st.one_of(
    st.text(alphabet="aé€😀", min_size=37, max_size=80).map(lambda token: {"headers": [["", "fence"]], "body": token}),
    st.text(alphabet="ab", max_size=20)
    .filter(lambda body: len(body) != 8)
    .map(lambda body: {"headers": [["", "trim"]], "body": body}),
)


@st.composite
def wrong_records(draw: st.DrawFn) -> Any:
    """A record with exactly one thing wrong."""
    record = {"body": draw(st.text(max_size=5))}
    match draw(st.integers(0, 5)):
        case 0:
            return draw(st.one_of(not_lists.filter(lambda value: not isinstance(value, dict)), st.lists(st.none())))
        case 1:
            return {**record, draw(unknown_fields): draw(not_strings)}
        case 2:
            return {**record, "body": draw(not_strings)}
        case 3:
            return {**record, "headers": draw(wrong_headers)}
        case 4:
            return {**record, "timestamp": draw(not_u64)}
        case _:
            return draw(bad_commands)


@st.composite
def wrong_appends(draw: st.DrawFn) -> Any:
    """The body of an append with exactly one thing wrong; without that it would be taken."""
    good = {"records": draw(st.lists(st.fixed_dictionaries({"body": st.text(max_size=3)}), min_size=1, max_size=3))}
    match draw(st.integers(0, 7)):
        case 0:
            return draw(st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.lists(st.none())))
        case 1:
            return {**good, draw(unknown_fields): draw(not_strings)}
        case 2:
            return {**good, "records": draw(not_lists)}
        case 3:
            return {**good, "records": draw(st.sampled_from([[], [{}] * 1001]))}
        case 4:
            return {**good, "match_seq_num": draw(not_u64)}
        case 5:
            return {**good, "fencing_token": draw(st.one_of(st.booleans(), st.integers(), st.text(min_size=37)))}
        case 6:
            return {"fencing_token": "", "match_seq_num": 1}
        case _:
            wrong = draw(wrong_records())
            records = good["records"]
            records.insert(draw(st.integers(0, len(records))), wrong)
            return {"records": records}


@relentless(300)
@given(body=wrong_appends())
def test_a_wrong_append_is_refused(victim: Victim, http: Connection, body: Any) -> None:
    victim.expect_refusal(http.request("POST", PATH, json.dumps(body).encode()))
    victim.expect_untouched()


# ---------------------------------------------------------------- appends that are not JSON


@st.composite
def broken_json(draw: st.DrawFn) -> bytes:
    """A valid append, cut short or with bytes put in that make it none (a backslash before its w, v or x, say)."""
    text = json.dumps(VALID, separators=(",", ":")).encode()
    place = draw(st.integers(0, len(text) - 1))
    if draw(st.booleans()):
        return text[:place]
    intruder = draw(st.sampled_from([b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\x00", b"\x1f", b'"', b"\\", b"\xf8"]))
    return text[:place] + intruder + text[place:]


@relentless(200)
@given(body=broken_json())
def test_broken_json_is_refused(victim: Victim, http: Connection, body: bytes) -> None:
    victim.expect_refusal(http.request("POST", PATH, body))
    victim.expect_untouched()


@relentless(100)
@given(body=st.binary(max_size=200), form=st.sampled_from(["raw", "base64"]))
def test_any_bytes_are_refused(victim: Victim, http: Connection, body: bytes, form: str) -> None:
    victim.expect_refusal(http.request("POST", PATH, body, {"s2-format": form}))
    victim.expect_untouched()


not_base64 = st.text(min_size=1, max_size=12).filter(lambda text: not _is_base64(text))


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True


@relentless(100)
@given(text=not_base64, place=st.integers(0, 2))
def test_broken_base64_is_refused(victim: Victim, http: Connection, text: str, place: int) -> None:
    record = [{"body": text}, {"headers": [[text, "QQ=="]]}, {"headers": [["QQ==", text]]}][place]
    victim.expect_refusal(http.request("POST", PATH, {"records": [record]}, {"s2-format": "base64"}))
    victim.expect_untouched()


# ---------------------------------------------------------------- heads


@pytest.mark.parametrize(
    "query",
    [
        "seq_num=-1",
        "seq_num=1.0",
        "seq_num=",
        "seq_num",
        f"seq_num={1 << 64}",
        "seq_num=" + "9" * 5000,
        "seq_num=١",
        "seq_num=+1",
        "seq_num=%31%",
        "seq_num=0&seq_num=0",
        "seq_num=0&timestamp=0",
        "seq_num=0&tail_offset=0",
        "timestamp=0&tail_offset=0",
        "seq_num=0&no_such=1",
        "seq_num=0&clamp=yes",
        "seq_num=0&count=x",
        "seq_num=0&wait=soon",
        "seq_num=0&bytes=1e3",
        "seq_num=0&until=-5",
        "&".join(f"seq_num={index}" for index in range(100)),
        "%7f=1",
    ],
)
def test_a_wrong_read_is_refused(victim: Victim, http: Connection, query: str) -> None:
    victim.expect_refusal(http.request("GET", f"{PATH}?{query.encode().decode('latin-1')}"))


@pytest.mark.parametrize("query", ["limit=x", "limit=-1", "prefix=a&prefix=b", "prefix=%ff", "sort=up"])
def test_a_wrong_list_is_refused(victim: Victim, http: Connection, query: str) -> None:
    for path in ("/v1/streams", "/v1/basins"):
        victim.expect_refusal(http.request("GET", f"{path}?{query}"))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", PATH + "/tail"),
        ("POST", PATH),
        ("GET", "/v1/streams/victim"),
        ("DELETE", "/v1/streams/victim"),
        ("POST", "/v1/streams"),
    ],
)
def test_parameters_are_refused_where_there_are_none(victim: Victim, http: Connection, method: str, path: str) -> None:
    victim.expect_refusal(http.request(method, path + "?force=true", {"records": [{}]}))
    victim.expect_untouched()


@pytest.mark.parametrize(
    "path",
    ["/v1/streams/%ff/records", "/v1/streams/%/records", "/v1/streams/%4/records", "/v1/streams/%zz", "/v1/basins/%c3"],
)
def test_a_path_that_does_not_decode_is_refused(victim: Victim, http: Connection, path: str) -> None:
    answer = http.request("GET", path)
    victim.expect_refusal(answer)
    assert answer.code == "bad_path"


@pytest.mark.parametrize("name", ["", ".", "..", "x" * 513, "é" * 257])
def test_a_wrong_stream_name_is_refused(victim: Victim, http: Connection, name: str) -> None:
    victim.expect_refusal(http.request("POST", "/v1/streams", {"stream": name}))
    if name:
        victim.expect_refusal(http.append(name, "x"))
        victim.expect_refusal(http.request("PUT", records_of(name).removesuffix("/records")))


@pytest.mark.parametrize(
    "name", ["", "short", "x" * 49, "UPPERCASE", "under_score", "-starts-so", "ends-so--", "ümlauts-too", "with space"]
)
def test_a_wrong_basin_name_is_refused(victim: Victim, http: Connection, name: str) -> None:
    victim.expect_refusal(http.request("POST", "/v1/basins", {"basin": name}))
    victim.expect_refusal(http.request("POST", "/v1/streams", {"stream": "s"}, basin=name.encode().decode("latin-1")))
    victim.expect_untouched()


@pytest.mark.parametrize(
    "headers",
    [
        [("s2-format", "hex")],
        [("s2-format", "")],
        [("s2-format", "raw"), ("s2-format", "base64")],
        [("s2-basin", "other-basin")],
        [("s2-format", "\xff")],
    ],
)
def test_wrong_headers_are_refused(victim: Victim, http: Connection, headers: list[tuple[str, str]]) -> None:
    answer = http.request("POST", PATH, {"records": [{"body": "x"}]}, headers)
    victim.expect_refusal(answer)
    assert answer.code == "bad_header"
    victim.expect_untouched()


def test_a_missing_basin_is_refused(victim: Victim, http: Connection) -> None:
    answer = http.request("POST", PATH, {"records": [{"body": "x"}]}, basin=None)
    victim.expect_refusal(answer)
    assert answer.code == "bad_header"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/streams", {"stream": "s", "config": {"retention_policy": {"age": 0}}}),
        ("POST", "/v1/streams", {"stream": "s", "config": {"retention_policy": {"age": 1, "infinite": {}}}}),
        ("POST", "/v1/streams", {"stream": "s", "config": {"retention_policy": {}}}),
        ("POST", "/v1/streams", {"stream": "s", "config": {"retention_policy": {"age": 1 << 64}}}),
        ("POST", "/v1/streams", {"stream": "s", "config": {"timestamping": {"mode": "guess"}}}),
        ("POST", "/v1/streams", {"stream": "s", "config": {"storage_class": "slow"}}),
        ("POST", "/v1/streams", {"stream": "s", "config": {"colour": "red"}}),
        ("POST", "/v1/streams", {"name": "s"}),
        ("POST", "/v1/streams", {}),
        ("POST", "/v1/streams", None),
        ("POST", "/v1/basins", None),
        ("POST", "/v1/basins", {"basin": "a-new-basin", "config": {"stream_cipher": "aegis-256"}}),
        ("PUT", f"/v1/streams/{STREAM}", {"config": {}}),
        ("PUT", "/v1/streams/new", []),
        ("PATCH", f"/v1/streams/{STREAM}", None),
        ("PATCH", f"/v1/streams/{STREAM}", {"timestamping": {"mode": "never"}}),
        ("PATCH", f"/v1/streams/{STREAM}", {"delete_on_empty": {"min_age_secs": -1}}),
        ("PATCH", f"/v1/basins/{BASIN}", {"create_stream_on_append": "yes"}),
        ("PATCH", f"/v1/basins/{BASIN}", {"default_stream_config": {"x": 1}}),
    ],
)
def test_a_wrong_configuration_is_refused(victim: Victim, http: Connection, method: str, path: str, body: Any) -> None:
    victim.expect_refusal(http.request(method, path, body))
    victim.expect_untouched()


def test_a_request_token_that_is_too_long_is_refused(victim: Victim, http: Connection) -> None:
    victim.expect_refusal(http.request("POST", "/v1/streams", {"stream": "s"}, {"s2-request-token": "t" * 37}))
    victim.expect_untouched()


# ---------------------------------------------------------------- sizes


def test_a_batch_of_more_than_1_mib_is_refused(victim: Victim, http: Connection) -> None:
    victim.expect_refusal(http.append(STREAM, *["x" * 1024] * 1000, "y" * 20_000))
    victim.expect_refusal(http.append(STREAM, "x" * (1 << 20)))
    victim.expect_untouched()


def test_the_largest_batch_is_taken_however_it_is_escaped(victim: Victim, http: Connection) -> None:
    assert http.request("POST", "/v1/streams", {"stream": "large"}).status == 201
    try:
        assert http.append("large", "\0" * ((1 << 20) - 8)).status == 200
        assert http.append("large", *["\0" * 1040] * 1000).status == 200
    finally:
        assert http.request("DELETE", "/v1/streams/large").status == 202


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(victim: Victim, http: Connection) -> None:
    http.socket.sendall(
        f"POST {PATH} HTTP/1.1\r\nhost: a\r\ns2-basin: {BASIN}\r\ncontent-length: {MAX_BODY + 1}\r\n\r\n".encode()
    )
    answer = http.answer()
    victim.expect_refusal(answer)
    assert answer.status == 413
    victim.expect_untouched()


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(victim: Victim, http: Connection) -> None:
    http.socket.sendall(
        f"POST {PATH} HTTP/1.1\r\nhost: a\r\ns2-basin: {BASIN}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
    )
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    try:
        for _ in range(MAX_BODY // 0x10000 + 64):
            http.socket.sendall(chunk)
    except OSError:
        pass  # cut off while sending: as good as an answer
    else:
        answer = http.answer()
        victim.expect_refusal(answer)
        assert answer.status == 413
    victim.expect_untouched()


# ---------------------------------------------------------------- bytes that are nearly HTTP


def _request(stream: str, batch: Any) -> bytes:
    body = json.dumps(batch, separators=(",", ":")).encode()
    head = f"POST {records_of(stream)} HTTP/1.1\r\nhost: test\r\ns2-basin: {BASIN}\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


WHOLE = _request(STREAM, VALID)
UNCONDITIONAL = _request("changed", {"records": [{"body": "x"}]})


def _talk(port: int, data: bytes, *, finish: bool = True, patience: float = 20.0) -> bytes:
    """Send, with ``finish`` say that there is no more, read until the server has done. A reset counts as an end.

    To the server a client that finishes is one that has gone, and its answer may be lost.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=patience) as connection:
        received = b""
        try:
            connection.sendall(data)
            if finish:
                connection.shutdown(socket.SHUT_WR)
            while more := connection.recv(1 << 16):
                received += more
        except OSError:
            pass
    return received


@relentless(150)
@given(cut=st.integers(0, len(WHOLE) - 1))
def test_a_request_cut_short_has_no_effect(victim: Victim, cut: int) -> None:
    received = _talk(victim.process.port, WHOLE[:cut])
    assert not received or 400 <= int(received.split()[1]) < 500, received
    victim.expect_untouched()


@relentless(150)
@given(data=st.binary(max_size=300))
def test_any_bytes_on_the_socket_have_no_effect(victim: Victim, data: bytes) -> None:
    received = _talk(victim.process.port, data)
    assert not received.startswith((b"HTTP/1.1 2", b"HTTP/1.1 5")), received
    victim.expect_untouched()


@relentless(200)
@given(place=st.integers(0, UNCONDITIONAL.index(b"\r\n\r\n") + 3), byte=st.integers(0, 255))
def test_a_changed_byte_in_the_head_gives_an_append_or_a_refusal(http: Connection, place: int, byte: int) -> None:
    """Some bytes do not matter (the host's): then the record is there, and else nothing is."""
    http.request("PUT", "/v1/streams/changed")
    try:
        request = bytearray(UNCONDITIONAL)
        request[place] = byte
        # The second request ends the connection. It may be swallowed by the first, as the rest of a longer body.
        request += b"GET /health HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
        received = _talk(http.socket.getpeername()[1], bytes(request), finish=False, patience=1.0)
        applied = received[8:13] == b" 200 "  # HTTP/1.0 is taken, too
        assert http.request("GET", records_of("changed") + "/tail").json["tail"]["seq_num"] == applied, received
        if not applied:
            assert not received or 400 <= int(received.split()[1]) < 500, received
    finally:
        assert http.request("DELETE", "/v1/streams/changed").status == 202


@pytest.mark.parametrize("lie", [-1, -5, 1, 100])
def test_a_content_length_that_lies_has_no_effect(victim: Victim, lie: int) -> None:
    request = WHOLE
    body = request.partition(b"\r\n\r\n")[2]
    request = request.replace(b"content-length: %d" % len(body), b"content-length: %d" % (len(body) + lie))
    received = _talk(victim.process.port, request)
    assert not received or 400 <= int(received.split()[1]) < 500, received
    victim.expect_untouched()


@pytest.mark.parametrize("end", [b"", b"0", b"0\r\n", b"5\r\nx", b"zz\r\n\r\n", b"-1\r\n\r\n"])
def test_chunks_that_do_not_end_have_no_effect(victim: Victim, end: bytes) -> None:
    """The JSON in the first chunk is whole; the body is not."""
    head, _, body = WHOLE.partition(b"\r\n\r\n")
    head = head[: head.index(b"content-length")] + b"transfer-encoding: chunked\r\n\r\n"
    received = _talk(victim.process.port, head + b"%x\r\n%s\r\n" % (len(body), body) + end)
    assert not received or 400 <= int(received.split()[1]) < 500, received
    victim.expect_untouched()


# ---------------------------------------------------------------- clients that stall


async def test_clients_that_stall_are_shown_the_door() -> None:
    """One stops in its body, one in its head, one after its answer. Others are served meanwhile."""
    service = Service(MemoryStorage())
    await service.start()
    await service.ensure_basin(BASIN)
    await service.ensure_stream(BASIN, STREAM)
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    stop, ready = asyncio.Event(), asyncio.Event()
    face = HttpFace(service, Metrics(), limits=Limits(body_seconds=0.3))
    serving = asyncio.create_task(
        serve(face, listener, ready=lambda _: ready.set(), stop=stop, drain=service.drain, idle_seconds=1.0)
    )
    async with asyncio.timeout(20):
        await ready.wait()
        request = WHOLE
        in_body = await _stalling(port, request[:-1])
        in_head = await _stalling(port, request[:30])
        idle = await _stalling(port, f"GET {PATH}/tail HTTP/1.1\r\nhost: a\r\ns2-basin: {BASIN}\r\n\r\n".encode())
        assert in_body.startswith(b"HTTP/1.1 408 ")
        assert b'"code":"request_timeout"' in in_body
        assert in_head == b""
        assert idle.startswith(b"HTTP/1.1 200 ")
        assert (await service.check_tail(BASIN, STREAM)).seq_num == 0
        stop.set()
        assert await serving, "a connection was left behind"
        await service.close()


async def _stalling(port: int, data: bytes) -> bytes:
    """Send this and no more, and keep the connection open until the server ends it; what it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    received = await reader.read()
    writer.close()
    return received
