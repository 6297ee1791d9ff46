"""The journal's segments: what nobody can read any more goes, and everything else survives it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fencepost.harness.s2 import Append, CheckTail, Position, Read, Record, Tail
from fencepost.harness.server.catalogue import resolved
from fencepost.harness.server.errors import ServiceError, StateMismatch
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import StorageError
from fencepost.harness.server.values import StreamConfig, TimestampingMode
from fencepost.harness.world.disk import Disk, File
from fencepost.harness.world.faulty_disk import FaultyDisk
from fencepost.harness.world.simulated_disk import SimulatedDisk

from .services import AT, BASIN, STREAM, FakeClock, fence, gone, one, serving
from .storages import DATA, simulated, stored

SEGMENT = 4000
BODY = b"x" * 1000


def on(disk: Disk) -> Service:
    return Service(stored(DATA, disk, SEGMENT), FakeClock())


def sizes(disk: Disk) -> dict[str, int]:
    names = [name for name in disk.names(DATA) if name.startswith("journal.")]
    return {name: disk.open(DATA / name).size() for name in names}


async def bodies(service: Service, stream: str = STREAM, start: int = 0) -> list[bytes]:
    return [record.body for record in (await service.perform(BASIN, stream, Read(seq_num=start))).records]


async def test_disk_use_and_recovery_are_bounded_by_what_can_be_read() -> None:
    """Failed before: the journal kept every record that had ever been appended."""
    disk = simulated(1)
    async with serving(stored(DATA, disk, SEGMENT)) as service:
        for number in range(150):
            await service.perform(*AT, one(BODY))
            await service.perform(*AT, Append((Record.trim(max(0, 2 * number - 3)),)))
            assert sum(sizes(disk).values()) < 4 * SEGMENT, f"after {number} appends"
        tail = await service.perform(*AT, CheckTail())
    read = 0

    class Counting(FaultyDisk):
        def open(self, path: Path, *, create: bool = False) -> File:
            nonlocal read
            file = super().open(path, create=create)
            read += file.size()
            return file

    async with serving(stored(DATA, Counting(disk), SEGMENT), stream=False) as service:
        assert 0 < read < 8 * SEGMENT, "each segment is opened at most twice"
        assert await service.perform(*AT, CheckTail()) == tail == Tail(Position(300, 1000))
        assert len(await bodies(service)) == 300 - 295


async def test_a_deleted_stream_leaves_the_disk_soon() -> None:
    disk = simulated(1)
    async with serving(stored(DATA, disk, SEGMENT)) as service:
        await service.create_stream(BASIN, "large")
        await service.perform(*AT, one(b"kept"))
        for _ in range(50):
            await service.perform(BASIN, "large", one(BODY))
        assert sum(sizes(disk).values()) > 50_000
        await service.delete_stream(BASIN, "large")
        await service.perform(*AT, one(b"kept too"))
        assert sum(sizes(disk).values()) < 3 * SEGMENT
    async with serving(stored(DATA, disk, SEGMENT), stream=False) as service:
        assert await bodies(service) == [b"kept", b"kept too"]


async def test_a_segment_that_still_has_a_record_stays_and_those_around_it_go() -> None:
    disk = simulated(1)
    async with serving(stored(DATA, disk, SEGMENT)) as service:
        await service.create_stream(BASIN, "busy")
        for number in range(60):
            if number == 20:
                await service.perform(*AT, fence("token"))
            await service.perform(BASIN, "busy", one(BODY))
        await service.perform(BASIN, "busy", Append((Record.trim(58),)))
        for _ in range(4):
            await service.perform(BASIN, "busy", one(BODY))
        numbers = [int(name.removeprefix("journal.")) for name in sizes(disk)]
        assert len(numbers) <= 5
        assert numbers[1] > numbers[0] + 1 > 2, "the first ones went, one stayed, and the next ones went"
    async with serving(stored(DATA, disk, SEGMENT), stream=False) as service:
        assert await bodies(service) == [b"token"]
        assert len(await bodies(service, "busy", 58)) == 2 + 1 + 4
        with pytest.raises(StateMismatch) as failed:
            await service.perform(*AT, one(fencing_token=""))
        assert failed.value.value == "token"


async def test_what_a_removed_segment_held_of_the_catalogue_and_of_streams_survives() -> None:
    disk = simulated(1)
    config = StreamConfig(timestamping_mode=TimestampingMode.ARRIVAL)
    async with serving(stored(DATA, disk, SEGMENT)) as service:
        await service.create_basin("basin-two", None, "token")
        await service.create_stream("basin-two", "s", config, "t")
        await service.perform("basin-two", "s", Append((Record(b"a"), Record.fence("f"))))
        await service.perform("basin-two", "s", Append((Record.trim(3),)))
        await service.create_stream("basin-two", "gone")
        await service.delete_stream("basin-two", "gone")
        await gone(service, "basin-two", "gone")
        for number in range(30):
            await service.perform(*AT, one(BODY))
            await service.perform(*AT, Append((Record.trim(2 * number),)))
        assert "journal.00000001" not in sizes(disk)
    async with serving(stored(DATA, disk, SEGMENT), stream=False) as service:
        assert [row.name for row in (await service.list_basins())[0]] == [BASIN, "basin-two"]
        assert [row.name for row in (await service.list_streams("basin-two"))[0]] == ["s"]
        assert (await service.create_basin("basin-two", None, "token"))[1] is False
        assert (await service.create_stream("basin-two", "s", config, "t"))[1] is False
        assert await service.get_stream("basin-two", "s") == resolved(config, StreamConfig())
        assert await service.perform("basin-two", "s", CheckTail()) == Tail(Position(3, 1000))
        with pytest.raises(StateMismatch) as failed:
            await service.perform("basin-two", "s", one(fencing_token=""))
        assert failed.value.value == "f"
        assert (await service.perform("basin-two", "s", one())).start.seq_num == 3


async def several_segments() -> SimulatedDisk:
    disk = simulated(1)
    async with serving(stored(DATA, disk, SEGMENT)) as service:
        for number in range(20):
            await service.perform(*AT, one(b"%d" % number * 600))
    assert len(sizes(disk)) > 3
    return disk


def _remove(disk: Disk, path: Path) -> None:
    disk.remove(path)


def _cut_the_last_frame(disk: Disk, path: Path) -> None:
    file = disk.open(path)
    file.truncate(file.read(0, file.size()).rindex(b"\xf5FRM"))


def _cut_a_byte(disk: Disk, path: Path) -> None:
    file = disk.open(path)
    file.truncate(file.size() - 1)


def _flip_a_bit(disk: Disk, path: Path) -> None:
    file = disk.open(path)
    file.write(1000, bytes([file.read(1000, 1)[0] ^ 4]))


def _swap(disk: Disk, path: Path) -> None:
    other = path.with_name("journal.00000003")
    disk.rename(path, path.with_name("x"))
    disk.rename(other, path)
    disk.rename(path.with_name("x"), other)


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (_remove, "the stream 'stream/1' of the basin 'basin-one': the records from 0 to .* are missing"),
        (_cut_the_last_frame, r"journal.00000002: the file has .* bytes, but had .* when the next segment began"),
        (_cut_a_byte, r"journal.00000002: offset .*: there is no intact frame here"),
        (_flip_a_bit, r"journal.00000002: offset .*: there is no intact frame here"),
        (_swap, r"journal.00000002: offset .*: the file is segment 3 under another name"),
    ],
)
async def test_damage_to_an_older_segment_is_refused(damage: Callable[[Disk, Path], None], complaint: str) -> None:
    disk = await several_segments()
    damage(disk, DATA / "journal.00000002")
    with pytest.raises(StorageError, match=complaint):
        await on(disk).start()


async def test_a_segment_that_a_crash_left_half_made_is_made_anew() -> None:
    disk = await several_segments()
    disk.open(DATA / "journal.new", create=True).write(0, b"half")
    async with serving(stored(DATA, disk, SEGMENT), stream=False) as service:
        for _ in range(10):
            await service.perform(*AT, one(BODY))
        assert (await service.perform(*AT, CheckTail())).tail.seq_num == 30
    assert "journal.new" not in disk.names(DATA)


async def test_where_there_is_no_room_for_the_next_segment_appends_wait_for_it() -> None:
    disk = FaultyDisk(simulated(1))
    async with serving(stored(DATA, disk, SEGMENT)) as service:
        for _ in range(3):
            await service.perform(*AT, one(BODY))
        disk.faults.room = 1500
        acked = 3
        for _ in range(3):
            if await _acked(service):
                acked += 1
        assert acked == 4, "the one that still fits is taken"
        assert len(await bodies(service)) == acked
        disk.faults.room = None
        for _ in range(5):
            await service.perform(*AT, one(BODY))
        assert service.failure is None
    async with serving(stored(DATA, disk, SEGMENT), stream=False) as service:
        assert len(await bodies(service)) == acked + 5


async def _acked(service: Service) -> bool:
    try:
        await service.perform(*AT, one(BODY))
    except ServiceError as error:
        if error.code != "storage":
            raise
        return False
    return True
