"""Append sessions: S1 and S2."""

from __future__ import annotations

import pytest

from ...s2 import Append, Record
from .. import Stream, clause
from ..stream import append_of

WINDOW = 40


@clause("S1", "Acks come back in submission order, and batch i+1 lands after batch i.")
async def test_acks_come_in_order(stream: Stream) -> None:
    """Many batches that are sent at once are acknowledged in order, each where the last one ended."""
    sizes = [1 + number % 4 for number in range(WINDOW)]
    async with stream.append_session() as session:
        session.send(*(append_of(*[f"{number}"] * size) for number, size in enumerate(sizes)))
        session.end()
        end = 0
        for size in sizes:
            ack = await session.ack()
            assert (ack.start.seq_num, ack.end.seq_num) == (end, end + size)
            end += size
        assert await session.frame() is None
    bodies = [record.body.decode() for record in await stream.records(seq_num=0)]
    assert bodies == [f"{number}" for number, size in enumerate(sizes) for _ in range(size)]


@clause("S1", "batch i+1 lands after batch i", "boundary")
async def test_each_batch_sees_the_one_before(stream: Stream) -> None:
    """Pipelined batches that each name the seq_num after the one before are all accepted."""
    async with stream.append_session() as session:
        session.send(append_of(Record.fence("one"), match_seq_num=0, fencing_token=""))
        session.send(*(append_of("x", match_seq_num=n, fencing_token="one") for n in range(1, WINDOW)))
        for number in range(WINDOW):
            assert (await session.ack()).start.seq_num == number


@clause(
    "S2", "The first failure poisons the session: it is reported, in order, and no later batch of that session is ever"
)
@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        (append_of("wrong", match_seq_num=99), 412),
        (append_of("wrong", fencing_token="wrong"), 412),
        (append_of(), 422),
        (append_of(Record(b"wrong", ((b"", b"wrong"),))), 422),
    ],
    ids=["seq_num", "token", "empty", "command"],
)
async def test_the_first_failure_poisons(stream: Stream, wrong: Append, status: int) -> None:
    """A refused batch in the middle: the acks before it, then the error; nothing after it is applied."""
    async with stream.append_session() as session:
        session.send(*(append_of(f"{number}") for number in range(5)))
        session.send(wrong)
        session.send(*(append_of("after") for _ in range(5)))
        for number in range(5):
            assert (await session.ack()).start.seq_num == number
        assert (await session.terminal()).status == status
        assert await session.frame() is None
    assert [record.body for record in await stream.records(seq_num=0)] == [b"0", b"1", b"2", b"3", b"4"]


@clause("S2", "no later batch of that session is ever applied", "boundary")
async def test_only_that_session_is_poisoned(stream: Stream) -> None:
    """A failure of the very first batch poisons its session; another one goes on."""
    async with stream.append_session() as poisoned, stream.append_session() as other:
        other.send(append_of("a"))
        await other.ack()
        poisoned.send(append_of("x", match_seq_num=0), append_of("y"), append_of("z", match_seq_num=1))
        assert (await poisoned.terminal()).status == 412
        other.send(append_of("b"))
        assert (await other.ack()).start.seq_num == 1
    assert [record.body for record in await stream.records(seq_num=0)] == [b"a", b"b"]
