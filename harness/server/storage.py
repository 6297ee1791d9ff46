"""What outlives the process: groups of journal entries in segments on a disk, or nothing at all.

Only the last segment is written to. The next one begins with a group that says what recovery needs to know of
everything before it, so that a segment can be removed once nothing in it is needed. :mod:`.frames` has the format.

**What is known to be synced.** A group is synced before the next is written, and a segment before the next begins. So
everything but the last frame of the last segment is known to be durable. That frame may have been written and never
synced: recovery writes it again and syncs it before anybody can see what it says. If it is torn, recovery cuts it off.
Any other damage is refused, because it must not be guessed away.
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
    """Where groups of entries are kept. Used by one event loop, and never by two calls at a time.

    ``name`` is what error messages call it. ``segments`` are the sizes (bytes) of its segments by number, oldest first;
    what is written goes to the last. ``segment_bytes`` is the size at which that one should be followed by another.
    """

    @property
    def name(self) -> str: ...

    @property
    def segments(self) -> Mapping[int, int]: ...

    @property
    def segment_bytes(self) -> int: ...

    def recover(self, survivors: Survivors = iter) -> Iterator[Frame]:
        """Open it and go through the groups that it holds, oldest first.

        To be exhausted before the first :meth:`write`; when it is, all that it has shown is durable. ``survivors``
        decides which groups of the last segment are kept, the one that it begins with excepted. Raises StorageError.
        """

    def place(self, frame: Frame) -> str:
        """Return where a frame is, for an error message."""

    async def write(self, entries: Sequence[bytes]) -> None:
        """Keep a group. Returns when it is durable.

        Raises NoSpaceError where the disk is full, and another StorageError where nobody knows what the storage holds
        until it is recovered: write no more.
        """

    async def begin_segment(self, entries: Sequence[bytes], unneeded: Collection[int]) -> None:
        """Begin the next segment with a group. When that is durable, remove the segments that are not needed.

        Raises as :meth:`write`.
        """

    def close(self) -> None:
        """Let go of it. Nothing is written any more."""


class MemoryStorage:
    """Keeps nothing: for a server that lives as long as its process."""

    name: str = "memory"
    segments: Mapping[int, int] = {1: 0}
    segment_bytes: int = sys.maxsize

    def recover(self, survivors: Survivors = iter) -> Iterator[Frame]:
        """Nothing to recover."""
        return iter(())

    def place(self, frame: Frame) -> str:
        """Memory has no places."""
        return self.name

    async def write(self, entries: Sequence[bytes]) -> None:
        """Durable at once, in as far as anything is."""

    async def begin_segment(self, entries: Sequence[bytes], unneeded: Collection[int]) -> None:
        """There is nothing to begin."""

    def close(self) -> None:
        """Nothing to close."""


class FileStorage:
    """The segments of a journal in a directory of their own, which only one server at a time may use.

    ``random`` gives each segment its salt. ``truncated`` says after recovery how many bytes of a torn last frame were
    cut off.
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
        self._seed = 0  # the checksum of the salt, where those of the frames begin

    @property
    def name(self) -> str:
        """The path of the directory."""
        return str(self.directory)

    def place(self, frame: Frame) -> str:
        """See :class:`Storage`."""
        return f"{self._path(frame.segment)}: in the frame that ends at offset {frame.end}"

    # -- recovery

    def recover(self, survivors: Survivors = iter) -> Iterator[Frame]:
        """See :class:`Storage`. Makes the directory and the first segment where there are none."""
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
                raise StorageError(f"{segment.path}: offset {end}: the group that begins a segment is not there")
            yield opening
            end = opening.end
        for frame in survivors(frames):
            yield frame
            start, end = end, frame.end
        self._file = self._disk.open(segment.path)
        if end < len(segment.content):
            self.truncated = len(segment.content) - end
            self._file.truncate(end)
        # Nobody knows whether the last frame was ever synced. A sync alone would not do: after one that has failed,
        # the kernel may take pages for clean that never reached the disk.
        write_all(self._file, start, segment.content[start:end])
        self._file.sync()
        self._number, self._seed = segment.number, segment.seed
        self.segments[segment.number] = end

    def _claim(self) -> None:
        if self._lock is not None:
            raise StorageError(f"{self.directory}: this storage is open already")
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
                f"format {VERSION}. Choose an empty data directory, or remove this one if it is no longer needed"
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
                f"{self._path(number - 1)}: it has {size_before} bytes, and had {segment.size_before} when the next "
                "segment began; restore the file from a copy"
            )
        return segment

    # -- writing

    async def write(self, entries: Sequence[bytes]) -> None:
        """See :class:`Storage`. The loop goes on while the disk writes and syncs."""
        await self._run(lambda: self._write(entries))

    async def begin_segment(self, entries: Sequence[bytes], unneeded: Collection[int]) -> None:
        """See :class:`Storage`."""
        await self._run(lambda: self._begin_segment(entries, unneeded))

    def close(self) -> None:
        """Close the file and let another server have the directory."""
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
            raise StorageError(f"{self.directory}: the next segment cannot be begun: {error}") from error

    def _create(self, entries: Sequence[bytes]) -> None:
        """Make the next segment. It appears under its name when all of it is durable: none is torn at its beginning."""
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
            raise NoSpaceError(f"{new}: the next segment cannot be begun: {error}") from error
        file.sync()
        self._disk.rename(new, self._path(number))
        self._disk.sync_directory(self.directory)
        self._file, self._number, self._seed = file, number, seed
        self.segments[number] = len(content)

    def _path(self, number: int) -> Path:
        return self.directory / f"{_PREFIX}{number:08}"
