"""A disk that fills up and empties again: what was refused never happened, reads go on, and appends come back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random

from fencepost.harness.s2 import Append, CheckTail, Read, Record
from fencepost.harness.server.errors import ServiceError, StateMismatch
from fencepost.harness.server.service import Service
from fencepost.harness.server.values import StreamReconfiguration
from fencepost.harness.world.faulty_disk import FaultyDisk

from .services import AT, BASIN, FakeClock, fence, one, refused, serving
from .storages import DATA, FIRST, simulated, stored


async def test_reads_go_on_while_the_disk_is_full_and_appends_come_back_when_it_is_not() -> None:
    """Failed before: after one ENOSPC every read failed until the server was restarted."""
    disk = FaultyDisk(simulated(1))
    async with serving(stored(DATA, disk)) as service:
        await service.perform(*AT, Append((Record(b"kept"), Record.fence("kept"))))
        size = disk.open(DATA / FIRST).size()
        lost = Append((Record.fence("lost"), Record.trim(2)))
        disk.faults.room = 30
        for _ in range(3):
            assert await refused(service.perform(*AT, lost)) == (500, "storage")
            assert await refused(service.create_stream(BASIN, "lost")) == (500, "storage")
            assert await refused(service.delete_stream(*AT)) == (500, "storage")
            assert await refused(service.create_basin("basin-lost")) == (500, "storage")
            assert await refused(service.delete_basin(BASIN)) == (500, "storage")
            assert "No space left on device" in str(service.failure)
            assert disk.open(DATA / FIRST).size() == size, "what fitted in part must make room again"
            assert (await service.perform(*AT, CheckTail())).tail.seq_num == 2
            assert [r.body for r in (await service.perform(*AT, Read(seq_num=0))).records] == [b"kept", b"kept"]
            assert await refused_token(service) == "kept"
            assert len((await service.list_streams(BASIN))[0]) == len((await service.list_basins())[0]) == 1
        disk.faults.room = None
        assert (await service.perform(*AT, one(b"back", match_seq_num=2, fencing_token="kept"))).start.seq_num == 2
        assert service.failure is None
    async with serving(stored(DATA, disk), stream=False) as service:
        assert [r.body for r in (await service.perform(*AT, Read(seq_num=0))).records] == [b"kept", b"kept", b"back"]
        assert await refused_token(service) == "kept"


async def refused_token(service: Service) -> str | None:
    try:
        await service.perform(*AT, one(fencing_token="no such token"))
    except StateMismatch as failed:
        return failed.value
    raise AssertionError("a wrong token must be refused")


async def test_what_waited_for_a_write_that_found_no_room_is_refused_with_it() -> None:
    """A 412 that was tested against a state that never came to be must not reveal it."""
    disk = FaultyDisk(simulated(1))
    async with serving(stored(DATA, disk)) as service:
        config = await service.get_stream(*AT)
        disk.faults.room = 0
        outcomes = await asyncio.gather(
            service.perform(*AT, fence("never")),
            service.perform(*AT, one(fencing_token="")),
            service.create_stream(BASIN, "never"),
            service.reconfigure_stream(*AT, StreamReconfiguration(delete_on_empty_min_age=1)),
            service.reconfigure_stream(*AT, StreamReconfiguration(delete_on_empty_min_age=2)),
            service.delete_basin(BASIN),
            return_exceptions=True,
        )
        for outcome in outcomes:
            assert isinstance(outcome, ServiceError)
            assert outcome.code == "storage"
        assert await refused_token(service) == ""
        assert await service.get_stream(*AT) == config


@dataclass
class Expected:
    """What was acknowledged, in order."""

    bodies: dict[int, bytes] = field(default_factory=dict)
    streams: set[str] = field(default_factory=set)
    refusals: int = 0


async def client(service: Service, name: str, random: Random, expected: Expected) -> None:
    """Append, fence, create and delete; every acknowledgement is noted, and every refusal must be for want of room."""
    for step in range(25):
        await asyncio.sleep(0)
        body = f"{name}.{step}".encode()
        try:
            match random.choice(["append", "append", "fence", "create", "delete"]):
                case "append":
                    ack = await service.perform(*AT, one(body * random.randint(1, 9)))
                    expected.bodies[ack.start.seq_num] = body
                case "fence":
                    ack = await service.perform(*AT, fence(body.decode()))
                    expected.bodies[ack.start.seq_num] = body
                case "create":
                    await service.create_stream(BASIN, f"{name}.{step}")
                    expected.streams.add(f"{name}.{step}")
                case "delete":
                    mine = sorted(stream for stream in expected.streams if stream.startswith(name))
                    if mine:
                        await service.delete_stream(BASIN, mine[0])
                        expected.streams.discard(mine[0])
        except ServiceError as error:
            if error.code != "storage":
                raise
            expected.refusals += 1


async def check(service: Service, expected: Expected) -> None:
    records = (await service.perform(*AT, Read(seq_num=0))).records
    assert [r.seq_num for r in records] == sorted(expected.bodies)
    assert all(r.body.startswith(expected.bodies[r.seq_num]) for r in records)
    fences = [r.body.decode() for r in records if r.headers]
    assert await refused_token(service) == ["", *fences][-1]
    rows = (await service.list_streams(BASIN))[0]
    assert {row.name for row in rows if row.deleted_at is None} == {AT[1], *expected.streams}


async def test_random_work_on_a_disk_that_is_full_now_and_then() -> None:
    refusals = 0
    for seed in range(25):
        random = Random(seed)
        disk = FaultyDisk(simulated(seed))
        expected = Expected()

        async def fill_and_empty(disk: FaultyDisk = disk, random: Random = random) -> None:
            for _ in range(12):
                for _ in range(random.randrange(15)):
                    await asyncio.sleep(0)
                disk.faults.room = random.choice([None, random.randrange(300)])
            disk.faults.room = None

        try:
            async with serving(stored(DATA, disk, segment_bytes=1500)) as service:
                names = [f"c{number}" for number in range(4)]
                work = [client(service, name, Random(f"{seed} {name}"), expected) for name in names]
                await asyncio.gather(fill_and_empty(), *work)
                assert (await service.perform(*AT, one(b"last"))).start.seq_num == len(expected.bodies)
                expected.bodies[len(expected.bodies)] = b"last"
                assert service.failure is None
                await check(service, expected)
            service = Service(stored(DATA, disk), FakeClock())
            await service.start()
            await check(service, expected)
            await service.close()
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
        refusals += expected.refusals
    assert refusals > 100, "the disk was hardly ever full"
