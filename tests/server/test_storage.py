"""The journal file: torn tails are cut off at every byte, every other damage is refused by name and offset."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from fencepost.harness.server.storage import Frame, MemoryStorage, StorageError
from fencepost.harness.world.faulty_disk import FaultyDisk
from fencepost.harness.world.real_disk import RealDisk

from .storages import FIRST, HEADER, stored

GROUPS = [[b"one"], [b"two", b"", b"three" * 20], [b"four"], [b"\x00" * 30, b"six"]]


async def written(directory: Path, groups: list[list[bytes]] = GROUPS) -> list[Frame]:
    """A journal with these groups; the frames that it holds."""
    storage = stored(directory)
    assert list(storage.recover()) == []
    for group in groups:
        await storage.write(group)
    storage.close()
    return recovered(directory)


def recovered(directory: Path) -> list[Frame]:
    storage = stored(directory)
    try:
        return list(storage.recover())
    finally:
        storage.close()


async def test_what_was_written_is_recovered_and_added_to(tmp_path: Path) -> None:
    frames = await written(tmp_path)
    assert [frame.entries for frame in frames] == GROUPS
    storage = stored(tmp_path)
    list(storage.recover())
    await storage.write([b"seven"])
    storage.close()
    assert [frame.entries for frame in recovered(tmp_path)] == [*GROUPS, [b"seven"]]


async def test_a_torn_last_frame_is_cut_off_at_every_byte(tmp_path: Path) -> None:
    frames = await written(tmp_path)
    whole = (tmp_path / FIRST).read_bytes()
    assert frames[-1].end == len(whole)
    for length in range(frames[-2].end, len(whole)):
        (tmp_path / FIRST).write_bytes(whole[:length])
        storage = stored(tmp_path)
        assert [frame.entries for frame in storage.recover()] == GROUPS[:-1], f"cut at {length}"
        assert storage.truncated == length - frames[-2].end
        await storage.write([b"after"])
        storage.close()
        assert [frame.entries for frame in recovered(tmp_path)] == [*GROUPS[:-1], [b"after"]], f"cut at {length}"


async def test_a_last_frame_whose_pages_came_through_in_part_is_cut_off(tmp_path: Path) -> None:
    frames = await written(tmp_path)
    whole = (tmp_path / FIRST).read_bytes()
    start = frames[-2].end
    for hole in range(start, len(whole)):
        damaged = bytearray(whole)
        damaged[hole] ^= 0x10
        (tmp_path / FIRST).write_bytes(damaged)
        assert [frame.entries for frame in recovered(tmp_path)] == GROUPS[:-1], f"flipped at {hole}"
    (tmp_path / FIRST).write_bytes(whole[:start] + bytes(5000))
    assert [frame.entries for frame in recovered(tmp_path)] == GROUPS[:-1]


async def test_a_flipped_bit_anywhere_before_the_last_frame_is_refused(tmp_path: Path) -> None:
    frames = await written(tmp_path)
    journal = tmp_path / FIRST
    whole = journal.read_bytes()
    starts = [HEADER, *(frame.end for frame in frames)]
    for place in range(starts[-2]):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        journal.write_bytes(damaged)
        with pytest.raises(StorageError) as refused:
            recovered(tmp_path)
        offset = max((start for start in starts if start <= place), default=0)
        message = str(refused.value)
        assert str(journal) in message, f"flipped at {place}"
        assert f"offset {offset}:" in message, f"flipped at {place}: {message}"
        assert journal.read_bytes() == damaged, "a refused file must be left as it is"


async def test_a_missing_middle_and_a_stray_byte_are_refused(tmp_path: Path) -> None:
    frames = await written(tmp_path)
    journal = tmp_path / FIRST
    whole = journal.read_bytes()
    for resumes in (frames[1].end, frames[1].end - 1):  # at a frame, or with the last byte of the one before
        journal.write_bytes(whole[: frames[0].end] + whole[resumes:])
        with pytest.raises(StorageError, match=f"{FIRST}: offset {frames[0].end}: "):
            recovered(tmp_path)
    journal.write_bytes(whole[: frames[0].end] + b"\x00" + whole[frames[0].end :])
    with pytest.raises(StorageError, match=f"{FIRST}: offset {frames[0].end}: "):
        recovered(tmp_path)


async def test_a_frame_inside_a_torn_one_does_not_pass_for_a_frame(tmp_path: Path) -> None:
    """A client may well send the bytes of a journal as a record."""
    await written(tmp_path / "a")
    bait = (tmp_path / "a" / FIRST).read_bytes()
    frames = await written(tmp_path / "b", [[b"good"], [bait * 3]])
    journal = tmp_path / "b" / FIRST
    journal.write_bytes(journal.read_bytes()[:-1])
    assert [frame.entries for frame in recovered(tmp_path / "b")] == [[b"good"]]
    assert journal.stat().st_size == frames[0].end


async def test_a_torn_frame_full_of_markers_is_searched_cheaply(tmp_path: Path) -> None:
    """Were a checksum of the payload all that tells a frame, this would read a hundred gigabytes."""
    await written(tmp_path, [[b"good"], [b"\xf5FRM\x00\x00\x0f\x00" * 250_000]])
    journal = tmp_path / FIRST
    journal.write_bytes(journal.read_bytes()[:-1])
    assert [frame.entries for frame in recovered(tmp_path)] == [[b"good"]]


async def test_random_damage_never_changes_what_is_recovered(tmp_path: Path) -> None:
    """Whatever happens to the bytes: a prefix of the groups, or a refusal."""
    await written(tmp_path)
    journal = tmp_path / FIRST
    whole = journal.read_bytes()
    for seed in range(300):
        random = Random(seed)
        damaged = bytearray(whole[: random.randint(0, len(whole))])
        for _ in range(random.randint(0, 3)):
            if damaged:
                damaged[random.randrange(len(damaged))] = random.randrange(256)
        journal.write_bytes(damaged)
        try:
            entries = [frame.entries for frame in recovered(tmp_path)]
        except StorageError:
            continue
        assert entries == GROUPS[: len(entries)], f"seed {seed}"


@pytest.mark.parametrize("content", [b"", b"fncpost\x00", b"#!/bin/sh\nexit 1\n# something else", bytes(100)])
def test_a_file_that_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FIRST).write_bytes(content)
    with pytest.raises(StorageError, match=rf"{FIRST}: offset 0: .*no segment of a journal"):
        recovered(tmp_path)
    assert (tmp_path / FIRST).read_bytes() == content


async def test_another_version_is_refused(tmp_path: Path) -> None:
    import zlib

    await written(tmp_path)
    journal = tmp_path / FIRST
    content = bytearray(journal.read_bytes())
    content[8:10] = struct.pack("<H", 7)
    content[HEADER - 4 : HEADER] = zlib.crc32(content[: HEADER - 4]).to_bytes(4, "little")
    journal.write_bytes(content)
    with pytest.raises(StorageError, match="format 7; this server reads 2"):
        recovered(tmp_path)


def test_a_journal_of_an_older_fencepost_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b"fncpost\x00\x01\x00")
    with pytest.raises(StorageError, match=r"journal: an older fencepost wrote .* Choose an empty data directory"):
        recovered(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal", "lock"]


def test_two_servers_cannot_share_a_directory(tmp_path: Path) -> None:
    first = stored(tmp_path)
    list(first.recover())
    second = stored(tmp_path)
    with pytest.raises(StorageError, match=rf"another server \(process {os.getpid()}\) uses this data directory"):
        list(second.recover())
    second.close()
    first.close()
    assert recovered(tmp_path) == []


def test_the_lock_goes_with_the_process(tmp_path: Path) -> None:
    program = (
        "import os, sys, signal; from pathlib import Path; from tests.server.storages import stored\n"
        "storage = stored(Path(sys.argv[1])); list(storage.recover()); print('open', flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        storage = stored(tmp_path)
        with pytest.raises(StorageError, match=f"process {other.pid}"):
            list(storage.recover())
        storage.close()
        other.kill()
    assert recovered(tmp_path) == []


def test_a_directory_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="cannot be opened"):
        recovered(tmp_path / "file")


def test_missing_directories_are_made(tmp_path: Path) -> None:
    assert recovered(tmp_path / "a" / "b") == []
    assert (tmp_path / "a" / "b" / FIRST).stat().st_size == HEADER


async def test_an_error_of_the_disk_names_file_and_offset(tmp_path: Path) -> None:
    disk = FaultyDisk(RealDisk())
    storage = stored(tmp_path, disk)
    list(storage.recover())
    disk.faults.sync_error = True
    with pytest.raises(StorageError, match=rf"{FIRST}: offset {HEADER}: .*(injected into a sync)"):
        await storage.write([b"x"])
    storage.close()


async def test_short_writes_are_continued(tmp_path: Path) -> None:
    disk = FaultyDisk(RealDisk())
    disk.faults.longest_write = 3
    storage = stored(tmp_path, disk)
    list(storage.recover())
    for group in GROUPS:
        await storage.write(group)
    storage.close()
    assert [frame.entries for frame in recovered(tmp_path)] == GROUPS


async def test_survivors_decide_where_the_file_is_cut(tmp_path: Path) -> None:
    frames = await written(tmp_path)
    storage = stored(tmp_path)
    kept = list(storage.recover(lambda frames: (frame for frame in frames if frame.entries != GROUPS[-1])))
    storage.close()
    assert kept == frames[:-1]
    assert (tmp_path / FIRST).stat().st_size == frames[-2].end


async def test_memory_keeps_nothing() -> None:
    storage = MemoryStorage()
    assert list(storage.recover()) == []
    await storage.write([b"x"])
    storage.close()
    assert list(storage.recover()) == []
