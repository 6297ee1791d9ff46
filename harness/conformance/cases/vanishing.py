"""What may legally vanish: V1 to V3."""

from __future__ import annotations

import pytest

from ...s2 import Position, Record, Trim, command_of, protobuf
from ...s2.frames import Message
from .. import Stream, clause, refused
from ..stream import beyond

READS = 20


@clause("V1", "Reads skip such gaps silently.")
async def test_a_read_skips_what_is_gone(stream: Stream) -> None:
    """A read that starts below the trim point returns what is left, with consecutive seq_nums."""
    await stream.appended(*map(str, range(8)))
    await stream.appended(Record.trim(5))
    for start in (0, 3, 5, 6):
        found = [record.seq_num for record in await stream.records(seq_num=start)]
        assert found == list(range(found[0], 9))
        assert start <= found[0] <= max(start, 5)


@clause("V1", "Records below the trim point may vanish", "boundary")
async def test_everything_may_vanish(stream: Stream) -> None:
    """Where everything is trimmed, a read finds nothing or what is still there; the tail stays."""
    await stream.appended("a", "b")
    await stream.appended(Record.trim(3))
    answer = await stream.read(seq_num=0)
    assert answer.status in (200, 416)
    assert (await stream.tail()).seq_num == 3
    await stream.appended("c", match_seq_num=3)
    assert [record.body for record in await stream.records(seq_num=3)] == [b"c"]


@clause("V2", "only one way. Once an answer has shown a record to be gone")
async def test_what_is_gone_stays_gone(stream: Stream) -> None:
    """Over many reads after a trim, the first record never moves back."""
    await stream.appended(*map(str, range(8)))
    await stream.appended(Record.trim(6))
    first = 0
    for turn in range(READS):
        if turn % 5 == 4:
            await stream.appended("x")
        now = (await stream.records(seq_num=0))[0].seq_num
        assert first <= now <= 6
        first = now


@clause("V3", "A stream created again under the name is another object")
async def test_a_stream_created_again(stream: Stream) -> None:
    """A stream that was deleted and created again starts at 0, without records and without a token."""
    await stream.appended(Record.fence("one"), "a", "b")
    assert (await stream.delete()).status == 202
    if not await stream.gone():
        pytest.skip("the deleted stream was not gone in time")
    refused(await stream.check_tail(), 404, "stream_not_found")
    assert (await stream.create()).status == 201
    assert await stream.tail() == Position(0, 0)
    beyond(await stream.read(seq_num=0))
    await stream.appended("c", match_seq_num=0, fencing_token="")
    assert [record.body for record in await stream.records(seq_num=0)] == [b"c"]


@clause("V3", "Deleting a stream appends a terminal trim record (trim to 2⁶⁴−1) that followers may see", "boundary")
async def test_a_follower_of_a_deleted_stream(stream: Stream) -> None:
    """A follower of a stream that is deleted gets no record but the terminal trim, and then an end or an error."""
    await stream.appended("a")
    async with stream.read_session(seq_num=0) as session:
        await session.records(1)
        await session.batch()  # it follows
        assert (await stream.delete()).status == 202
        seen: list[object] = []
        while isinstance(frame := await session.frame(), Message):
            seen += [command_of(record) for record in protobuf.decode_batch(frame.body).records]
    assert seen in ([], [Trim(2**64 - 1)])
