"""Hostile heads on a real socket: parameters, paths, names, headers, configurations, and what is too large."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hpack import Encoder

from tests.server.victim import MAX_BODY, PATH, STREAM, Victim

from .http2 import Http2
from .processes import BASIN, Connection, records_of


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
        ("POST", "/v1/basins", {"basin": "a-new-basin", "config": {"stream_cipher": "rot13"}}),
        ("PUT", f"/v1/streams/{STREAM}", {"config": {}}),
        ("PUT", "/v1/streams/new", []),
        ("PATCH", f"/v1/streams/{STREAM}", None),
        ("PATCH", f"/v1/streams/{STREAM}", {"timestamping": {"mode": "never"}}),
        ("PATCH", f"/v1/streams/{STREAM}", {"delete_on_empty": {"min_age_secs": -1}}),
        ("PATCH", f"/v1/basins/{BASIN}", {"create_stream_on_append": "yes"}),
        ("PATCH", f"/v1/basins/{BASIN}", {"default_stream_config": {"x": 1}}),
        ("PATCH", f"/v1/basins/{BASIN}", {"stream_cipher": "AEGIS-256"}),
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
        f"POST {PATH} HTTP/1.1\r\nhost: a\r\ns2-basin: {BASIN}\r\ncontent-type: application/json\r\n"
        f"content-length: {MAX_BODY + 1}\r\n\r\n".encode()
    )
    answer = http.answer()
    victim.expect_refusal(answer)
    assert answer.status == 413
    victim.expect_untouched()


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(victim: Victim, http: Connection) -> None:
    http.socket.sendall(
        f"POST {PATH} HTTP/1.1\r\nhost: a\r\ns2-basin: {BASIN}\r\ncontent-type: application/json\r\n"
        "transfer-encoding: chunked\r\n\r\n".encode()
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


def test_a_long_body_over_http2_is_refused_early(victim: Victim) -> None:
    """Of 100 MB, the server takes no more than its limit and what a client may send unasked."""
    with Http2(victim.process.port) as client:
        request = client.open("POST", PATH, {"content-type": "application/json"})
        sent = 0
        while not request.ended and sent < 100 << 20:
            sent += client.send_while_there_is_room(request, b" " * 0x4000)
            client.read()
        assert (request.status, json.loads(request.content)["code"]) == (413, "payload_too_large")
        assert sent < 2 * MAX_BODY
    victim.expect_untouched()


def test_a_long_body_that_is_announced_is_not_asked_for(victim: Victim, http: Connection) -> None:
    http.socket.sendall(
        f"POST {PATH} HTTP/1.1\r\nhost: a\r\ns2-basin: {BASIN}\r\ncontent-type: application/json\r\n"
        f"expect: 100-continue\r\ncontent-length: {100 << 20}\r\n\r\n".encode()
    )
    answer = http.answer()
    victim.expect_refusal(answer)
    assert answer.status == 413


def _half_head_of_http1() -> Iterator[bytes]:
    yield b"GET /v1/streams HTTP/1.1\r\nhost: a\r\nx-a: "
    yield from [b"y" * 16_000] * 20


def _half_head_of_http2() -> Iterator[bytes]:
    begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, b"", stream=0)
    yield begin + _frame(1, Encoder().encode([(":method", "GET"), (":path", "/v1/streams"), (":scheme", "http")]))
    field = b"\0\1a\x7f\x81\x7c" + b"y" * 16_000  # not indexed, a name of one letter, a value of 127 + 1 + (124 << 7)
    yield from [_frame(9, field)] * 20


def _resets() -> Iterator[bytes]:
    yield b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, b"", stream=0)
    encoder = Encoder()
    head = {":method": "GET", ":path": f"{PATH}?wait=60", ":scheme": "http", ":authority": "a", "s2-basin": BASIN}
    for stream in range(1, 40_000, 2):
        yield _frame(1, encoder.encode(head), stream, flags=5) + _frame(3, struct.pack(">I", 8), stream)


def _frame(kind: int, content: bytes, stream: int = 1, flags: int = 0) -> bytes:
    return struct.pack(">IBBI", len(content), kind, flags, stream)[1:] + content


# Before: each connection could hold 400 KB of HTTP/1.1, or 16 MB of HTTP/2, without a token.
@pytest.mark.parametrize("pieces", [_half_head_of_http1, _half_head_of_http2, _resets])
def test_what_has_no_end_is_cut_off(victim: Victim, pieces: Callable[[], Iterator[bytes]]) -> None:
    with socket.create_connection(("127.0.0.1", victim.process.port)) as client:
        client.settimeout(5)
        try:
            for piece in pieces():
                client.sendall(piece)
            while client.recv(4096):  # a time-out means that the server waits for more
                pass
        except ConnectionError:
            pass  # cut off while sending
    victim.expect_untouched()
