"""What outlives the process: groups of journal entries in segments on a disk, or nothing at all.

A *segment* is a file: a header, then frames. A *frame* is a group of entries that were written and synced together, and
it is whole or it is not there. Only the last segment is written to. The next one begins with a group that says what
recovery needs to know of everything before it, so that a segment can be removed once nothing in it is needed.

    header  = magic (8 bytes) · version (u16) · salt (8 bytes) · number of the segment (u64) · size at which the
              segment before it ended (u64) · crc32 of these (u32)
    frame   = marker (4 bytes) · length (u32) · offset (u64) · crc32 of the payload (u32) · crc32 of the salt and
              these (u32) · payload (length bytes: MessagePack, an array of entries)

Numbers are little-endian. The offset is the frame's own: a frame that is sound but in another place shows that the
file has lost or gained something before it. The salt is random, so that no bytes that a client sends, and no frame of
another segment, can pass for a frame here.

**What is known to be synced.** A group is synced before the next is written, and a segment before the next begins. So
everything but the last frame of the last segment is known to be durable. That frame may have been written and never
synced: recovery writes it again and syncs it before anybody can see what it says. If it is torn, recovery cuts it off.
Any other damage is refused, because it must not be guessed away.
"""

from __future__ import annotations

import errno
import struct
import sys
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import msgspec

from ..world.disk import Disk, File, Lock, LockedError, make_directories, write_all
from ..world.randomness import Randomness

MAGIC: Final = b"fncpost\x00"
VERSION: Final = 2
SEGMENT_BYTES: Final = 16 << 20
_HEADER: Final = struct.Struct("<8sH8sQQI")
_MARKER: Final = b"\xf5FRM"
_FRAME: Final = struct.Struct("<4sIQII")
_PREFIX: Final = "journal."
_NEW: Final = "journal.new"
_NO_SPACE: Final = frozenset((errno.ENOSPC, errno.EDQUOT))
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode


class StorageError(Exception):
    """The journal cannot be used, or no longer. The text names the file and, where there is one, the offset."""


class NoSpaceError(StorageError):
    """The disk is full. The storage holds what it held before, and a later write may succeed."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A group of entries as recovery finds it: in which segment, and the offset in its file at which it ends."""

    entries: list[bytes]
    segment: int
    end: int


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

    def _recover_last(self, segment: _Segment, survivors: Survivors) -> Iterator[Frame]:
        start, end = _HEADER.size, _HEADER.size
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

    def _read(self, number: int) -> _Segment:
        path = self._path(number)
        file = self._disk.open(path)
        try:
            segment = _Segment(path, number, file.read(0, file.size()))
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
        frame = _frame(entries, end, self._seed)
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
        seed = zlib.crc32(salt)
        header = _HEADER.pack(MAGIC, VERSION, salt, number, self.segments.get(self._number, 0), 0)[:-4]
        content = header + zlib.crc32(header).to_bytes(4, "little")
        if entries:
            content += _frame(entries, len(content), seed)
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


def _frame(entries: Sequence[bytes], offset: int, seed: int) -> bytes:
    payload = _encode(entries)
    head = _FRAME.pack(_MARKER, len(payload), offset, zlib.crc32(payload), 0)[:-4]
    return head + zlib.crc32(head, seed).to_bytes(4, "little") + payload


class _Segment:
    """The contents of a segment. Raises StorageError where it is none."""

    def __init__(self, path: Path, number: int, content: bytes) -> None:
        self.path = path
        self.content = content
        header = content[: _HEADER.size]
        if not header.startswith(MAGIC) or len(header) < _HEADER.size:
            raise StorageError(f"{path}: offset 0: this is no segment of a journal (its header is not there)")
        _, version, salt, self.number, self.size_before, crc = _HEADER.unpack(header)
        if crc != zlib.crc32(header[:-4]):
            raise StorageError(f"{path}: offset 0: the header is damaged; restore the file from a copy")
        if version != VERSION:
            raise StorageError(f"{path}: offset 8: this is in format {version}; this server reads {VERSION}")
        if self.number != number:
            raise StorageError(f"{path}: offset 18: this is segment {self.number} under another name")
        self.seed = zlib.crc32(salt)

    def frames(self, *, torn_end: bool) -> Iterator[Frame]:
        """Go through the frames. With ``torn_end`` the last may be torn, and is then left out.

        Raises StorageError where there is any other damage.
        """
        offset = _HEADER.size
        while offset < len(self.content):
            sound = self._sound(offset)
            if sound is None or sound[0] != offset:
                self._refuse_unless_torn(offset, torn_end)
                return
            payload = sound[1]
            end = offset + _FRAME.size + len(payload)
            try:
                entries = _decode(payload)
            except msgspec.MsgspecError as error:
                raise StorageError(f"{self.path}: offset {offset}: the frame holds no entries: {error}") from error
            yield Frame(entries, self.number, end)
            offset = end

    def _sound(self, place: int) -> tuple[int, bytes] | None:
        """The offset and the payload that a frame at ``place`` states; None where there is no whole and sound one."""
        start = place + _FRAME.size
        if start > len(self.content):
            return None
        _, length, offset, payload_crc, head_crc = _FRAME.unpack_from(self.content, place)
        if head_crc != zlib.crc32(self.content[place : start - 4], self.seed) or start + length > len(self.content):
            return None
        payload = self.content[start : start + length]
        return (offset, payload) if payload_crc == zlib.crc32(payload) else None

    def _refuse_unless_torn(self, offset: int, torn_end: bool) -> None:
        """A torn write is the last thing in a file: after it there is no sound frame, of this place or another."""
        if not torn_end:
            raise StorageError(
                f"{self.path}: offset {offset}: there is no sound frame here, yet the segment was finished; "
                "restore the file from a copy"
            )
        place = self.content.find(_MARKER, offset)
        while place >= 0:
            if self._sound(place) is not None:
                raise StorageError(
                    f"{self.path}: offset {offset}: there is no sound frame here, yet there is one at {place}; "
                    "this is no torn write: restore the file from a copy"
                )
            place = self.content.find(_MARKER, place + 1)
