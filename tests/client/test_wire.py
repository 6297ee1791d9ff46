"""What is sent is what was asked for, and what was answered is what is handed on."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fencepost.harness.client import wire
from fencepost.harness.client.http import HttpStreamClient
from fencepost.harness.client.outcome import Definite, Indefinite, Ok
from fencepost.harness.s2 import Append, Batch, CheckTail, Position, Read, Record, SequencedRecord

from .scripted import Peer, Request, ScriptedServer, ack, answer, position

u64 = st.integers(0, 2**64 - 1)
pairs = st.lists(st.tuples(st.binary(max_size=9), st.binary(max_size=9)), max_size=3).map(tuple)
records = st.builds(Record, st.binary(max_size=40), pairs, st.none() | u64)
tokens = st.text(max_size=36)
appends = st.builds(
    Append, st.lists(records, min_size=1, max_size=5).map(tuple), st.none() | u64, st.none() | st.text(max_size=36)
)
names = st.text(min_size=1, max_size=60)
reads = st.builds(
    Read,
    seq_num=st.none() | u64,
    timestamp=st.none() | u64,
    tail_offset=st.none() | u64,
    clamp=st.booleans(),
    count=st.none() | u64,
    bytes=st.none() | u64,
    until=st.none() | u64,
    wait=st.none() | st.integers(0, 60),
)


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def said(call: Append) -> dict[str, Any]:
    """The body of the description, made in another way than the client makes it."""
    body: dict[str, Any] = {"records": []}
    for record in call.records:
        entry: dict[str, Any] = {}
        if record.headers:
            entry["headers"] = [[text(name), text(value)] for name, value in record.headers]
        if record.body:
            entry["body"] = text(record.body)
        if record.timestamp is not None:
            entry["timestamp"] = record.timestamp
        body["records"].append(entry)
    if call.match_seq_num is not None:
        body["match_seq_num"] = call.match_seq_num
    if call.fencing_token is not None:
        body["fencing_token"] = call.fencing_token
    return body


async def captured(*, append: Append | None = None, read: Read | None = None, stream: str = "s") -> Request:
    """The request that the call makes on the wire."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer(200, ack(0)) if append is not None else answer(200, {"records": []}))

    async with ScriptedServer(script) as server:
        client = HttpStreamClient(server.url, "basin-one", token="t0ken")
        outcome = await (
            client.perform(stream, append) if append is not None else client.perform(stream, read or Read())
        )
        assert isinstance(outcome, Ok), outcome
        await client.aclose()
    (request,) = server.requests
    return request


@settings(max_examples=60, deadline=None)
@given(call=appends, stream=names)
@example(call=Append((Record(b"\xff\x00", ((b"\xfe", b"\xfd"),)),), 0, ""), stream="a/b?c#d%2F é\n")
@example(call=Append((Record.fence("é" * 18), Record.trim(2**64 - 1))), stream="..")
@example(call=Append((Record(),)), stream=".")
def test_an_append_on_the_wire_says_what_was_asked(call: Append, stream: str) -> None:
    request = asyncio.run(captured(append=call, stream=stream))
    assert request.method == "POST"
    assert request.json == said(call)
    assert request.headers["s2-format"] == "base64"
    assert request.headers["s2-basin"] == "basin-one"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == "Bearer t0ken"
    assert request.headers["content-length"] == str(len(request.body))
    segments = request.target.split("/")
    assert segments[:3] == ["", "v1", "streams"]
    assert segments[4:] == ["records"]
    assert unquote(segments[3], errors="strict") == stream
    assert segments[3] not in (".", ".."), "a path may swallow these"


@settings(max_examples=40, deadline=None)
@given(call=reads)
def test_a_read_on_the_wire_says_what_was_asked(call: Read) -> None:
    request = asyncio.run(captured(read=call))
    expected = {
        name: "true" if value is True else str(value)
        for name in ("seq_num", "timestamp", "tail_offset", "clamp", "count", "bytes", "until", "wait")
        if (value := getattr(call, name)) is not None and value is not False
    }
    assert request.method == "GET"
    assert request.headers["s2-format"] == "base64"
    assert urlsplit(request.target).path == "/v1/streams/s/records"
    assert dict(parse_qsl(urlsplit(request.target).query)) == expected


@given(
    st.lists(st.builds(SequencedRecord, u64, u64, pairs, st.binary(max_size=40)), max_size=5).map(tuple),
    st.none() | st.builds(Position, u64, u64),
)
def test_a_batch_is_handed_on_as_it_was_answered(records: tuple[SequencedRecord, ...], tail: Position | None) -> None:
    body: dict[str, Any] = {
        "records": [
            {
                "seq_num": record.seq_num,
                "timestamp": record.timestamp,
                "headers": [[text(name), text(value)] for name, value in record.headers],
                "body": text(record.body),
                "something_new": 1,
            }
            for record in records
        ],
        "tail": None if tail is None else position(tail.seq_num, tail.timestamp),
    }
    assert wire.conclude(wire.READ, 200, json.dumps(body).encode()) == Ok(Batch(records, tail))


