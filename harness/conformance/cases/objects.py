"""The object: O1 to O4."""

from __future__ import annotations

from ...s2 import Position, Record
from .. import Basin, Stream, clause, refused
from ..stream import beyond

MANY = 60
"""Appends after which rare errors have shown themselves."""


@clause("O1", "A stream is an append-only sequence of records.")
async def test_records_keep_their_order(stream: Stream) -> None:
    """Records are read in the order in which they were appended."""
    await stream.appended("a", "b")
    await stream.appended("c")
    assert [record.body for record in await stream.records(seq_num=0)] == [b"a", b"b", b"c"]


@clause("O1", "append-only", "boundary")
async def test_later_appends_change_nothing(stream: Stream) -> None:
    """An append leaves the records before it as they were."""
    await stream.appended("a", Record(b"b", ((b"name", b"value"),)))
    before = await stream.records(seq_num=0)
    await stream.appended("c")
    assert (await stream.records(seq_num=0))[:2] == before


@clause("O2", "Each record has a seq_num (0, 1, 2, … with no gaps), a timestamp (milliseconds, never decreasing along")
async def test_records_are_kept_whole(stream: Stream) -> None:
    """Many records are read back with consecutive seq_nums, ascending timestamps, and their headers and bodies."""
    sent = [
        Record(b"body %d" % number, ((b"number", b"%d" % number), (b"last", bytes([number]))))
        for number in range(2 * MANY)
    ]
    for number in range(0, len(sent), 2):
        await stream.appended(*sent[number : number + 2])
    found = await stream.records(seq_num=0)
    assert [record.seq_num for record in found] == list(range(len(sent)))
    assert [(record.headers, record.body) for record in found] == [(record.headers, record.body) for record in sent]
    timestamps = [record.timestamp for record in found]
    assert timestamps == sorted(timestamps)


@clause("O2", "headers (name–value byte pairs) and a body (bytes)", "boundary")
async def test_bytes_are_bytes(stream: Stream) -> None:
    """Empty bodies and values, repeated names, and every byte there is."""
    every = bytes(range(256))
    sent = [
        Record(),
        Record(every, ((every, every),)),
        Record(b"", ((b"n", b""), (b"n", b"1"), (b"n", b""))),
        Record(b"", tuple((b"n%d" % number, b"v") for number in range(100))),
    ]
    await stream.appended(*sent)
    found = await stream.records(seq_num=0)
    assert [(record.headers, record.body) for record in found] == [(record.headers, record.body) for record in sent]


@clause("O3", "tail is the seq_num that the next record will get, together with the timestamp of the last record.")
async def test_the_tail(stream: Stream) -> None:
    """A check-tail names the seq_num of the next record and the timestamp of the last."""
    await stream.appended("a", "b")
    last = (await stream.records(seq_num=0))[-1]
    assert await stream.tail() == Position(2, last.timestamp)
    assert (await stream.appended("c")).start.seq_num == 2


@clause("O3", "The fencing token starts as the empty string", "boundary")
async def test_a_new_stream(stream: Stream) -> None:
    """A new stream has the tail 0, and the empty token."""
    assert await stream.tail() == Position(0, 0)
    await stream.appended("a", match_seq_num=0, fencing_token="")


@clause("O4", "A stream that was created and that nobody deleted exists.")
async def test_a_created_stream_exists(stream: Stream) -> None:
    """A created stream answers, and is listed."""
    assert await stream.tail() == Position(0, 0)
    beyond(await stream.read(seq_num=0))
    answer = await stream.basin.request("GET", f"/streams?prefix={stream.name}")
    assert answer.status == 200
    assert [row["name"] for row in answer.json["streams"]] == [stream.name]
    refused(await stream.create(), 409, "resource_already_exists")


@clause("O4", "stream_not_found", "negative")
async def test_what_was_not_created_does_not_exist(basin: Basin) -> None:
    """A stream that nobody created is not there, unless the basin makes it by itself."""
    absent = basin.stream()
    for answer in (
        await absent.basin.request("GET", absent.path),
        await absent.delete(),
    ):
        refused(answer, 404, "stream_not_found")


@clause("O4", "basin_not_found", "negative")
async def test_a_basin_that_is_not_there(basin: Basin) -> None:
    """A basin that nobody created is not there."""
    absent = Basin(basin.service, "no-basin-of-this-name-is-here", "s")
    refused(await absent.stream().check_tail(), 404, "basin_not_found")
