"""The storage of the journal: groups of entries in segments on a disk, or in memory.

Only the last segment is written to. Each segment begins with a group that tells recovery everything it needs to know of
the earlier ones, so that a segment can be removed once none of its records is needed. :mod:`.frames` has the format.

**What is known to be synced.** A group is synced before the next is written, and a segment before the next begins. So
everything but the last frame of the last segment is known to be durable. That frame may have been written but never
synced. Recovery writes it again and syncs it before anybody can see its content. If it is torn, recovery cuts it off.
Recovery refuses any other damage, because it cannot know what was lost.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from ..world.disk import Disk, File, Lock, LockedError, make_directories, write_all
from ..world.randomness import Randomness
from .frames import (
    ELSEWHERE,
    HEADER_BYTES,
    VERSION,
    Frame,
    NoSpaceError,
    Segment,
    StorageError,
    encode_frame,
    encode_header,
    seed_of,
)

__all__ = ["FileStorage", "Frame", "MemoryStorage", "NoSpaceError", "Storage", "StorageError", "Survivors"]

SEGMENT_BYTES: Final = 16 << 20
_PREFIX: Final = "journal."
_NEW: Final = "journal.new"
_NO_SPACE: Final = frozenset((errno.ENOSPC, errno.EDQUOT))


Survivors = Callable[[Iterator[Frame]], Iterator[Frame]]


class Storage(Protocol):
    """A store for groups of entries. It is used by one event loop, with one call at a time.

    ``name`` is its name in error messages. ``segments`` are the sizes (bytes) of its segments by number, oldest first.
    Writes go to the last one. ``segment_bytes`` is the size at which the next segment should begin.
    """

    @property
    def name(self) -> str: ...

    @property
    def segments(self) -> Mapping[int, int]: ...

    @property
    def segment_bytes(self) -> int: ...

    def recover(self, survivors: Survivors = iter) -> Iterator[Frame]:
        """Open the storage and yield its groups, oldest first.

        Exhaust the iterator before the first :meth:`write`. Then all yielded groups are durable. ``survivors`` decides
        which groups of the last segment are kept; its first group is always kept. Raise StorageError if the storage
        cannot be opened or is damaged.
        """

    def place(self, frame: Frame) -> str:
        """Return the place of a frame, for error messages."""

    async def write(self, entries: Sequence[bytes]) -> None:
        """Store a group, and return once it is durable.

        Raise NoSpaceError if the disk is full. After any other StorageError nobody knows what the storage holds until
        it is recovered, so do not write to it again.
        """

    async def begin_segment(self, entries: Sequence[bytes], unneeded: Collection[int]) -> None:
        """Begin the next segment with a group. Once that is durable, remove the ``unneeded`` segments.

        Raise as :meth:`write` does.
        """

    def close(self) -> None:
        """Close the storage. Do not write to it any more."""


class MemoryStorage:
    """A storage that stores nothing, for a server whose data lives as long as its process."""

    name: str = "memory"
    segments: Mapping[int, int] = {1: 0}
    segment_bytes: int = sys.maxsize

    def recover(self, survivors: Survivors = iter) -> Iterator[Frame]:
        """Yield nothing: there is nothing to recover."""
        return iter(())

    def place(self, frame: Frame) -> str:
        """Return the name of the storage: memory has no places."""
        return self.name

    async def write(self, entries: Sequence[bytes]) -> None:
        """Do nothing: an entry counts as durable at once."""

    async def begin_segment(self, entries: Sequence[bytes], unneeded: Collection[int]) -> None:
        """Do nothing: there are no segments."""

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


class FileStorage:
    """The segments of a journal in their own directory, which only one server at a time may use.

    ``random`` gives each segment its salt. After recovery, ``truncated`` is the number of bytes of a torn last frame
    that were cut off.
    """

    def __init__(self, directory: Path, disk: Disk, random: Randomness, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.directory = directory
        self.segments: dict[int, int] = {}
        self.segment_bytes = segment_bytes
        self.truncated = 0
        self._disk = disk
        self._random = random
        self._lock: Lock | None = None
        self._file: File | None = None
        self._number = 0
        self._seed = 0  # the checksum of the salt, from which the checksums of frames start

    @property
    def name(self) -> str:
        """The path of the directory."""
        return str(self.directory)

    def place(self, frame: Frame) -> str:
        """See :class:`Storage`."""
        return f"{self._path(frame.segment)}: in the frame that ends at offset {frame.end}"

    # -- recovery

    def recover(self, survivors: Survivors = iter) -> Iterator[Frame]:
        """See :class:`Storage`. Make the directory and the first segment if they do not exist."""
        try:
            self._claim()
            numbers = self._numbers()
            if not numbers:
                self._create([])
                return
            self._disk.sync_directory(self.directory)
            for number in numbers[:-1]:
                segment = self._read(number)
                self.segments[number] = len(segment.content)
                yield from segment.frames(torn_end=False)
            yield from self._recover_last(self._read(numbers[-1]), survivors)
        except OSError as error:
            raise StorageError(f"{self.directory}: the journal cannot be opened: {error}") from error

    def _recover_last(self, segment: Segment, survivors: Survivors) -> Iterator[Frame]:
        start, end = HEADER_BYTES, HEADER_BYTES
        frames = segment.frames(torn_end=True)
        if segment.number > 1:
            opening = next(frames, None)
            if opening is None:
                raise StorageError(f"{segment.path}: offset {end}: the first group of the segment is missing")
            yield opening
            end = opening.end
        for frame in survivors(frames):
            yield frame
            start, end = end, frame.end
        self._file = self._disk.open(segment.path)
        if end < len(segment.content):
            self.truncated = len(segment.content) - end
            self._file.truncate(end)
        # Nobody knows whether the last frame was ever synced. Syncing alone is not enough: after a failed sync, the
        # kernel may consider pages clean that never reached the disk.
        write_all(self._file, start, segment.content[start:end])
        self._file.sync()
        self._number, self._seed = segment.number, segment.seed
        self.segments[segment.number] = end

    def _claim(self) -> None:
        if self._lock is not None:
            raise StorageError(f"{self.directory}: this storage is already open")
        make_directories(self._disk, self.directory)
        try:
            self._lock = self._disk.lock(self.directory / "lock")
        except LockedError as error:
            raise StorageError(
                f"{self.directory}: another server (process {error.owner or 'unknown'}) uses this data directory; "
                "stop it or choose another directory"
            ) from None

    def _numbers(self) -> list[int]:
        names = self._disk.names(self.directory)
        if "journal" in names:
            raise StorageError(
                f"{self.directory / 'journal'}: an older fencepost wrote this journal, in format 1; this one reads "
                f"format {VERSION}. {ELSEWHERE}"
            )
        suffixes = (name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX))
        return sorted(int(suffix) for suffix in suffixes if suffix.isdecimal())

    def _read(self, number: int) -> Segment:
        path = self._path(number)
        file = self._disk.open(path)
        try:
            segment = Segment(path, number, file.read(0, file.size()))
        finally:
            file.close()
        size_before = self.segments.get(number - 1, segment.size_before)
        if size_before != segment.size_before:
            raise StorageError(
                f"{self._path(number - 1)}: the file has {size_before} bytes, but had {segment.size_before} when "
                "the next segment began; restore the file from a copy"
            )
        return segment

    # -- writing

    async def write(self, entries: Sequence[bytes]) -> None:
        """See :class:`Storage`. Writing and syncing do not block the event loop."""
        await self._run(lambda: self._write(entries))

    async def begin_segment(self, entries: Sequence[bytes], unneeded: Collection[int]) -> None:
        """See :class:`Storage`."""
        await self._run(lambda: self._begin_segment(entries, unneeded))

    def close(self) -> None:
        """Close the file and release the directory for another server."""
        if self._file is not None:
            self._file.close()
        if self._lock is not None:
            self._lock.release()
        self._file = self._lock = None

    async def _run(self, work: Callable[[], None]) -> None:
        try:
            await self._disk.run(work)
        except OSError as error:
            raise StorageError(f"{self.directory}: the journal cannot be written: {error}") from error

    def _write(self, entries: Sequence[bytes]) -> None:
        assert self._file is not None
        end = self.segments[self._number]
        frame = encode_frame(entries, end, self._seed)
        try:
            try:
                write_all(self._file, end, frame)
            except OSError as error:
                if error.errno not in _NO_SPACE:
                    raise
                self._file.truncate(end)
                self._file.sync()
                raise NoSpaceError(f"{self._path(self._number)}: offset {end}: {error}") from error
            self._file.sync()
        except OSError as error:
            raise StorageError(
                f"{self._path(self._number)}: offset {end}: the journal cannot be written: {error}"
            ) from error
        self.segments[self._number] = end + len(frame)

    def _begin_segment(self, entries: Sequence[bytes], unneeded: Collection[int]) -> None:
        before = self._file
        try:
            self._create(entries)
            if before is not None:
                before.close()
            for number in unneeded:
                self._disk.remove(self._path(number))
                del self.segments[number]
        except OSError as error:
            raise StorageError(f"{self.directory}: the next segment cannot be made: {error}") from error

    def _create(self, entries: Sequence[bytes]) -> None:
        """Make the next segment. It gets its name once it is durable, so no segment has a torn beginning."""
        number = self._number + 1
        salt = self._random.fresh(8)
        seed = seed_of(salt)
        content = encode_header(salt, number, self.segments.get(self._number, 0))
        if entries:
            content += encode_frame(entries, len(content), seed)
        new = self.directory / _NEW
        if _NEW in self._disk.names(self.directory):
            self._disk.remove(new)
        try:
            file = self._disk.open(new, create=True)
            try:
                write_all(file, 0, content)
            except OSError:
                file.close()
                raise
        except OSError as error:
            if error.errno not in _NO_SPACE or not self._number:
                raise
            raise NoSpaceError(f"{new}: the next segment cannot be made: {error}") from error
        file.sync()
        self._disk.rename(new, self._path(number))
        self._disk.sync_directory(self.directory)
        self._file, self._number, self._seed = file, number, seed
        self.segments[number] = len(content)

    def _path(self, number: int) -> Path:
        return self.directory / f"{_PREFIX}{number:08}"
