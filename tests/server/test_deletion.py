"""Deletions: what a basin or stream is while it is being deleted, and that its name is free again afterwards."""

from __future__ import annotations

import asyncio

import pytest

from fencepost.harness.s2 import CheckTail, Position, Read, Tail
from fencepost.harness.server.errors import StateMismatch
from fencepost.harness.server.failpoints import Failpoints
from fencepost.harness.server.service import Service
from fencepost.harness.server.values import (
    BasinConfig,
    BasinReconfiguration,
    Provision,
    StreamConfig,
    StreamReconfiguration,
)
from fencepost.harness.world.control_messages import Action
from fencepost.harness.world.disk import Disk
from fencepost.harness.world.faulty_disk import FaultyDisk

from .gated import GatedStorage, turns
from .services import AT, BASIN, STREAM, FakeClock, fence, gated, gone, one, refused, serving, soon
from .storages import DATA, simulated, stored
from .virtual_time import run

FOREVER = 1e6
DELETING = (409, "stream_deletion_pending")
BASIN_DELETING = (409, "basin_deletion_pending")


async def test_a_stream_that_is_being_deleted_is_listed_and_refuses_everything_else() -> None:
    async with serving(deleting=FOREVER) as service:
        await service.perform(*AT, one())
        await service.delete_stream(*AT)
        ((row,), _) = await service.list_streams(BASIN)
        assert (row.name, row.created_at, row.deleted_at) == (STREAM, 1000, 1000)
        for request in (
            service.perform(*AT, one()),
            service.perform(*AT, one(match_seq_num=0)),
            service.perform(*AT, Read(seq_num=0)),
            service.perform(*AT, Read(wait=60)),
            service.perform(*AT, CheckTail()),
            service.get_stream(*AT),
            service.reconfigure_stream(*AT, StreamReconfiguration()),
            service.create_stream(*AT),
            service.ensure_stream(*AT),
        ):
            assert await refused(request) == DELETING
        await service.delete_stream(*AT)


async def test_a_basin_that_is_being_deleted_takes_its_streams_with_it() -> None:
    async with serving(deleting=FOREVER) as service:
        await service.perform(*AT, one())
        await service.delete_basin(BASIN)
        ((basin,), _), ((stream,), _) = await service.list_basins(), await service.list_streams(BASIN)
        assert basin.deleted_at == stream.deleted_at == 1000
        assert await service.get_basin(BASIN) == BasinConfig()
        for request in (
            service.perform(*AT, one()),
            service.perform(*AT, Read(seq_num=0)),
            service.get_stream(*AT),
            service.create_stream(BASIN, "another"),
            service.ensure_stream(BASIN, "another"),
            service.create_basin(BASIN),
            service.ensure_basin(BASIN),
            service.reconfigure_basin(BASIN, BasinReconfiguration()),
        ):
            assert await refused(request) == BASIN_DELETING
        await service.delete_basin(BASIN)
        await service.delete_stream(*AT)
        assert await refused(service.delete_stream(BASIN, "another")) == (404, "stream_not_found")


async def test_what_is_gone_leaves_its_name_to_a_new_incarnation() -> None:
    async with serving() as service:
        await service.perform(*AT, fence("old"))
        await service.delete_stream(*AT)
        await gone(service, *AT)
        assert await refused(service.delete_stream(*AT)) == (404, "stream_not_found")
        assert (await service.ensure_stream(*AT))[1] is Provision.CREATED
        assert await service.perform(*AT, CheckTail()) == Tail(Position(0, 0))
        await service.perform(*AT, one(fencing_token="", match_seq_num=0))
        await service.delete_basin(BASIN)
        await gone(service, BASIN)
        assert await refused(service.delete_basin(BASIN)) == (404, "basin_not_found")
        assert await refused(service.list_streams(BASIN)) == (404, "basin_not_found")
        await service.create_basin(BASIN)
        assert (await service.list_streams(BASIN))[0] == []


async def test_an_append_cannot_make_a_stream_anew_before_it_is_gone() -> None:
    async with serving(deleting=0.05) as service:
        await service.reconfigure_basin(BASIN, BasinReconfiguration(create_stream_on_append=True))
        await service.perform(*AT, one())
        await service.delete_stream(*AT)
        assert await refused(service.perform(*AT, one())) == DELETING
        await gone(service, *AT)
        assert (await service.perform(*AT, one())).start.seq_num == 0


async def test_a_stream_may_go_before_its_basin() -> None:
    async with serving(deleting=0.02) as service:
        await service.create_stream(BASIN, "other")
        await service.delete_stream(*AT)
        await service.delete_basin(BASIN)
        await gone(service, BASIN)
        await service.create_basin(BASIN)
        await asyncio.sleep(0.05)
        assert (await service.list_streams(BASIN))[0] == []


async def test_a_deletion_is_accepted_and_seen_once_it_is_durable() -> None:
    async with gated() as (service, storage):
        append = asyncio.create_task(service.perform(*AT, one()))
        await storage.writing()
        deletion = asyncio.create_task(service.delete_stream(*AT))
        again, refusal, listing = (
            asyncio.create_task(work)
            for work in (service.delete_stream(*AT), refused(service.perform(*AT, one())), service.list_streams(BASIN))
        )
        await turns()
        await storage.let_through()
        assert (await soon(append)).end.seq_num == 1, "what came before the deletion is acknowledged"
        await turns()
        assert not any(task.done() for task in (deletion, again, refusal, listing))
        await storage.finish()
        await soon(asyncio.gather(deletion, again))
        assert await soon(refusal) in (DELETING, (404, "stream_not_found"))
        assert (await soon(listing))[0][0].deleted_at == 1000


