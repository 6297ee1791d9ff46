"""Read sessions: those that end, those that follow, and when they have caught up."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest
from clients import LONG, batch, filled, following, fresh, refused
from s2_sdk import (
    S2,
    AppendInput,
    BasinConfig,
    CommandRecord,
    ReadLimit,
    ReadSession,
    ReadUnwrittenError,
    Record,
    S2Basin,
    S2ServerError,
    S2Stream,
    SeqNum,
    TailOffset,
    Timestamp,
)


async def all_of(session: ReadSession) -> list[int]:
    """The seq_nums that a session yields until it ends."""
    async with session:
        return [one.seq_num async for batch in session for one in batch.records]


async def next_of(session: ReadSession, count: int) -> list[int]:
    """The next seq_nums, at least so many."""
    numbers: list[int] = []
    async with asyncio.timeout(LONG):
        while len(numbers) < count:
            numbers += [one.seq_num for one in (await anext(session)).records]
    return numbers


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"limit": ReadLimit(count=2_500)}, 2_500),
        ({"limit": ReadLimit(bytes=16 * 1_700)}, 1_700),
        ({"limit": ReadLimit(count=10_000)}, 3_000),
        ({"limit": ReadLimit(count=0)}, 0),
        ({"wait": 0}, 3_000),
        ({"wait": 1}, 3_000),
        ({"until_timestamp": 1 << 60}, 3_000),
    ],
    ids=str,
)
async def test_a_bounded_session_ends(stream: S2Stream, arguments: dict[str, Any], expected: int) -> None:
    for _ in range(3):
        await filled(stream, 1_000)
    async with asyncio.timeout(LONG):
        assert await all_of(stream.read_session(start=SeqNum(0), **arguments)) == list(range(expected))


async def test_until(stream: S2Stream) -> None:
    await stream.append(AppendInput([Record(b"x", timestamp=1_000 + number) for number in range(10)]))
    assert await all_of(stream.read_session(start=SeqNum(2), until_timestamp=1_006)) == [2, 3, 4, 5]
    assert await all_of(stream.read_session(start=Timestamp(1_003), until_timestamp=1_006)) == [3, 4, 5]


async def test_what_exists_is_read_and_then_the_tail_is_followed(stream: S2Stream) -> None:
    await filled(stream, 5)
    async with following(stream, start=SeqNum(0)) as session:
        assert await next_of(session, 5) == [0, 1, 2, 3, 4]
        for number in range(5, 10):
            await stream.append(batch(b"new"))
            assert await next_of(session, 1) == [number]


async def test_the_tail_of_an_empty_stream_is_followed(stream: S2Stream) -> None:
    async with following(stream, start=SeqNum(0)) as session:
        await session.caught_up()
        await filled(stream, 3)
        assert await next_of(session, 3) == [0, 1, 2]


@pytest.mark.parametrize("start", [TailOffset(0), TailOffset(2), SeqNum(5)], ids=str)
async def test_followed_from_near_the_tail(stream: S2Stream, start: Any) -> None:
    await filled(stream, 5)
    older = 2 if start == TailOffset(2) else 0
    async with following(stream, start=start) as session:
        assert await next_of(session, older) == [3, 4][:older]
        await asyncio.wait_for(session.caught_up(), LONG)
        await filled(stream, 2)
        assert await next_of(session, 2) == [5, 6]


async def test_followed_from_a_clamped_start(stream: S2Stream) -> None:
    await filled(stream, 2)
    async with following(stream, start=SeqNum(99), clamp_to_tail=True) as session:
        await asyncio.wait_for(session.caught_up(), LONG)
        await filled(stream, 1)
        assert await next_of(session, 1) == [2]


@pytest.mark.parametrize("start", [SeqNum(99), Timestamp(1 << 60)], ids=str)
async def test_no_session_from_beyond_the_tail(stream: S2Stream, start: Any) -> None:
    tail = await filled(stream, 2)
    with pytest.raises(ReadUnwrittenError) as caught:
        await all_of(stream.read_session(start=start))
    assert caught.value.tail == tail


async def test_no_bounded_session_at_the_tail(stream: S2Stream) -> None:
    with pytest.raises(ReadUnwrittenError):
        await all_of(stream.read_session(start=SeqNum(0), limit=ReadLimit(count=5)))


async def test_a_bounded_session_waits_as_long_as_it_is_told(stream: S2Stream) -> None:
    began = time.monotonic()
    assert await all_of(stream.read_session(start=SeqNum(0), wait=1)) == []
    assert time.monotonic() - began >= 1


async def test_waiting_starts_anew_with_every_record(stream: S2Stream) -> None:
    reading = asyncio.create_task(all_of(stream.read_session(start=SeqNum(0), wait=2)))
    for _ in range(3):
        await asyncio.sleep(1)
        await stream.append(batch(b"x"))
    assert await asyncio.wait_for(reading, LONG) == [0, 1, 2]


async def test_no_session_on_a_missing_stream(basin: S2Basin) -> None:
    with refused(404, "stream_not_found"):
        await all_of(basin["missing"].read_session(start=SeqNum(0)))


async def test_no_session_whose_start_is_after_its_end(stream: S2Stream) -> None:
    await filled(stream, 1)
    with refused(422, "invalid"):
        await all_of(stream.read_session(start=Timestamp(5), until_timestamp=5))


async def test_a_session_may_make_its_stream(s2: S2) -> None:
    name = fresh("basin")
    await s2.create_basin(name, config=BasinConfig(create_stream_on_read=True))
    async with following(s2[name]["made"], start=SeqNum(0)) as session:
        assert (await asyncio.wait_for(session.caught_up(), LONG)).seq_num == 0


async def test_caught_up_comes_after_the_last_record(stream: S2Stream) -> None:
    tail = await filled(stream, 1_000)
    async with following(stream, start=SeqNum(0)) as session:
        caught_up = asyncio.ensure_future(session.caught_up())
        await next_of(session, 1_000)
        assert await asyncio.wait_for(caught_up, LONG) == tail
        assert session.is_caught_up()
        later = await filled(stream, 1)
        assert await next_of(session, 1) == [1_000]
        assert await asyncio.wait_for(session.caught_up(), LONG) == later


async def test_caught_up_does_not_mind_records_that_are_left_out(stream: S2Stream) -> None:
    await stream.append(AppendInput([Record(b"a"), CommandRecord.fence("t")]))
    async with following(stream, start=SeqNum(0), ignore_command_records=True) as session:
        assert await next_of(session, 1) == [0]
        assert (await asyncio.wait_for(session.caught_up(), LONG)).seq_num == 2


async def test_caught_up_fails_when_the_session_ends_first(stream: S2Stream) -> None:
    session = stream.read_session(start=SeqNum(0))
    caught_up = asyncio.ensure_future(session.caught_up())
    await session.close()
    with suppress(Exception):
        await caught_up
    assert caught_up.done()


async def test_a_follower_of_a_deleted_stream_is_told(basin: S2Basin, stream: S2Stream) -> None:
    await filled(stream, 3)
    async with stream.read_session(start=SeqNum(0)) as session:
        assert await next_of(session, 3) == [0, 1, 2]
        await basin.delete_stream(stream.name)
        with pytest.raises(S2ServerError) as caught:  # noqa: PT012
            async with asyncio.timeout(LONG):
                async for read in session:
                    assert [one.is_command_record() for one in read.records] == [True]
    assert (caught.value.status_code, caught.value.code) in {
        (409, "stream_deletion_pending"),
        (404, "stream_not_found"),
    }


async def test_followers_and_a_pipelining_writer_agree(stream: S2Stream) -> None:
    """Every follower sees every record once, in order, while they are being appended."""
    count = 400

    async def follow() -> list[bytes]:
        seen: list[bytes] = []
        async with following(stream, start=SeqNum(0)) as session:
            while len(seen) < 2 * count:
                read = (await anext(session)).records
                assert [one.seq_num for one in read] == [*range(len(seen), len(seen) + len(read))]
                seen += [one.body for one in read]
        return seen

    followers = [asyncio.create_task(follow()) for _ in range(4)]
    async with stream.append_session() as writer:
        for number in range(count):
            await writer.submit(batch(b"%d" % number, b"%d'" % number))
    expected = [body for number in range(count) for body in (b"%d" % number, b"%d'" % number)]
    async with asyncio.timeout(LONG):
        assert await asyncio.gather(*followers) == [expected] * 4
