"""Records that expire, and empty streams that are deleted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fencepost.harness.s2 import Append, CheckTail, Position, Read, Record, Tail
from fencepost.harness.server.errors import StateMismatch
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import StorageError
from fencepost.harness.server.values import Retention, StreamConfig, StreamReconfiguration
from fencepost.harness.world.faulty_disk import FaultyDisk

from .gated import GatedStorage, turns
from .services import BASIN, FakeClock, gone, one, refused, serving, soon
from .storages import DATA, simulated, stored
from .virtual_time import run

AT = (BASIN, "expiring")
MINUTE = StreamConfig(retention=Retention(60))
WEEK = 7 * 24 * 3600 * 1000


async def bodies(service: Service, **query: Any) -> list[bytes]:
    query = query or {"seq_num": 0}
    return [record.body for record in (await service.perform(*AT, Read(**query))).records]


async def three(service: Service, clock: FakeClock, config: StreamConfig = MINUTE) -> None:
    """Records that arrive at 1 s, 31 s and 61 s. Then it is 61 s."""
    await service.create_stream(*AT, config)
    for seconds, body in ((1, b"a"), (31, b"b"), (61, b"c")):
        clock.now = seconds * 1000
        await service.perform(*AT, one(body))


async def test_a_record_past_its_age_is_gone_and_the_tail_stays() -> None:
    clock = FakeClock()
    async with serving(clock=clock) as service:
        await three(service, clock)
        assert await bodies(service) == [b"b", b"c"]
        clock.now = 31_000 + 60_000 - 1
        assert await bodies(service) == [b"b", b"c"]
        clock.now += 1
        assert await bodies(service) == [b"c"]
        assert await bodies(service, timestamp=0) == [b"c"], "a start by timestamp passes over what is gone"
        assert await bodies(service, tail_offset=2) == [b"c"]
        clock.now += 60_000
        assert await bodies(service) == []
        assert await service.perform(*AT, CheckTail()) == Tail(Position(3, 61_000))
        assert (await service.perform(*AT, one(b"d", match_seq_num=3))).start.seq_num == 3
        assert await bodies(service) == [b"d"]


async def test_the_age_counts_from_the_arrival_and_not_from_the_timestamp() -> None:
    clock = FakeClock()
    clock.now = 10 * WEEK
    async with serving(clock=clock) as service:
        await service.create_stream(*AT, StreamConfig(retention=Retention(60), timestamping_uncapped=True))
        await service.perform(*AT, Append((Record(b"old", (), 5), Record(b"young", (), 20 * WEEK))))
        assert await bodies(service) == [b"old", b"young"]
        clock.now += 60_000
        assert await bodies(service) == []


async def test_what_has_expired_never_comes_back() -> None:
    disk, clock = simulated(1), FakeClock()
    service = Service(stored(DATA, disk), clock)
    await service.start()
    await service.ensure_basin(BASIN)
    await three(service, clock)
    assert await bodies(service) == [b"b", b"c"]
    clock.now = 1000
    assert await bodies(service) == [b"b", b"c"], "the clock went back"
    async with serving(stored(DATA, disk.lose_power()), stream=False, clock=clock) as service:
        assert await bodies(service) == [b"b", b"c"]
        changed = await service.reconfigure_stream(*AT, StreamReconfiguration(retention=Retention(None)))
        assert changed.retention == Retention(None)
        assert await bodies(service) == [b"b", b"c"], "the retention is infinite now"


async def test_what_a_segments_checkpoint_says_of_expiries_survives_the_segments_before_it() -> None:
    disk, clock = simulated(1), FakeClock()
    async with serving(stored(DATA, disk, 3000), clock=clock) as service:
        await service.create_stream(*AT, MINUTE)
        for number in range(20):
            await service.perform(*AT, one(b"x" * 500))
            if number % 4 == 3:
                clock.now += 60_000
                assert await bodies(service) == []
        assert len(disk.names(DATA)) <= 4
        await service.perform(*AT, one(b"kept"))
    clock.now = 1000
    async with serving(stored(DATA, disk, 3000), stream=False, clock=clock) as service:
        assert await bodies(service) == [b"kept"]
        assert (await service.perform(*AT, CheckTail())).tail.seq_num == 21


async def test_nothing_is_shown_to_be_gone_before_that_is_durable() -> None:
    storage, clock = GatedStorage(), FakeClock()
    storage.open = True
    async with serving(storage, clock=clock) as service:
        await three(service, clock)
        storage.open = False
        read = asyncio.create_task(bodies(service))
        await storage.writing()
        await turns()
        assert not read.done()
        await storage.finish()
        assert await soon(read) == [b"b", b"c"]


async def test_where_the_disk_fails_what_should_expire_stays() -> None:
    storage, clock = GatedStorage(), FakeClock()
    storage.open = True
    async with serving(storage, clock=clock) as service:
        await three(service, clock)
        storage.open = False
        read = asyncio.create_task(bodies(service))
        await storage.let_through(StorageError("the disk is gone"))
        assert await soon(read) == [b"a", b"b", b"c"]
        assert await soon(bodies(service)) == [b"a", b"b", b"c"]


async def test_a_retention_that_is_changed_holds_for_what_is_still_there() -> None:
    clock = FakeClock()
    async with serving(clock=clock) as service:
        await three(service, clock, StreamConfig(retention=Retention(None)))
        clock.now += 100 * WEEK
        assert await bodies(service) == [b"a", b"b", b"c"], "they are kept forever"
        await service.perform(*AT, one(b"d"))
        await service.reconfigure_stream(*AT, StreamReconfiguration(retention=Retention(60)))
        assert await bodies(service) == [b"d"]


async def test_records_are_kept_for_a_week_unless_somebody_says_otherwise() -> None:
    clock = FakeClock()
    async with serving(clock=clock) as service:
        await three(service, clock, StreamConfig())
        clock.now = 1000 + WEEK - 1
        assert await bodies(service) == [b"a", b"b", b"c"]
        clock.now += 1
        assert await bodies(service) == [b"b", b"c"]


async def test_no_clock_that_jumps_makes_a_hole() -> None:
    clock = FakeClock()
    async with serving(clock=clock) as service:
        await service.create_stream(*AT, MINUTE)
        clock.now = WEEK
        await service.perform(*AT, one(b"ahead"))
        clock.now = 1000
        await service.perform(*AT, one(b"behind"))
        clock.now += 120_000
        assert await bodies(service) == [b"ahead", b"behind"]
        clock.now = WEEK + 60_000
        assert await bodies(service) == []


async def test_a_session_starts_after_what_has_expired() -> None:
    clock = FakeClock()
    async with serving(clock=clock) as service:
        await three(service, clock)
        frames = await service.read_session(*AT, Read(seq_num=0))
        assert [record.body for record in (await soon(anext(frames))).records] == [b"b", b"c"]


async def test_an_append_that_is_undone_has_not_arrived() -> None:
    disk, clock = FaultyDisk(simulated(1)), FakeClock()
    async with serving(stored(DATA, disk), clock=clock) as service:
        await service.create_stream(*AT, MINUTE)
        await service.perform(*AT, one(b"a"))
        disk.faults.room = 0
        assert await refused(service.perform(*AT, one(b"undone"))) == (500, "storage")
        disk.faults.room = None
        clock.now += 30_000
        await service.perform(*AT, one(b"b"))
        clock.now = 61_000
        assert await bodies(service) == [b"b"]


def test_the_space_of_expired_records_is_given_back_although_nobody_reads() -> None:
    async def scenario() -> None:
        disk, clock = simulated(1), FakeClock()
        async with serving(stored(DATA, disk, 4000), clock=clock) as service:
            await service.create_stream(*AT, MINUTE)
            for _ in range(30):
                await service.perform(*AT, one(b"x" * 1000))
            assert len(disk.names(DATA)) > 6
            clock.now += 60_000
            await asyncio.sleep(2)
            assert len(disk.names(DATA)) <= 3

    run(scenario())


# -- delete-on-empty


def vanishing(seconds: int = 60, **config: Any) -> StreamConfig:
    return StreamConfig(delete_on_empty_min_age=seconds, **config)


async def is_there(service: Service, clock: FakeClock, after: int = 0) -> bool:
    """Whether the stream is still there when so many seconds have passed and the server has looked for it."""
    clock.now += after * 1000
    await asyncio.sleep(4)
    names = [row.name for row in (await service.list_streams(BASIN))[0]]
    return AT[1] in names


def test_a_stream_that_was_never_written_is_deleted_after_its_age() -> None:
    async def scenario() -> None:
        clock = FakeClock()
        async with serving(clock=clock) as service:
            await service.create_stream(*AT, vanishing())
            assert await is_there(service, clock, 59)
            assert not await is_there(service, clock, 1)
            await service.create_stream(*AT, vanishing(0))
            assert await is_there(service, clock, 10_000_000), "0 is off"

    run(scenario())


def test_a_stream_is_deleted_when_all_is_trimmed_or_expired_and_the_last_append_is_old() -> None:
    async def scenario() -> None:
        clock = FakeClock()
        async with serving(clock=clock) as service:
            await service.create_stream(*AT, vanishing(retention=Retention(100)))
            await service.perform(*AT, one())
            assert await is_there(service, clock, 99), "there is a record"
            await service.perform(*AT, Append((Record.trim(9),)))
            assert await is_there(service, clock, 59), "the last append was just now"
            assert not await is_there(service, clock, 1)
            await service.create_stream(*AT, vanishing(retention=Retention(100)))
            await service.perform(*AT, one())
            assert not await is_there(service, clock, 100)

    run(scenario())


def test_the_last_append_counts_after_a_restart_too() -> None:
    async def scenario() -> None:
        disk, clock = simulated(1), FakeClock()
        async with serving(stored(DATA, disk, 1000), clock=clock) as service:
            await service.create_stream(*AT, vanishing(retention=Retention(None)))
            clock.now += 50_000
            await service.perform(*AT, Append((Record.trim(1 << 40),)))
            clock.now += 50_000
            await service.create_stream(BASIN, "busy", StreamConfig())
            for _ in range(12):
                await service.perform(BASIN, "busy", Append((Record(b"x" * 800), Record.trim(1 << 40))))
            assert "journal.00000001" not in disk.names(DATA)
        async with serving(stored(DATA, disk.lose_power(), 1000), stream=False, clock=clock) as service:
            assert await is_there(service, clock, 9)
            assert not await is_there(service, clock, 1)

    run(scenario())


def test_an_append_that_is_on_its_way_to_the_disk_keeps_the_stream() -> None:
    async def scenario() -> None:
        storage, clock = GatedStorage(), FakeClock()
        storage.open = True
        async with serving(storage, clock=clock) as service:
            await service.create_stream(*AT, vanishing())
            storage.open = False
            clock.now += 60_000
            append = asyncio.create_task(service.perform(*AT, one(b"kept")))
            await storage.writing()
            clock.now += 60_000
            await asyncio.sleep(2)  # the server looks for it, and must not delete it
            await storage.finish()
            assert (await append).end.seq_num == 1
            assert await bodies(service) == [b"kept"]

    run(scenario())


def test_an_append_that_comes_after_the_deletion_is_refused() -> None:
    async def scenario() -> None:
        storage, clock = GatedStorage(), FakeClock()
        storage.open = True
        async with serving(storage, clock=clock) as service:
            await service.create_stream(*AT, vanishing())
            storage.open = False
            clock.now += 60_000
            await storage.writing()  # the server deletes it
            append = asyncio.create_task(refused(service.perform(*AT, one())))
            await turns()
            assert not append.done(), "the deletion is not durable yet"
            await storage.finish()
            assert await append in ((409, "stream_deletion_pending"), (404, "stream_not_found"))
            await gone(service, *AT)

    run(scenario())


async def test_an_empty_read_of_an_expired_stream_is_no_416() -> None:
    clock = FakeClock()
    async with serving(clock=clock) as service:
        await three(service, clock)
        clock.now += WEEK
        assert await bodies(service, seq_num=2) == []
        with pytest.raises(StateMismatch):
            await bodies(service, seq_num=3)
