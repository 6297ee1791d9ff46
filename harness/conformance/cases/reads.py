"""Check-tail and the start of reads: R1 to R4."""

from __future__ import annotations

import asyncio

import pytest

from ...s2 import Record
from .. import Stream, clause, refused
from ..stream import batch_of, beyond

MIB = 1 << 20


async def filled(stream: Stream, count: int = 5) -> None:
    """Append records, number n with the timestamp 1000·(n + 1)."""
    await stream.appended(*(Record(b"%d" % n, (), 1000 * (n + 1)) for n in range(count)))


@clause("R1", "check_tail returns the tail of durable records: strongly consistent.")
async def test_the_tail_is_fresh(stream: Stream) -> None:
    """A check-tail right after an ack knows of it, every time."""
    for number in range(1, 9):
        ack = await stream.appended("x")
        assert await stream.tail() == ack.end
        assert ack.end.seq_num == number


@clause("R1", "strongly consistent", "boundary")
async def test_the_tail_is_whole_batches(stream: Stream) -> None:
    """A check-tail beside appends sees whole batches, and never less than before."""
    appends = asyncio.gather(*(stream.appended("x", "y", "z") for _ in range(10)))
    seen = [(await stream.tail()).seq_num for _ in range(10)]
    await appends
    assert seen == sorted(seen)
    assert not [tail for tail in seen if tail % 3]


@clause("R2", "read starts at seq_num, timestamp or tail_offset: none given means the tail")
async def test_where_a_read_starts(stream: Stream) -> None:
    """A read starts where it is told to; one that is told nothing starts at the tail."""
    await filled(stream)
    for query in ({"seq_num": 3}, {"timestamp": 4000}, {"tail_offset": 2}):
        assert [record.seq_num for record in await stream.records(**query)] == [3, 4]
    assert beyond(await stream.read()).seq_num == 5
    assert [record.seq_num for record in await stream.records(tail_offset=100)] == [0, 1, 2, 3, 4]


@clause("R2", "two given is 422", "negative")
@pytest.mark.parametrize("names", [("seq_num", "timestamp"), ("seq_num", "tail_offset"), ("timestamp", "tail_offset")])
async def test_two_starts(stream: Stream, names: tuple[str, str]) -> None:
    """A read with two starts is refused."""
    await filled(stream)
    refused(await stream.read(**dict.fromkeys(names, 1)), 422, "invalid")


@clause("R2", "a timestamp at or after until", "negative")
async def test_an_end_before_the_start(stream: Stream) -> None:
    """A read from a timestamp must end after it."""
    await filled(stream)
    for until in (2000, 1999, 0):
        refused(await stream.read(timestamp=2000, until=until), 422, "invalid")
    assert [record.seq_num for record in await stream.records(timestamp=2000, until=2001)] == [1]


@clause("R2", "clamp moves a start beyond the tail to the tail", "boundary")
async def test_a_clamped_start(stream: Stream) -> None:
    """A clamped start beyond the tail waits at the tail for what comes."""
    await filled(stream)
    reading = asyncio.create_task(stream.read(seq_num=99, clamp=True, wait=10))
    await stream.tail()
    while not reading.done():
        await stream.appended("later")
        await asyncio.wait([reading], timeout=0.05)
    found = batch_of(reading.result()).records
    assert found
    assert found[0].body == b"later"


@clause("R2", "It ends by count, bytes, until (a timestamp, exclusive) or wait")
async def test_where_a_read_ends(stream: Stream) -> None:
    """A read ends by each of its bounds."""
    await filled(stream)
    assert [record.seq_num for record in await stream.records(seq_num=1, count=2)] == [1, 2]
    assert [record.seq_num for record in await stream.records(seq_num=1, bytes=2 * 9)] == [1, 2]
    assert [record.seq_num for record in await stream.records(seq_num=1, until=4000)] == [1, 2]
    assert [record.seq_num for record in await stream.records(seq_num=3, wait=1)] == [3, 4]