def test_absent_headers_and_body_are_empty() -> None:
    outcome = wire.conclude(wire.READ, 200, b'{"records": [{"seq_num": 1, "timestamp": 2}]}')
    assert outcome == Ok(Batch((SequencedRecord(1, 2, (), b""),)))


@pytest.mark.parametrize(
    "record",
    [
        {"seq_num": 1},
        {"seq_num": -1, "timestamp": 0},
        {"seq_num": 2**64, "timestamp": 0},
        {"seq_num": "1", "timestamp": 0},
        {"seq_num": 1, "timestamp": 0, "body": "not base64"},
        {"seq_num": 1, "timestamp": 0, "headers": [["YQ=="]]},
    ],
)
def test_a_record_that_cannot_be_one_makes_the_answer_unreadable(record: dict[str, object]) -> None:
    outcome = wire.conclude(wire.READ, 200, json.dumps({"records": [record]}).encode())
    assert isinstance(outcome, Indefinite)


def test_an_impossible_ack_is_handed_on_for_the_checkers_to_judge() -> None:
    body = {"start": position(9), "end": position(3), "tail": position(0)}
    assert isinstance(wire.conclude(wire.APPEND, 200, json.dumps(body).encode()), Ok)


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 100_000, b"\x00", b"9" * 10_000, b'"\\ud800"', b"NaN"])
@pytest.mark.parametrize("status", [200, 400, 412, 503])
def test_hostile_answers_are_indefinite(status: int, content: bytes) -> None:
    outcome = wire.conclude(wire.APPEND, status, content)
    assert isinstance(outcome, Indefinite)
    assert len(str(outcome.body)) < 3 * wire.TEXT_KEPT


@pytest.mark.parametrize("call", [Append((Record(),), fencing_token="\ud800"), Append((Record(),))])
async def test_what_is_not_text_is_not_sent(call: Append) -> None:
    async with ScriptedServer(lambda peer: peer.some()) as server:
        client = HttpStreamClient(server.url, "basin-one")
        outcome = await client.perform("s" if call.fencing_token else "\ud800", call)
    assert isinstance(outcome, Definite)
    assert (outcome.code, outcome.status) == ("not_sent", None)
    assert server.connections == 0


async def test_streams_and_basins_are_made_and_removed() -> None:
    replies = iter(
        [
            answer(201, {"name": "basin-one", "created_at": "x"}),
            answer(201, {"name": "a/b", "created_at": "x"}),
            answer(409, {"code": "resource_already_exists", "message": "there is one"}),
            answer(201, text=b"<html>welcome to the hotel</html>"),
            answer(202),
            answer(404, {"code": "stream_not_found", "message": "there is none"}),
        ]
    )

    async def script(peer: Peer) -> None:
        while await peer.request() is not None:
            await peer.send(next(replies))

    infinite = {"retention_policy": {"infinite": {}}}
    async with ScriptedServer(script) as server:
        client = HttpStreamClient(server.url + "/v1/", "basin-one")
        assert await client.create_basin() == Ok(None)
        assert await client.create_stream("a/b", config=infinite) == Ok(None)
        again = await client.create_stream("a/b")
        assert isinstance(again, Definite)
        assert again.code == "resource_already_exists"
        assert isinstance(await client.create_stream("c"), Indefinite)
        assert await client.delete_stream("a/b") == Ok(None)
        gone = await client.delete_stream("a/b")
        assert isinstance(gone, Definite)
        assert gone.code == "stream_not_found"
        await client.aclose()
    assert [(request.method, request.target) for request in server.requests] == [
        ("POST", "/v1/basins"),
        ("POST", "/v1/streams"),
        ("POST", "/v1/streams"),
        ("POST", "/v1/streams"),
        ("DELETE", "/v1/streams/a%2Fb"),
        ("DELETE", "/v1/streams/a%2Fb"),
    ]
    assert [request.json for request in server.requests[:3]] == [
        {"basin": "basin-one"},
        {"stream": "a/b", "config": infinite},
        {"stream": "a/b"},
    ]


async def test_a_read_that_waits_has_that_much_longer() -> None:
    """The time-out is too short for this answer; the read's own wait is not."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await asyncio.sleep(0.3)
        await peer.send(answer(200, {"records": []}))

    async with ScriptedServer(script) as server:
        client = HttpStreamClient(server.url, "basin-one", timeout=0.1)
        assert await client.perform("s", Read(seq_num=0, wait=9)) == Ok(Batch(()))
        assert isinstance(await client.perform("s", CheckTail()), Indefinite)
        await client.aclose()
