"""Append sessions and read sessions of the server over real sockets: what is answered, and in which form."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
import zstandard

from fencepost.harness.s2 import Ack, Append, Batch, Record, protobuf
from fencepost.harness.s2.frames import (
    Compression,
    Frame,
    Message,
    Terminal,
    encode_message,
    encode_terminal,
)

from .http2 import SESSION, Http2, Stream, frame_of
from .processes import Connection, ServerProcess, records_of, wait_until

OPTIONS = ("--body-timeout", "1")
GONE = ("stream_deletion_pending", "stream_not_found")


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Http2]:
    with Http2(server.port) as connection:
        yield connection


def acks(frames: list[Frame]) -> list[Ack]:
    return [protobuf.decode_ack(frame.body) for frame in frames if isinstance(frame, Message)]


def batches(frames: list[Frame]) -> list[Batch]:
    return [protobuf.decode_batch(frame.body) for frame in frames if isinstance(frame, Message)]


def terminal(session: Stream) -> tuple[int, Any]:
    """The status and the JSON of the terminal frame with which the session ended."""
    last = session.frames[-1]
    assert isinstance(last, Terminal), session
    return last.status, json.loads(last.body)


# -- append sessions


def test_a_session_acknowledges_its_batches_in_order_and_ends_with_them(
    client: Http2, http: Connection, stream: str
) -> None:
    session = client.append_session(stream)
    client.until(lambda: session.status == 200)  # before a batch was sent
    assert session.headers["content-type"] == "s2s/proto"
    client.send(session, b"".join(frame_of(b"%d" % number, b"more") for number in range(500)), end=True)
    client.until_end(session)
    assert [(ack.start.seq_num, ack.end.seq_num) for ack in acks(session.frames)] == [
        (2 * number, 2 * number + 2) for number in range(500)
    ]
    assert not any(isinstance(frame, Terminal) or frame.reconnect_advised for frame in session.frames)
    assert http.tail(stream) == 1000


def test_nothing_after_a_refusal_is_applied_although_it_has_arrived(
    client: Http2, http: Connection, stream: str
) -> None:
    session = client.append_session(stream)
    batches = [frame_of(b"a"), frame_of(b"b", match_seq_num=1), frame_of(b"c", match_seq_num=1), frame_of(b"d")]
    client.send(session, b"".join(batches) + frame_of(b"e") * 100)
    client.until_end(session)
    assert [ack.start.seq_num for ack in acks(session.frames)] == [0, 1]
    assert terminal(session) == (412, {"seq_num_mismatch": 2})
    assert http.tail(stream) == 2


def test_the_first_batch_may_be_refused(client: Http2, http: Connection, stream: str) -> None:
    """The session has started by then, so it is a terminal frame and no answer of HTTP."""
    session = client.append_session(stream)
    client.send(session, frame_of(b"a", fencing_token="token"))
    assert client.until_end(session).status == 200
    assert terminal(session) == (412, {"fencing_token_mismatch": ""})


BROKEN = {
    "no length": b"\0\0\0",
    "too long": b"\xff\xff\xff\0",
    "unknown compression": b"\0\0\x02\x60x",
    "damaged gzip": b"\0\0\x03\x40xx",
    "damaged zstd": b"\0\0\x03\x20xx",
    "not protobuf": b"\0\0\x03\0\xff\xff",
    "a terminal frame": encode_terminal(Terminal(400, b"{}")),
    "zstd bomb": (lambda body: (len(body) + 1).to_bytes(3, "big") + b"\x20" + body)(
        zstandard.ZstdCompressor().compress(bytes(8 << 20))
    ),
    "gzip bomb": (lambda body: (len(body) + 1).to_bytes(3, "big") + b"\x40" + body)(gzip.compress(bytes(8 << 20))),
}


@pytest.mark.parametrize("bytes_", BROKEN.values(), ids=BROKEN)
def test_a_broken_frame_ends_the_session_after_the_acks_before_it(
    client: Http2, http: Connection, stream: str, bytes_: bytes
) -> None:
    session = client.append_session(stream)
    client.send(session, frame_of(b"a") + bytes_ + frame_of(b"b"))
    client.until_end(session)
    status, body = terminal(session)
    assert (status, body["code"]) == (400, "bad_frame")
    assert len(acks(session.frames)) == http.tail(stream) == 1


def test_batches_that_break_a_rule_are_invalid(client: Http2, http: Connection, stream: str) -> None:
    for frame in (frame_of(), frame_of(*[b"x"] * 1001), frame_of(b"x", fencing_token="x" * 37)):
        session = client.append_session(stream)
        client.send(session, frame)
        status, body = terminal(client.until_end(session))
        assert (status, body["code"]) == (422, "invalid")
    assert http.tail(stream) == 0


@pytest.mark.parametrize("compression", [Compression.ZSTD, Compression.GZIP])
def test_batches_may_be_compressed(client: Http2, http: Connection, stream: str, compression: Compression) -> None:
    frame = encode_message(Message(protobuf.encode_append(Append((Record(b"x" * 100_000),)))), compression)
    assert len(frame) < 1000
    session = client.append_session(stream)
    client.send(session, frame * 3, end=True)
    assert len(acks(client.until_end(session).frames)) == http.tail(stream) == 3


def test_the_largest_batch_fits(client: Http2, http: Connection, stream: str) -> None:
    session = client.append_session(stream)
    client.send(session, frame_of(b"x" * ((1 << 20) - 8)), end=True)
    assert len(acks(client.until_end(session).frames)) == 1


def test_what_has_not_arrived_completely_is_not_applied(client: Http2, http: Connection, stream: str) -> None:
    whole = frame_of(b"a")
    ended = client.append_session(stream)
    client.send(ended, whole + whole[:-1], end=True)
    assert terminal(client.until_end(ended))[1]["code"] == "bad_frame"
    assert len(acks(ended.frames)) == 1
    given_up = client.append_session(stream)
    client.send(given_up, whole + whole[:-1])
    client.until(lambda: len(given_up.frames) == 1)
    client.reset(given_up)
    wait_until(lambda: http.in_flight() == 0, "the session that was reset has ended")
    assert http.tail(stream) == 2


def test_half_a_frame_has_to_become_a_whole_one_in_time(client: Http2, http: Connection, stream: str) -> None:
    waiting, slow = client.append_session(stream), client.append_session(stream)
    client.send(slow, frame_of(b"a") + frame_of(b"b")[:5])
    assert terminal(client.until_end(slow))[1]["code"] == "request_timeout"
    assert len(acks(slow.frames)) == 1
    client.send(waiting, frame_of(b"c"), end=True)  # a session may idle between its frames
    assert len(acks(client.until_end(waiting).frames)) == 1


def test_a_session_that_cannot_start_is_answered_like_any_request(
    client: Http2, http: Connection, stream: str, server: ServerProcess
) -> None:
    for session, status, code in (
        (client.append_session("absent"), 404, "stream_not_found"),
        (client.read_session("absent"), 404, "stream_not_found"),
        (client.read_session(stream, "seq_num=x"), 400, "bad_query"),
        (client.read_session(stream, "seq_num=1&tail_offset=1"), 422, "invalid"),
        (client.open("POST", records_of(stream), basin="absent-basin"), 404, "basin_not_found"),
    ):
        client.until_end(session)
        assert (session.status, session.headers["content-type"]) == (status, "application/json")
        assert json.loads(session.content)["code"] == code
    session = client.until_end(client.read_session(stream, "seq_num=1"))
    assert (session.status, json.loads(session.content)) == (416, {"tail": {"seq_num": 0, "timestamp": 0}})


def test_a_session_may_use_http_1(server: ServerProcess, http: Connection, stream: str) -> None:
    """As in S2, although no client of it does."""
    batches = frame_of(b"a") + frame_of(b"b", match_seq_num=7)
    with Connection(server.port) as connection:
        head = f"POST {records_of(stream)} HTTP/1.1\r\nhost: a\r\ns2-basin: test-basin\r\ncontent-type: s2s/proto\r\n"
        connection.socket.sendall(f"{head}transfer-encoding: chunked\r\n\r\n{len(batches):x}\r\n".encode() + batches)
        found = connection.all()
    assert b" 200 OK\r\n" in found
    assert b'{"seq_num_mismatch":1}' in found
    assert http.tail(stream) == 1


# -- read sessions


def test_a_read_session_follows_the_tail_and_ends_by_its_count(client: Http2, http: Connection, stream: str) -> None:
    http.append(stream, "a", "b")
    session = client.read_session(stream, "seq_num=0&count=4&wait=60")
    client.until(lambda: len(session.frames) == 2)
    first, heartbeat = batches(session.frames)
    assert [record.body for record in first.records] == [b"a", b"b"]
    assert first.tail is None
    assert heartbeat.records == ()
    assert heartbeat.tail is not None
    assert heartbeat.tail.seq_num == 2
    http.append(stream, "c", "d", "e")
    client.until_end(session)
    rest = batches(session.frames)[2]
    assert [record.body for record in rest.records] == [b"c", b"d"]
    assert rest.tail is not None
    assert rest.tail.seq_num == 5
    assert len(session.frames) == 3


def test_a_read_session_ends_by_bytes_until_and_wait(client: Http2, http: Connection, stream: str) -> None:
    for timestamp in (10, 20, 30):
        batch = {"records": [{"body": "x" * 92, "timestamp": timestamp}]}  # 100 metered bytes
        assert http.request("POST", records_of(stream), batch).status == 200
    for query, found in (("bytes=250", 2), ("until=30", 2), ("count=1", 1), ("wait=0", 3), ("count=2&bytes=100", 1)):
        session = client.until_end(client.read_session(stream, f"seq_num=0&{query}"))
        assert sum(len(batch.records) for batch in batches(session.frames)) == found, query
    session = client.until_end(client.read_session(stream, "seq_num=0&wait=1"))
    assert [len(batch.records) for batch in batches(session.frames)] == [3, 0]


@pytest.mark.parametrize(
    ("accepted", "flag"),
    [("zstd", 1), ("gzip", 2), ("gzip, deflate, zstd", 1), ("br", 0)],
)
def test_frames_are_compressed_as_the_client_accepts(
    client: Http2, http: Connection, stream: str, accepted: str, flag: int
) -> None:
    http.append(stream, "x" * 5000)
    http.append(stream, "y")
    session = client.read_session(stream, "seq_num=0&count=1", SESSION | {"accept-encoding": accepted})
    client.until_end(session)
    assert session.content[3] >> 5 == flag
    assert batches(session.frames)[0].records[0].body == b"x" * 5000
    session = client.read_session(stream, "seq_num=1&count=1", SESSION | {"accept-encoding": accepted})
    assert client.until_end(session).content[3] == 0, "small frames are not compressed"


def test_a_follower_learns_that_its_stream_is_gone(client: Http2, http: Connection, stream: str) -> None:
    session = client.read_session(stream)
    client.until(lambda: len(session.frames) == 1)
    assert http.request("DELETE", f"/v1/streams/{stream}").status == 202
    client.until_end(session)
    assert [record.headers for batch in batches(session.frames) for record in batch.records] == [((b"", b"trim"),)]
    assert terminal(session)[1]["code"] in GONE


def test_a_session_does_not_outlive_its_stream(client: Http2, http: Connection, stream: str) -> None:
    """Nor does it go on in the next stream of that name."""
    session = client.append_session(stream)
    client.send(session, frame_of(b"a"))
    client.until(lambda: len(session.frames) == 1)
    assert http.request("DELETE", f"/v1/streams/{stream}").status == 202
    wait_until(lambda: http.request("POST", "/v1/streams", {"stream": stream}).status == 201, "it is made again")
    client.send(session, frame_of(b"b"))
    client.until_end(session)
    assert terminal(session)[1]["code"] in GONE
    assert http.tail(stream) == 0


def test_frames_are_cut_anywhere(client: Http2, http: Connection, stream: str) -> None:
    session = client.append_session(stream)
    for byte in frame_of(b"a") + frame_of(b"b"):
        client.send(session, bytes([byte]))
    client.end(session)
    assert len(acks(client.until_end(session).frames)) == 2
