"""Unary reads: starts, limits, ends, and what lies beyond the tail."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from clients import batch, filled, refused
from s2_sdk import (
    AppendInput,
    CommandRecord,
    ReadLimit,
    ReadUnwrittenError,
    Record,
    S2Basin,
    S2Stream,
    SeqNum,
    TailOffset,
    Timestamp,
    metered_bytes,
)

START = 1_700_000_000_000


@pytest.fixture
async def ten(stream: S2Stream) -> S2Stream:
    """A stream of ten records, metered 16 bytes each, one per millisecond from START."""
    await stream.append(AppendInput([Record(b"%08d" % n, timestamp=START + n) for n in range(10)]))
    return stream


async def numbers(stream: S2Stream, **arguments: Any) -> list[int]:
    return [one.seq_num for one in (await stream.read(**arguments)).records]


ALL = list(range(10))


@pytest.mark.parametrize(
    ("start", "limit", "expected"),
    [
        (SeqNum(0), None, ALL),
        (SeqNum(4), None, ALL[4:]),
        (SeqNum(0), ReadLimit(count=3), ALL[:3]),
        (SeqNum(0), ReadLimit(count=10), ALL),
        (SeqNum(0), ReadLimit(count=11), ALL),
        (SeqNum(0), ReadLimit(count=0), []),
        (SeqNum(0), ReadLimit(count=5_000), ALL),
        (SeqNum(0), ReadLimit(bytes=48), ALL[:3]),
        (SeqNum(0), ReadLimit(bytes=47), ALL[:2]),
        (SeqNum(0), ReadLimit(bytes=160), ALL),
        (SeqNum(0), ReadLimit(bytes=161), ALL),
        (SeqNum(0), ReadLimit(bytes=0), []),
        (SeqNum(0), ReadLimit(bytes=1 << 30), ALL),
        (SeqNum(5), ReadLimit(bytes=32), [5, 6]),
        (SeqNum(5), ReadLimit(count=4, bytes=32), [5, 6]),
        (TailOffset(3), None, [7, 8, 9]),
        (TailOffset(10), None, ALL),
        (TailOffset(999), None, ALL),
        (TailOffset(5), ReadLimit(count=2), [5, 6]),
        (Timestamp(START), None, ALL),
        (Timestamp(START + 6), None, [6, 7, 8, 9]),
        (Timestamp(1), None, ALL),
        (Timestamp(START + 6), ReadLimit(count=2), [6, 7]),
        (Timestamp(START + 6), ReadLimit(bytes=32), [6, 7]),
    ],
    ids=str,
)
async def test_where_a_read_starts_and_what_it_may_return(
    ten: S2Stream, start: Any, limit: ReadLimit | None, expected: list[int]
) -> None:
    assert await numbers(ten, start=start, limit=limit) == expected


async def test_records_come_as_they_were_appended(ten: S2Stream) -> None:
    read = (await ten.read(start=SeqNum(3), limit=ReadLimit(count=1))).records[0]
    assert (read.seq_num, read.body, read.headers, read.timestamp) == (3, b"00000003", [], START + 3)
    assert metered_bytes([read]) == 16


async def test_until(ten: S2Stream) -> None:
    assert await numbers(ten, start=SeqNum(0), until_timestamp=START + 4) == [0, 1, 2, 3]
    assert await numbers(ten, start=Timestamp(START + 2), until_timestamp=START + 4) == [2, 3]


async def test_a_start_at_or_after_until_is_refused(ten: S2Stream) -> None:
    for until in (START + 4, START + 3):
        with refused(422, "invalid"):
            await ten.read(start=Timestamp(START + 4), until_timestamp=until)


async def test_a_read_is_bounded_by_a_thousand_records(stream: S2Stream) -> None:
    await filled(stream, 1_000)
    await filled(stream, 10)
    assert await numbers(stream, start=SeqNum(0)) == list(range(1_000))
    assert await numbers(stream, start=SeqNum(0), limit=ReadLimit(count=2_000)) == list(range(1_000))


async def test_a_read_is_bounded_by_a_mebibyte(stream: S2Stream) -> None:
    for _ in range(4):
        await stream.append(batch(b"x" * (300 << 10)))
    read = (await stream.read(start=SeqNum(0), limit=ReadLimit(bytes=4 << 20))).records
    assert len(read) == 3


@pytest.mark.parametrize(
    "start", [SeqNum(10), SeqNum(11), SeqNum(2**63), TailOffset(0), Timestamp(START + 10)], ids=str
)
async def test_what_is_not_written_yet_cannot_be_read(ten: S2Stream, start: Any) -> None:
    with pytest.raises(ReadUnwrittenError) as caught:
        await ten.read(start=start)
    assert (caught.value.status_code, caught.value.tail.seq_num, caught.value.tail.timestamp) == (416, 10, START + 9)


async def test_an_empty_stream_cannot_be_read(stream: S2Stream) -> None:
    with pytest.raises(ReadUnwrittenError) as caught:
        await stream.read(start=SeqNum(0))
    assert caught.value.tail.seq_num == 0


async def test_a_clamped_start_is_at_the_tail(ten: S2Stream) -> None:
    with refused(416):
        await ten.read(start=SeqNum(99), clamp_to_tail=True)
    assert await numbers(ten, start=SeqNum(99), clamp_to_tail=True, wait=1) == []
    with refused(416):
        await ten.read(start=SeqNum(99), wait=1)


async def test_waiting_in_vain(stream: S2Stream) -> None:
    began = time.monotonic()
    assert await numbers(stream, start=SeqNum(0), wait=1) == []
    assert time.monotonic() - began >= 1


async def test_waiting_ends_with_the_next_record(ten: S2Stream) -> None:
    reading = asyncio.create_task(numbers(ten, start=TailOffset(0), wait=30))
    await asyncio.sleep(0.05)
    await ten.append(batch(b"new"))
    assert await asyncio.wait_for(reading, 10) == [10]


async def test_a_missing_stream_cannot_be_read(basin: S2Basin) -> None:
    with refused(404, "stream_not_found"):
        await basin["missing"].read(start=SeqNum(0))


async def test_command_records_can_be_left_out(stream: S2Stream) -> None:
    await stream.append(AppendInput([Record(b"a"), CommandRecord.fence("t"), Record(b"b")]))
    assert await numbers(stream, start=SeqNum(0)) == [0, 1, 2]
    assert await numbers(stream, start=SeqNum(0), ignore_command_records=True) == [0, 2]


async def test_a_deleted_and_recreated_stream_is_another_one(basin: S2Basin, ten: S2Stream) -> None:
    await ten.append(AppendInput([CommandRecord.fence("old")]))
    await basin.delete_stream(ten.name)
    deadline = time.monotonic() + 30
    while True:
        try:
            await basin.create_stream(ten.name)
            break
        except Exception:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    assert (await ten.check_tail()).seq_num == 0
    assert (await ten.append(batch(b"new", match_seq_num=0, fencing_token=""))).end.seq_num == 1
    assert [one.body for one in (await ten.read(start=SeqNum(0))).records] == [b"new"]
