"""The journal file: torn tails are cut off at every byte, every other damage is refused by name and offset."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from fencepost.harness.server.storage import FileStorage, Frame, MemoryStorage, StorageError
from fencepost.harness.world.disk import make_directories
from fencepost.harness.world.faulty_disk import FaultyDisk
from fencepost.harness.world.real_disk import RealDisk

from .storages import DATA, FIRST, HEADER, simulated, stored

GROUPS = [[b"one"], [b"two", b"", b"three" * 20], [b"four"], [b"\x00" * 30, b"six"]]


class Kept:
    """A directory with a journal of one segment, on a disk in memory."""

    def __init__(self) -> None:
        self.disk = simulated(1)

    def storage(self) -> FileStorage:
        return stored(DATA, self.disk)

    def recovered(self) -> list[Frame]:
        storage = self.storage()
        try:
            return list(storage.recover())
        finally:
            storage.close()

    def entries(self) -> list[list[bytes]]:
        return [frame.entries for frame in self.recovered()]

    @property
    def content(self) -> bytes:
        """The bytes of the segment."""
        file = self.disk.open(DATA / FIRST)
        return file.read(0, file.size())

    @content.setter
    def content(self, content: bytes) -> None:
        make_directories(self.disk, DATA)
        file = self.disk.open(DATA / FIRST, create=FIRST not in self.disk.names(DATA))
        file.truncate(0)
        file.write(0, content)


async def written(groups: list[list[bytes]] = GROUPS) -> tuple[Kept, list[Frame]]:
    """A journal with these groups, and the frames that it holds."""
    kept = Kept()
    storage = kept.storage()
    assert list(storage.recover()) == []
    for group in groups:
        await storage.write(group)
    storage.close()
    return kept, kept.recovered()


def recovered(directory: Path) -> list[Frame]:
    storage = stored(directory)
    try:
        return list(storage.recover())
    finally:
        storage.close()


async def test_what_was_written_is_recovered_and_added_to() -> None:
    kept, frames = await written()
    assert [frame.entries for frame in frames] == GROUPS
    storage = kept.storage()
    list(storage.recover())
    await storage.write([b"seven"])
    storage.close()
    assert kept.entries() == [*GROUPS, [b"seven"]]


async def test_a_torn_last_frame_is_cut_off_at_every_byte() -> None:
    kept, frames = await written()
    whole = kept.content
    assert frames[-1].end == len(whole)
    for length in range(frames[-2].end, len(whole)):
        kept.content = whole[:length]
        storage = kept.storage()
        assert [frame.entries for frame in storage.recover()] == GROUPS[:-1], f"cut at {length}"
        assert storage.truncated == length - frames[-2].end
        await storage.write([b"after"])
        storage.close()
        assert kept.entries() == [*GROUPS[:-1], [b"after"]], f"cut at {length}"


async def test_a_last_frame_whose_pages_came_through_in_part_is_cut_off() -> None:
    kept, frames = await written()
    whole = kept.content
    start = frames[-2].end
    for hole in range(start, len(whole)):
        damaged = bytearray(whole)
        damaged[hole] ^= 0x10
        kept.content = damaged
        assert kept.entries() == GROUPS[:-1], f"flipped at {hole}"
    kept.content = whole[:start] + bytes(5000)
    assert kept.entries() == GROUPS[:-1]


async def test_a_flipped_bit_anywhere_before_the_last_frame_is_refused() -> None:
    kept, frames = await written()
    whole = kept.content
    starts = [HEADER, *(frame.end for frame in frames)]
    for place in range(starts[-2]):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        kept.content = damaged
        with pytest.raises(StorageError) as refused:
            kept.recovered()
        offset = max((start for start in starts if start <= place), default=0)
        message = str(refused.value)
        assert FIRST in message, f"flipped at {place}"
        assert f"offset {offset}:" in message, f"flipped at {place}: {message}"
        assert kept.content == damaged, "a refused file must be left as it is"


async def test_a_missing_middle_and_a_stray_byte_are_refused() -> None:
    kept, frames = await written()
    whole = kept.content
    for resumes in (frames[1].end, frames[1].end - 1):  # at a frame, or with the last byte of the one before
        kept.content = whole[: frames[0].end] + whole[resumes:]
        with pytest.raises(StorageError, match=f"{FIRST}: offset {frames[0].end}: "):
            kept.recovered()
    kept.content = whole[: frames[0].end] + b"\x00" + whole[frames[0].end :]
    with pytest.raises(StorageError, match=f"{FIRST}: offset {frames[0].end}: "):
        kept.recovered()


async def test_a_frame_inside_a_torn_one_does_not_pass_for_a_frame() -> None:
    """A client may well send the bytes of a journal as a record."""
    bait = (await written())[0].content
    kept, frames = await written([[b"good"], [bait * 3]])
    kept.content = kept.content[:-1]
    assert kept.entries() == [[b"good"]]
    assert len(kept.content) == frames[0].end


async def test_a_torn_frame_full_of_markers_is_searched_cheaply() -> None:
    """Were a checksum of the payload all that tells a frame, this would read a hundred gigabytes."""
    kept, _ = await written([[b"good"], [b"\xf5FRM\x00\x00\x0f\x00" * 250_000]])
    kept.content = kept.content[:-1]
    assert kept.entries() == [[b"good"]]


async def test_random_damage_never_changes_what_is_recovered() -> None:
    """Whatever happens to the bytes: a prefix of the groups, or a refusal."""
    kept, _ = await written()
    whole = kept.content
    for seed in range(300):
        random = Random(seed)
        damaged = bytearray(whole[: random.randint(0, len(whole))])
        for _ in range(random.randint(0, 3)):
            if damaged:
                damaged[random.randrange(len(damaged))] = random.randrange(256)
        kept.content = damaged
        try:
            entries = kept.entries()
        except StorageError:
            continue
        assert entries == GROUPS[: len(entries)], f"seed {seed}"


@pytest.mark.parametrize("content", [b"", b"fncpost\x00", b"#!/bin/sh\nexit 1\n# something else", bytes(100)])
def test_a_file_that_is_no_journal_is_refused(content: bytes) -> None:
    kept = Kept()
    kept.content = content
    with pytest.raises(StorageError, match=rf"{FIRST}: offset 0: .*not a segment of a journal"):
        kept.recovered()
    assert kept.content == content


async def test_another_version_is_refused() -> None:
    import zlib

    kept, _ = await written()
    content = bytearray(kept.content)
    content[8:10] = struct.pack("<H", 7)
    content[HEADER - 4 : HEADER] = zlib.crc32(content[: HEADER - 4]).to_bytes(4, "little")
    kept.content = content
    with pytest.raises(StorageError, match=r"in format 7; this one reads format 3\. Choose an empty data directory"):
        kept.recovered()


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


async def test_survivors_decide_where_the_file_is_cut() -> None:
    kept, frames = await written()
    storage = kept.storage()
    survived = list(storage.recover(lambda frames: (frame for frame in frames if frame.entries != GROUPS[-1])))
    storage.close()
    assert survived == frames[:-1]
    assert len(kept.content) == frames[-2].end


async def test_memory_keeps_nothing() -> None:
    storage = MemoryStorage()
    assert list(storage.recover()) == []
    await storage.write([b"x"])
    storage.close()
    assert list(storage.recover()) == []
