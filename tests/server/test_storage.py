"""The journal file: torn tails are cut off at every byte, every other damage is refused by name and offset."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from fencepost.harness.server.storage import FileStorage, Frame, MemoryStorage, StorageError

GROUPS = [[b"one"], [b"two", b"", b"three" * 20], [b"four"], [b"\x00" * 30, b"six"]]


async def written(directory: Path, groups: list[list[bytes]] = GROUPS) -> list[Frame]:
    """A journal with these groups; the frames that it holds."""
    storage = FileStorage(directory)
    assert list(storage.recover()) == []
    for group in groups:
        await storage.write(group)
    storage.close()
    return recovered(directory)


def recovered(directory: Path) -> list[Frame]:
    storage = FileStorage(directory)
    try:
        return list(storage.recover())
    finally:
        storage.close()


async def test_what_was_written_is_recovered_and_added_to(tmp_path: Path) -> None:
    frames = await written(tmp_path)
    assert [frame.entries for frame in frames] == GROUPS
    storage = FileStorage(tmp_path)
    list(storage.recover())
    await storage.write([b"seven"])
    storage.close()
    assert [frame.entries for frame in recovered(tmp_path)] == [*GROUPS, [b"seven"]]


async def test_a_torn_last_frame_is_cut_off_at_every_byte(tmp_path: Path) -> None:
    frames = await written(tmp_path)
    whole = (tmp_path / "journal").read_bytes()
    assert frames[-1].end == len(whole)
    for length in range(frames[-2].end, len(whole)):
        (tmp_path / "journal").write_bytes(whole[:length])
        storage = FileStorage(tmp_path)
        assert [frame.entries for frame in storage.recover()] == GROUPS[:-1], f"cut at {length}"
        assert storage.truncated == length - frames[-2].end
        await storage.write([b"after"])
        storage.close()
        assert [frame.entries for frame in recovered(tmp_path)] == [*GROUPS[:-1], [b"after"]], f"cut at {length}"


async def test_a_last_frame_whose_pages_came_through_in_part_is_cut_off(tmp_path: Path) -> None:
    frames = await written(tmp_path)
    whole = (tmp_path / "journal").read_bytes()
    start = frames[-2].end
    for hole in range(start, len(whole)):
        damaged = bytearray(whole)
        damaged[hole] ^= 0x10
        (tmp_path / "journal").write_bytes(damaged)
        assert [frame.entries for frame in recovered(tmp_path)] == GROUPS[:-1], f"flipped at {hole}"
    (tmp_path / "journal").write_bytes(whole[:start] + bytes(5000))
    assert [frame.entries for frame in recovered(tmp_path)] == GROUPS[:-1]


async def test_a_flipped_bit_anywhere_before_the_last_frame_is_refused(tmp_path: Path) -> None:
    frames = await written(tmp_path)
    journal = tmp_path / "journal"
    whole = journal.read_bytes()
    starts = [22, *(frame.end for frame in frames)]
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
    journal = tmp_path / "journal"
    whole = journal.read_bytes()
    for resumes in (frames[1].end, frames[1].end - 1):  # at a frame, or with the last byte of the one before
        journal.write_bytes(whole[: frames[0].end] + whole[resumes:])
        with pytest.raises(StorageError, match=f"journal: offset {frames[0].end}: "):
            recovered(tmp_path)
    journal.write_bytes(whole[: frames[0].end] + b"\x00" + whole[frames[0].end :])
    with pytest.raises(StorageError, match=f"journal: offset {frames[0].end}: "):
        recovered(tmp_path)


async def test_a_frame_inside_a_torn_one_does_not_pass_for_a_frame(tmp_path: Path) -> None:
    """A client may well send the bytes of a journal as a record."""
    await written(tmp_path / "a")
    bait = (tmp_path / "a" / "journal").read_bytes()
    frames = await written(tmp_path / "b", [[b"good"], [bait * 3]])
    journal = tmp_path / "b" / "journal"
    journal.write_bytes(journal.read_bytes()[:-1])
    assert [frame.entries for frame in recovered(tmp_path / "b")] == [[b"good"]]
    assert journal.stat().st_size == frames[0].end


async def test_a_torn_frame_full_of_markers_is_searched_cheaply(tmp_path: Path) -> None:
    """Were a checksum of the payload all that tells a frame, this would read a hundred gigabytes."""
    await written(tmp_path, [[b"good"], [b"\xf5FRM\x00\x00\x0f\x00" * 250_000]])
    journal = tmp_path / "journal"
    journal.write_bytes(journal.read_bytes()[:-1])
    assert [frame.entries for frame in recovered(tmp_path)] == [[b"good"]]


async def test_random_damage_never_changes_what_is_recovered(tmp_path: Path) -> None:
    """Whatever happens to the bytes: a prefix of the groups, or a refusal."""
    await written(tmp_path)
    journal = tmp_path / "journal"
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
    (tmp_path / "journal").write_bytes(content)
    with pytest.raises(StorageError, match=r"journal: offset 0: .*not a journal"):
        recovered(tmp_path)
    assert (tmp_path / "journal").read_bytes() == content


async def test_another_version_is_refused(tmp_path: Path) -> None:
    import zlib

    await written(tmp_path)
    journal = tmp_path / "journal"
    content = bytearray(journal.read_bytes())
    content[8:10] = struct.pack("<H", 7)
    content[18:22] = zlib.crc32(content[:18]).to_bytes(4, "little")
    journal.write_bytes(content)
    with pytest.raises(StorageError, match="version 7; this server reads 1"):
        recovered(tmp_path)


def test_two_servers_cannot_share_a_directory(tmp_path: Path) -> None:
    first = FileStorage(tmp_path)
    list(first.recover())
    second = FileStorage(tmp_path)
    with pytest.raises(StorageError, match=rf"another server \(process {os.getpid()}\) uses this data directory"):
        list(second.recover())
    second.close()
    first.close()
    assert recovered(tmp_path) == []


def test_the_lock_goes_with_the_process(tmp_path: Path) -> None:
    program = (
        "import os, sys, signal; from pathlib import Path; from fencepost.harness.server.storage import FileStorage\n"
        "list(FileStorage(Path(sys.argv[1])).recover()); print('open', flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        storage = FileStorage(tmp_path)
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
    assert (tmp_path / "a" / "b" / "journal").stat().st_size == 22


async def test_an_error_of_the_disk_names_file_and_offset(tmp_path: Path) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    storage = FileStorage(tmp_path, sync=full)
    list(storage.recover())
    with pytest.raises(StorageError, match=r"journal: offset 22: .*no space left"):
        await storage.write([b"x"])
    storage.close()


async def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write: Callable[[int, bytes], int] = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data[:3])))
    frames = await written(tmp_path)
    assert [frame.entries for frame in frames] == GROUPS


async def test_survivors_decide_where_the_file_is_cut(tmp_path: Path) -> None:
    frames = await written(tmp_path)
    storage = FileStorage(tmp_path)
    kept = list(storage.recover(lambda frames: (frame for frame in frames if frame.entries != GROUPS[-1])))
    storage.close()
    assert kept == frames[:-1]
    assert (tmp_path / "journal").stat().st_size == frames[-2].end


async def test_memory_keeps_nothing() -> None:
    storage = MemoryStorage()
    assert list(storage.recover()) == []
    await storage.write([b"x"])
    storage.close()
    assert list(storage.recover()) == []