# -- crashes


def on(disk: Disk, deleting: float) -> Service:
    return Service(stored(DATA, disk, 4000), FakeClock(), deleting=deleting)


@pytest.mark.parametrize("what", ["stream", "basin"])
async def test_a_deletion_that_a_crash_interrupts_goes_on_at_the_next_start(what: str) -> None:
    disk = simulated(1)
    service = on(disk, FOREVER)
    await service.start()
    await service.ensure_basin(BASIN)
    await service.ensure_stream(*AT)
    for _ in range(20):
        await service.perform(*AT, one(b"x" * 1000))
    await (service.delete_stream(*AT) if what == "stream" else service.delete_basin(BASIN))
    disk = disk.lose_power()
    service = on(disk, FOREVER)
    await service.start()
    assert await refused(service.perform(*AT, one())) == (DELETING if what == "stream" else BASIN_DELETING)
    assert (await service.list_streams(BASIN))[0][0].deleted_at == 1000
    disk = disk.lose_power()
    service = on(disk, 0.0)
    await service.start()
    await gone(service, BASIN, STREAM)
    disk = disk.lose_power()
    async with serving(stored(DATA, disk, 4000), stream=False) as service:
        assert await refused(service.get_stream(*AT)) == (404, f"{what}_not_found")


@pytest.mark.parametrize("what", ["stream", "basin"])
async def test_the_journal_gives_back_the_space_of_what_is_being_deleted(what: str) -> None:
    """It must open again, although the records that a tail tells of are missing."""
    disk, large = simulated(1), ("basin-two", "large")
    async with serving(stored(DATA, disk, 4000), deleting=FOREVER) as service:
        await service.create_basin("basin-two")
        await service.create_stream(*large)
        for number in range(30):
            await service.perform(*large, one(b"x" * 1000))
            if number % 10 == 0:
                await service.perform(*AT, one(b"keeps the segment"))
        assert len(disk.names(DATA)) > 6
        await (service.delete_stream(*large) if what == "stream" else service.delete_basin("basin-two"))
        for _ in range(6):
            await service.perform(*AT, one(b"x" * 1000))
        assert len(disk.names(DATA)) <= 7
    async with serving(stored(DATA, disk, 4000), stream=False, deleting=FOREVER) as service:
        assert await refused(service.perform(*large, one())) == (DELETING if what == "stream" else BASIN_DELETING)
        assert (await service.perform(*AT, CheckTail())).tail.seq_num == 3 + 6


async def test_an_append_that_had_found_the_stream_learns_of_a_deletion_once_it_is_durable() -> None:
    failpoints = Failpoints()
    storage = GatedStorage()
    storage.open = True
    async with serving(storage, failpoints=failpoints) as service:
        failpoints.arm("service.before-append", Action.HOLD)
        append = asyncio.create_task(refused(service.perform(*AT, one())))
        await turns()
        storage.open = False
        deletion = asyncio.create_task(service.delete_stream(*AT))
        await storage.writing()
        failpoints.disarm("service.before-append")
        await turns()
        assert not append.done()
        await storage.finish()
        await soon(deletion)
        assert await append == DELETING


def test_a_deletion_that_finds_no_room_is_undone_and_one_that_was_accepted_ends_once_there_is_room() -> None:
    async def scenario() -> None:
        disk = FaultyDisk(simulated(1))
        async with serving(stored(DATA, disk), deleting=5.0) as service:
            await service.perform(*AT, one())
            disk.faults.room = 0
            assert await refused(service.delete_stream(*AT)) == (500, "storage")
            disk.faults.room = None
            assert await service.perform(*AT, CheckTail()) == Tail(Position(1, 1000))
            assert (await service.perform(*AT, one(match_seq_num=1))).end.seq_num == 2
            await service.delete_stream(*AT)
            disk.faults.room = 0
            await asyncio.sleep(20.5)
            assert await refused(service.get_stream(*AT)) == DELETING
            disk.faults.room = None
            await asyncio.sleep(2)
            assert await refused(service.get_stream(*AT)) == (404, "stream_not_found")

    run(scenario())


async def test_the_same_creation_is_recognised_until_the_stream_is_deleted() -> None:
    async with serving(deleting=0.02) as service:
        config = StreamConfig(timestamping_uncapped=True)
        await service.create_stream(BASIN, "s", config, "token")
        assert (await service.create_stream(BASIN, "s", config, "token"))[1] is False
        await service.delete_stream(BASIN, "s")
        assert await refused(service.create_stream(BASIN, "s", config, "token")) == DELETING
        await gone(service, BASIN, "s")
        assert (await service.create_stream(BASIN, "s", config, "token"))[1] is True


async def test_a_read_by_a_client_that_gave_the_name_to_another_stream_gets_no_old_records() -> None:
    async with serving() as service:
        await service.perform(*AT, one(b"old"))
        await service.delete_stream(*AT)
        await gone(service, *AT)
        await service.create_stream(*AT)
        with pytest.raises(StateMismatch) as beyond:
            await service.perform(*AT, Read(seq_num=0))
        assert beyond.value.value == Position(0, 0)