@clause("R2", "A unary read always carries an implicit bound of 1000 records and 1 MiB.", "boundary")
async def test_the_implicit_bounds(stream: Stream) -> None:
    """A unary read returns at most 1000 records, even if more are asked for."""
    for _ in range(2):
        await stream.appended(*["x"] * 1000)
    for query in ({}, {"count": 1500}, {"bytes": 1 << 40}):
        assert [r.seq_num for r in await stream.records(seq_num=10, **query)] == list(range(10, 1010))


@clause("R2", "A unary read always carries an implicit bound of 1000 records and 1 MiB.", "boundary")
async def test_the_implicit_bytes(stream: Stream) -> None:
    """A unary read returns at most 1 MiB of metered bytes, even if more are asked for."""
    for size in (MIB // 2 - 8, MIB // 2 - 8, 1):
        await stream.appended(b"x" * size)
    for query in ({}, {"bytes": 2 * MIB}, {"count": 1000}):
        assert [record.seq_num for record in await stream.records(seq_num=0, **query)] == [0, 1]


@clause("R3", 'A start beyond the tail (without clamp) → 416 {"tail": {…}}.', "negative")
async def test_a_start_beyond_the_tail(stream: Stream) -> None:
    """A read beyond the tail is refused with the tail, whether or not it would wait."""
    await filled(stream)
    tail = await stream.tail()
    for query in ({"seq_num": 6}, {"seq_num": 2**64 - 1}, {"seq_num": 6, "wait": 1}, {"timestamp": 5001}):
        assert beyond(await stream.read(**query)) == tail


@clause("R3", "So is a start at the tail, also after clamp, when the read may not follow.", "boundary")
async def test_a_start_at_the_tail(stream: Stream) -> None:
    """A read at the tail that does not wait is refused with the tail, and so is a clamped one."""
    assert beyond(await stream.read(seq_num=0)).seq_num == 0
    await filled(stream)
    tail = await stream.tail()
    for query in ({"seq_num": 5}, {"seq_num": 9, "clamp": True}, {"tail_offset": 0}, {"seq_num": 5, "wait": 0}):
        assert beyond(await stream.read(**query)) == tail


@clause("R3", "A read may follow when wait > 0")
async def test_a_read_that_waits(stream: Stream) -> None:
    """A read at the tail that waits gets an empty answer after that time, if nothing comes."""
    await filled(stream)
    assert (await stream.batch(seq_num=5, wait=1)).records == ()


@clause("R3", "A 416 is itself an exact read of the tail.")
async def test_a_refusal_is_fresh(stream: Stream) -> None:
    """A 416 right after an ack knows of it, every time."""
    for _ in range(5):
        ack = await stream.appended("x")
        assert beyond(await stream.read(seq_num=2**40)) == ack.end


@clause("R4", "A start by timestamp is the first record whose timestamp is at least that.")
async def test_a_start_by_timestamp(stream: Stream) -> None:
    """Between, before and at the timestamps of records."""
    await filled(stream)
    for timestamp, first in ((0, 0), (1000, 0), (1001, 1), (2999, 2), (3000, 2), (5000, 4)):
        assert (await stream.records(timestamp=timestamp))[0].seq_num == first


@clause("R4", "A start by timestamp is the first record whose timestamp is at least that.", "boundary")
async def test_equal_timestamps(stream: Stream) -> None:
    """Of several records with one timestamp, the first."""
    await stream.appended(*(Record(b"", (), timestamp) for timestamp in (1000, 2000, 2000, 2000, 3000)))
    assert (await stream.records(timestamp=2000))[0].seq_num == 1
    assert (await stream.records(timestamp=1500))[0].seq_num == 1
    assert (await stream.records(timestamp=2001))[0].seq_num == 4


@clause("R4", "Where there is none, the start is beyond the tail (416, or clamped).", "negative")
async def test_no_such_timestamp(stream: Stream) -> None:
    """A timestamp after that of the last record is beyond the tail."""
    await filled(stream)
    tail = await stream.tail()
    assert beyond(await stream.read(timestamp=5001)) == tail
    assert beyond(await stream.read(timestamp=5001, clamp=True)) == tail
    assert (await stream.batch(timestamp=5001, clamp=True, wait=1)).records == ()
