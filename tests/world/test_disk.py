"""The disks: all pass the conformance suite, and the simulated one loses what it may lose and nothing else."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost.harness.world.disk import Disk, make_directories, write_all
from fencepost.harness.world.faulty_disk import FaultyDisk
from fencepost.harness.world.real_disk import RealDisk
from fencepost.harness.world.simulated_disk import SECTOR, SimulatedCrash, SimulatedDisk
from fencepost.testing.disk import CHECKS, Check, check_disk

PLACE = Path("/data")
FILE = PLACE / "file"


def simulated(seed: int = 0) -> SimulatedDisk:
    disk = SimulatedDisk(Random(seed))
    make_directories(disk, PLACE)
    return disk


def short_writing() -> FaultyDisk:
    disk = FaultyDisk(simulated())
    disk.faults.longest_write = 3
    return disk


DISKS: dict[str, Callable[[], Disk]] = {
    "real": RealDisk,
    "faulty": lambda: FaultyDisk(RealDisk()),
    "simulated": simulated,
    "faulty simulated": lambda: FaultyDisk(simulated()),
    "short writes": short_writing,
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", DISKS)
async def test_a_disk_conforms(kind: str, check: Check, tmp_path: Path) -> None:
    await check(DISKS[kind](), tmp_path if kind in ("real", "faulty") else PLACE)


async def test_the_suite_names_the_check_that_failed(tmp_path: Path) -> None:
    class Forgetful(RealDisk):
        def names(self, directory: Path) -> list[str]:
            return super().names(directory)[:-1]

    with pytest.raises(AssertionError) as failed:
        await check_disk(Forgetful(), tmp_path)
    assert failed.value.__notes__[0].startswith("renaming_replaces: ")


# -- what a crash and a loss of power leave


def content(disk: Disk, path: Path = FILE) -> bytes:
    file = disk.open(path)
    return file.read(0, file.size())


def durable_file(disk: Disk, data: bytes) -> None:
    file = disk.open(FILE, create=True)
    write_all(file, 0, data)
    file.sync()
    disk.sync_directory(PLACE)


def test_a_crash_of_the_process_keeps_what_was_written_and_frees_its_locks() -> None:
    disk = simulated()
    disk.lock(PLACE / "lock")
    file = disk.open(FILE, create=True)
    write_all(file, 0, b"unsynced")
    dead, disk = disk, disk.crash_process()
    assert content(disk) == b"unsynced"
    disk.lock(PLACE / "lock")
    with pytest.raises(SimulatedCrash):
        file.write(0, b"from the dead")
    with pytest.raises(SimulatedCrash):
        dead.open(FILE)
    assert content(disk) == b"unsynced"


@given(
    synced=st.binary(max_size=1500),
    writes=st.lists(st.tuples(st.integers(0, 2500), st.binary(min_size=1, max_size=1500)), max_size=4),
    seed=st.integers(0, 1000),
)
@settings(max_examples=150, deadline=None)
def test_a_loss_of_power_leaves_each_sector_as_some_write_left_it(
    synced: bytes, writes: list[tuple[int, bytes]], seed: int
) -> None:
    disk = simulated(seed)
    durable_file(disk, synced)
    file = disk.open(FILE)
    states = [synced]
    for offset, data in writes:
        write_all(file, offset, data)
        states.append(content(disk))
    disk = disk.lose_power()
    left = content(disk)
    assert len(synced) <= len(left) <= max(map(len, states))
    touched = {at for offset, data in writes for at in range(offset, offset + len(data))}
    for at, byte in enumerate(left):
        written = {data[at - offset] for offset, data in writes if offset <= at < offset + len(data)}
        before = synced[at] if at < len(synced) else 0
        assert byte in {before, *written}, f"byte {at}"
        if at < len(synced) and at not in touched:
            assert byte == synced[at], f"byte {at} was synced and never written again"


def test_a_loss_of_power_can_tear_reorder_drop_and_keep() -> None:
    """None of the four is left out, or the tests that stand on this disk would prove less than they say."""
    seen = set()
    for seed in range(200):
        disk = simulated(seed)
        durable_file(disk, b"")
        file = disk.open(FILE)
        write_all(file, 0, b"a" * SECTOR + b"b" * SECTOR)
        write_all(file, 2 * SECTOR, b"c" * SECTOR)
        disk = disk.lose_power()
        seen.add("".join(chr(byte) if byte else "-" for byte in content(disk)[::SECTOR]))
    assert {"", "a", "ab", "abc", "--c", "-b", "a-c"} <= seen


def test_names_without_a_sync_of_their_directory_may_be_lost() -> None:
    seen = set()
    for seed in range(100):
        disk = simulated(seed)
        durable_file(disk, b"old")
        new = disk.open(PLACE / "new", create=True)
        write_all(new, 0, b"new")
        new.sync()
        disk.rename(PLACE / "new", FILE)
        disk = disk.lose_power()
        seen.add((tuple(disk.names(PLACE)), content(disk)))
    assert {(("file",), b"old"), (("file",), b"new"), (("file", "new"), b"old")} == seen


def test_names_whose_directory_was_synced_stay() -> None:
    for seed in range(30):
        disk = simulated(seed)
        durable_file(disk, b"old")
        new = disk.open(PLACE / "new", create=True)
        write_all(new, 0, b"new")
        new.sync()
        disk.rename(PLACE / "new", FILE)
        disk.sync_directory(PLACE)
        disk = disk.lose_power()
        assert (disk.names(PLACE), content(disk)) == (["file"], b"new")


def test_bytes_that_a_failed_sync_has_dropped_are_not_saved_by_the_next_one() -> None:
    """What Linux does: the pages are marked clean, reads show them, and a sync that succeeds leaves them out."""
    faulty = FaultyDisk(inner := simulated())
    durable_file(faulty, b"")
    file = faulty.open(FILE)
    write_all(file, 0, b"dropped")
    faulty.faults.sync_error = True
    with pytest.raises(OSError, match="injected into a sync"):
        file.sync()
    faulty.faults.sync_error = False
    file.sync()
    assert content(inner) == b"dropped"
    inner = inner.lose_power()
    assert content(inner) == b""
    file = inner.open(FILE)
    write_all(file, 0, b"written again")
    file.sync()
    inner = inner.lose_power()
    assert content(inner) == b"written again"


def test_a_process_dies_at_the_change_that_a_test_picked_and_its_last_write_may_be_cut() -> None:
    lengths = set()
    for seed in range(50):
        disk = simulated(seed)
        durable_file(disk, b"")
        file = disk.open(FILE)
        disk.crash_after(1)
        write_all(file, 0, b"whole")
        for _ in range(2):
            with pytest.raises(SimulatedCrash):
                file.write(5, b"cut short")
        with pytest.raises(SimulatedCrash):
            file.sync()
        disk = disk.crash_process()
        assert b"wholecut short".startswith(content(disk))
        lengths.add(len(content(disk)))
    assert lengths > {5, 14, 9}
    disk.open(FILE).sync()


# -- injected faults


def test_a_full_disk_takes_what_fits_and_more_once_there_is_room() -> None:
    disk = FaultyDisk(simulated())
    file = disk.open(FILE, create=True)
    disk.faults.room = 4
    assert file.write(0, b"123456") == 4
    with pytest.raises(OSError, match="No space") as full:
        file.write(4, b"56")
    assert full.value.errno == errno.ENOSPC
    with pytest.raises(OSError, match="No space"):
        disk.open(PLACE / "other", create=True)
    assert file.write(0, b"over") == 4, "what is there already needs no room"
    file.truncate(1)
    assert file.write(1, b"xyz") == 3
    disk.faults.room = None
    assert file.write(4, b"56") == 2
    assert content(disk) == b"oxyz56"


def test_errors_are_injected_while_they_are_on() -> None:
    disk = FaultyDisk(simulated())
    file = disk.open(FILE, create=True)
    disk.faults.read_error = disk.faults.write_error = disk.faults.sync_error = True
    for work in (lambda: file.read(0, 1), lambda: file.write(0, b"x"), file.sync, lambda: disk.sync_directory(PLACE)):
        with pytest.raises(OSError, match="injected") as failed:
            work()
        assert failed.value.errno == errno.EIO
    disk.faults.read_error = disk.faults.write_error = disk.faults.sync_error = False
    write_all(file, 0, b"x")
    file.sync()
    disk.sync_directory(PLACE)
    assert content(disk) == b"x"


def test_a_lying_sync_makes_nothing_durable() -> None:
    kept = set()
    for seed in range(30):
        disk = FaultyDisk(inner := simulated(seed))
        durable_file(disk, b"")
        disk.faults.sync_lies = True
        file = disk.open(FILE)
        write_all(file, 0, b"x")
        file.sync()
        disk.sync_directory(PLACE)
        inner = inner.lose_power()
        kept.add(content(inner))
    assert kept == {b"", b"x"}


async def test_a_slow_disk_holds_up_nobody_but_its_own_work() -> None:
    import asyncio

    disk = FaultyDisk(simulated())
    disk.faults.delay = 3600
    work = asyncio.create_task(disk.run(lambda: 1))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not work.done()
    work.cancel()
    disk.faults.delay = 0
    assert await disk.run(lambda: 2) == 2
