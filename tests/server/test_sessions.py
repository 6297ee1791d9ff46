"""Append sessions and read sessions of the service: what is answered when, and how a session ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from itertools import pairwise

import pytest

from fencepost.harness.s2 import Ack, Append, Batch, CheckTail, Position, Read, Record, SequencedRecord
from fencepost.harness.server import service as service_module
from fencepost.harness.server import sessions
from fencepost.harness.server.errors import ServiceError, StateMismatch
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import NoSpaceError
from fencepost.harness.world.randomness import SeededRandomness

from .gated import turns
from .services import AT, gated, gone, one, serving, soon
from .virtual_time import run


class Batches:
    """What a client sends in one session, when it sends it."""

    def __init__(self, *batches: Append) -> None:
        self._queue: asyncio.Queue[Append | None] = asyncio.Queue()
        for batch in batches:
            self.send(batch)

    def send(self, batch: Append) -> None:
        self._queue.put_nowait(batch)

    def end(self) -> None:
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Append]:
        while (batch := await self._queue.get()) is not None:
            yield batch


async def acks_in(service: Service, batches: Batches) -> AsyncGenerator[Ack, None]:
    """Acks of a new session one by one. Those of one group come without a step of the service in between."""
    session = await service.append_session(*AT)
    async with aclosing(session.acks(aiter(batches))) as groups:
        async for group in groups:
            for ack in group:
                yield ack


async def acks_of(service: Service, batches: Batches) -> list[int]:
    return [ack.start.seq_num async for ack in acks_in(service, batches)]


async def test_batches_are_sequenced_while_earlier_ones_wait_for_the_disk() -> None:
    """And none is acknowledged before it is durable."""
    async with gated() as (service, storage):
        batches = Batches(one())
        acks = acks_in(service, batches)
        first = asyncio.ensure_future(anext(acks))
        assert len(await storage.writing()) == 1
        batches.send(one())
        batches.send(one())
        await turns()
        assert not first.done()
        await storage.let_through()
        assert (await soon(first)).start.seq_num == 0
        second = asyncio.ensure_future(anext(acks))
        assert len(await storage.writing()) == 2, "the other two waited for the first"
        await turns()
        assert not second.done()
        await storage.let_through()
        assert [(await soon(second)).start.seq_num, (await soon(anext(acks))).start.seq_num] == [1, 2]
        await acks.aclose()


async def test_a_refusal_comes_after_the_acks_before_it_and_nothing_after_it_is_applied() -> None:
    async with serving() as service:
        batches = Batches(one(), one(match_seq_num=1), one(match_seq_num=1), one(), one())
        acks = acks_in(service, batches)
        assert [(await soon(anext(acks))).start.seq_num for _ in range(2)] == [0, 1]
        with pytest.raises(StateMismatch) as failure:
            await soon(anext(acks))
        assert failure.value.value == 2
        await turns()
        assert (await service.perform(*AT, CheckTail())).tail.seq_num == 2


async def test_nothing_is_applied_after_a_batch_that_could_not_be_stored() -> None:
    """Although the disk has room again, and the batch arrives before the session has noticed the failure."""
    async with gated() as (service, storage):
        batches = Batches(one())
        acks = acks_in(service, batches)
        first = asyncio.ensure_future(anext(acks))
        await storage.writing()
        batches.send(one())
        await turns()
        storage.open = True
        await storage.let_through(NoSpaceError("the disk is full"))
        batches.send(one())
        with pytest.raises(ServiceError, match="storage"):
            await soon(first)
        await turns()
        assert (await service.perform(*AT, CheckTail())).tail.seq_num == 0
        assert (await service.perform(*AT, one())).start.seq_num == 0, "others go on"


async def test_a_session_ends_with_its_batches() -> None:
    async with serving() as service:
        batches = Batches(one(), one())
        batches.end()
        assert await soon(acks_of(service, batches)) == [0, 1]


async def test_a_slow_reader_of_acks_holds_the_session_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "PIPELINED", 5)
    async with serving() as service:
        acks = acks_in(service, Batches(*[one() for _ in range(100)]))
        await soon(anext(acks))
        await turns(200)
        tail = (await service.perform(*AT, CheckTail())).tail.seq_num
        assert 5 <= tail < 10, "batches are taken though nobody takes the acks"
        await acks.aclose()
        await turns(200)
        assert (await service.perform(*AT, CheckTail())).tail.seq_num == tail, "an abandoned session appends on"


async def test_a_stopping_service_refuses_the_next_batch_and_ends_followers() -> None:
    async with serving() as service:
        batches = Batches(one())
        acks = acks_in(service, batches)
        await soon(anext(acks))
        frames = await service.read_session(*AT, Read(seq_num=0))
        assert [len((await soon(anext(frames))).records) for _ in range(2)] == [1, 0]
        following = asyncio.ensure_future(anext(frames))
        await turns()
        await soon(service.drain())  # an idle session, and one that waits, do not hold it up
        assert (await soon(following)).records == (), "a last heartbeat, which carries the advice"
        with pytest.raises(ServiceError, match="server_draining"):
            await soon(anext(frames))
        batches.send(one())
        with pytest.raises(ServiceError, match="server_draining"):
            await soon(anext(acks))


async def test_a_follower_sees_the_terminal_trim_and_learns_that_its_stream_is_deleted() -> None:
    async with serving() as service:
        await service.perform(*AT, one())
        frames = await service.read_session(*AT, Read())
        assert (await soon(anext(frames))).records == ()
        following = asyncio.ensure_future(anext(frames))
        await turns()
        await service.delete_stream(*AT)
        terminal = Record.trim(2**64 - 1)
        frame = await soon(following)
        assert frame.records == (SequencedRecord(1, 1000, terminal.headers, terminal.body),)
        assert frame.tail == Position(2, 1000)
        with pytest.raises(ServiceError, match=r"stream_deletion_pending|stream_not_found"):
            await soon(anext(frames))


async def test_a_follower_that_lags_sees_nothing_of_a_stream_that_is_gone() -> None:
    async with serving() as service:
        for _ in range(3):
            await service.perform(*AT, Append((Record(),) * 1000))
        frames = await service.read_session(*AT, Read(seq_num=0))
        assert len((await soon(anext(frames))).records) == 1000
        await service.delete_stream(*AT)
        await gone(service, *AT)
        await service.create_stream(*AT)
        with pytest.raises(ServiceError, match="stream_not_found"):
            await soon(anext(frames))


async def frames_of(service: Service, query: Read) -> list[Batch]:
    return [frame async for frame in await service.read_session(*AT, query)]


async def test_bounds_span_the_frames_of_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as service:
        for _ in range(3):
            await service.perform(*AT, Append(tuple(Record(b"x" * 92) for _ in range(900))))  # 100 bytes each
        for query, sizes in (
            (Read(seq_num=0, count=1500), [1000, 500]),
            (Read(seq_num=0, bytes=150_099), [1000, 500]),
            (Read(seq_num=2000, count=5000), [700]),
            (Read(seq_num=0, until=1000, wait=5), []),
            (Read(seq_num=0, count=0), []),
        ):
            assert [len(frame.records) for frame in await soon(frames_of(service, query))] == sizes, query
        with pytest.raises(StateMismatch):
            await soon(frames_of(service, Read(seq_num=2700, count=1)))


async def test_a_follower_beats_its_heart_and_ends_after_its_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each record begins the wait anew; a heartbeat does not."""
    monkeypatch.setattr(service_module, "HEARTBEAT", (0.05, 0.05))
    wait = 0.5  # seconds; clients can ask for whole ones only
    async with serving() as service:
        begin = asyncio.get_running_loop().time()
        frames = await service.read_session(*AT, Read(seq_num=0, wait=wait))  # type: ignore[arg-type]
        empty = Batch((), (await service.perform(*AT, CheckTail())).tail)
        assert [await soon(anext(frames)) for _ in range(2)] == [empty, empty]
        await service.perform(*AT, one())
        (record,) = (await soon(anext(frames))).records
        assert record.seq_num == 0
        rest = [frame async for frame in frames]
        assert rest == [Batch((), (await service.perform(*AT, CheckTail())).tail)] * len(rest) != []
        assert 0.05 + wait <= asyncio.get_running_loop().time() - begin < 4


def test_heartbeats_come_at_random_gaps() -> None:
    """Of 5 to 15 seconds, which the service draws from the randomness that it was given."""

    async def beats(seed: int) -> list[float]:
        loop = asyncio.get_running_loop()
        async with serving(random=SeededRandomness(seed)) as service:
            frames = await service.read_session(*AT, Read())
            times = []
            for _ in range(8):
                assert (await anext(frames)).records == ()
                times.append(loop.time())
            await frames.aclose()
            return [after - before for before, after in pairwise(times)]

    found = [run(beats(seed)) for seed in (1, 1, 2)]
    assert found[0] == pytest.approx(found[1])
    assert found[0] != pytest.approx(found[2])
    assert all(5 <= gap <= 15.01 for gaps in found for gap in gaps)
    assert len({round(gap) for gap in found[0]}) > 1
