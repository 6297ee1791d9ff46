"""Whatever a server does, with any seeded bugs: the journal that it leaves can be opened again."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from fencepost.harness.s2 import Append, CheckTail, Read, Record
from fencepost.harness.server.bugs import BUGS
from fencepost.harness.server.errors import ServiceError, StateMismatch
from fencepost.harness.server.service import Service
from fencepost.harness.world.faulty_disk import FaultyDisk
from fencepost.harness.world.simulated_disk import SimulatedDisk

from .services import AT, BASIN, FakeClock, gone, made, one, refused, serving
from .storages import DATA, simulated, stored
from .virtual_time import run


async def test_an_append_that_meets_a_deletion_is_refused_and_the_journal_opens() -> None:
    """Failed before: the batch went into the journal behind the deletion, and no server could open that again."""
    disk = simulated(1)
    async with serving(stored(DATA, disk), bugs=("check-then-append-race",)) as service:
        append = asyncio.create_task(service.perform(*AT, one()))
        await asyncio.sleep(0)  # it has tested its conditions and pauses
        await service.delete_stream(*AT)
        await gone(service, *AT)
        await service.create_stream(*AT)
        assert await refused(append) in ((409, "stream_deletion_pending"), (404, "stream_not_found"))
    async with serving(stored(DATA, disk), stream=False) as service:
        assert (await service.perform(*AT, CheckTail())).tail.seq_num == 0


async def test_an_append_that_meets_the_undoing_of_its_stream_is_refused_and_the_journal_opens() -> None:
    disk = FaultyDisk(simulated(1))
    async with serving(stored(DATA, disk), bugs=("check-then-append-race",)) as service:
        disk.faults.room = 0
        creation, append = (
            asyncio.create_task(work)
            for work in (service.create_stream(BASIN, "new"), service.perform(BASIN, "new", one()))
        )
        assert await refused(creation) == (500, "storage")
        disk.faults.room = None
        assert await refused(append) == (404, "stream_not_found")
    async with serving(stored(DATA, disk), stream=False) as service:
        assert len((await service.list_streams(BASIN))[0]) == 1


def test_what_was_acknowledged_too_early_and_finds_no_room_stops_the_server() -> None:
    """It cannot be undone, and what follows it must not be written without it."""

    async def scenario() -> None:
        disk = FaultyDisk(simulated(1))
        async with serving(stored(DATA, disk), bugs=("ack-before-durable",)) as service:
            await asyncio.sleep(1)
            disk.faults.room = 0
            await service.perform(*AT, one(b"acknowledged"))
            await asyncio.sleep(1)
            disk.faults.room = None
            assert await refused(service.perform(*AT, one())) == (500, "storage")
            assert "had already been acknowledged" in str(service.failure)
        async with serving(stored(DATA, disk), stream=False) as service:
            assert (await service.perform(*AT, CheckTail())).tail.seq_num == 0

    run(scenario())


async def client(service: Service, random: Random) -> None:
    """Append to streams that come and go."""
    for step in range(12):
        await asyncio.sleep(random.choice([0, 0, 0.001]))
        name = random.choice(["a", "b"])
        token = random.choice([None, None, "t1", "t2"])
        try:
            match random.choice(["append", "append", "append", "match", "fence", "trim", "delete", "create", "read"]):
                case "append":
                    batch = tuple(Record(b"x" * random.randrange(60)) for _ in range(random.randint(1, 4)))
                    await service.perform(BASIN, name, Append(batch, None, token))
                case "match":
                    tail = (await service.perform(BASIN, name, CheckTail())).tail.seq_num
                    await service.perform(BASIN, name, one(match_seq_num=tail))
                case "fence":
                    await service.perform(BASIN, name, Append((Record.fence(random.choice(["t1", "t2"])),)))
                case "trim":
                    await service.perform(BASIN, name, Append((Record.trim(random.randrange(50)),)))
                case "delete":
                    if step % 5 == 0:
                        await service.delete_basin(BASIN)
                    else:
                        await service.delete_stream(BASIN, name)
                case "create":
                    await service.ensure_basin(BASIN)
                    await service.ensure_stream(BASIN, name)
                case "read":
                    await service.perform(BASIN, name, Read(seq_num=0))
        except (ServiceError, StateMismatch):
            pass


async def lives(seed: int) -> None:
    """A few lives of a server with some bugs; each must be able to begin, and to be asked."""
    random = Random(seed)
    bugs = random.sample(sorted(BUGS), random.choice([1, 2, 3, 6, len(BUGS)]))
    inner: SimulatedDisk = simulated(seed)
    try:
        for _ in range(4):
            disk = FaultyDisk(inner)
            service = Service(
                stored(DATA, disk, segment_bytes=random.choice([400, 3000])),
                FakeClock(),
                bugs,
                deleting=random.choice([0.0, 0.01]),
            )
            await service.start()
            await made(service, BASIN, "a", "b")
            if random.random() < 0.5:
                inner.crash_after(random.randrange(150))
            work = [asyncio.create_task(client(service, Random(random.random()))) for _ in range(4)]
            if random.random() < 0.3:
                disk.faults.room = random.randrange(3000)
            await asyncio.gather(*work)
            if random.random() < 0.5:
                await service.close()
            inner = inner.lose_power() if random.random() < 0.5 else inner.crash_process()
        service = Service(stored(DATA, inner), FakeClock(), random.choice([bugs, []]))
        await service.start()
        await service.close()
    except BaseException as error:
        error.add_note(f"seed {seed}, bugs {bugs}")
        raise


def test_no_journal_that_cannot_be_opened_is_ever_written() -> None:
    for seed in range(40):
        run(lives(seed))


@pytest.mark.slow
def test_no_journal_that_cannot_be_opened_is_ever_written_by_many() -> None:
    for seed in range(40, 1000):
        run(lives(seed))
