"""What outlives the process: groups of journal entries in one file, or nothing at all.

The file is a header and then frames. A *frame* is a group of entries that were written and synced together, and it
is whole or it is not there: because a group is synced before the next is written, the only part of the file that a
crash can leave in any state at all is its last frame. Recovery therefore cuts off a last frame that is incomplete
or fails its checksum, and takes every other damage for what it is: something that must not be guessed away.

    header  = magic (8 bytes) · version (u16) · salt (8 bytes) · crc32 of these (u32)
    frame   = marker (4 bytes) · length (u32) · offset (u64) · crc32 of the payload (u32) · crc32 of the salt and
              these (u32) · payload (length bytes: MessagePack, an array of entries)

Numbers are little-endian. The offset is the frame's own: a frame that is sound but in another place tells that the
file has lost or gained something before it. The salt is random, so that no bytes that a client sends, and no frame of
another file, can pass for a frame here.
"""

from __future__ import annotations

import asyncio
import fcntl
import mmap
import os
import secrets
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import msgspec

MAGIC: Final = b"fncpost\x00"
VERSION: Final = 1
_HEADER: Final = struct.Struct("<8sH8sI")
_MARKER: Final = b"\xf5FRM"
_FRAME: Final = struct.Struct("<4sIQII")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[bytes]).decode
_sync_data: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)  # not every POSIX system has the former


class StorageError(Exception):
    """The journal cannot be used, or no longer. The text names the file and, where there is one, the offset."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A group of entries as recovery finds it. ``end`` is the offset in the file at which it ends."""

    entries: list[bytes]
    end: int


Survivors = Callable[[Iterator[Frame]], Iterator[Frame]]


class Storage(Protocol):
    """Where groups of entries are kept. Used by one event loop, and never by two calls at a time.

    ``name`` is what error messages call it.
    """

    @property
    def name(self) -> str: ...

    def recover(self, survivors: Survivors = iter) -> Iterator[Frame]:
        """Open it and go through the groups that it holds, oldest first, of those that ``survivors`` lets pass.

        To be exhausted before the first :meth:`write`. Raises StorageError.
        """

    async def write(self, entries: Sequence[bytes]) -> None:
        """Keep a group. Returns when it is durable.

        Raises StorageError. What the storage holds is then unknown until it is recovered: write no more.
        """

    def close(self) -> None:
        """Let go of it. Nothing is written any more."""


class MemoryStorage:
    """Keeps nothing: for a server that lives as long as its process."""

    name = "memory"

    def recover(self, survivors: Survivors = iter) -> Iterator[Frame]:
        """Nothing to recover."""
        return survivors(iter(()))

    async def write(self, entries: Sequence[bytes]) -> None:
        """Durable at once, in as far as anything is."""

    def close(self) -> None:
        """Nothing to close."""


class FileStorage:
    """One journal file in a directory of its own, which only one server at a time may use.

    ``sync`` makes the written bytes of a file descriptor durable; it runs in a thread. ``truncated`` says after
    recovery how many bytes of a torn last frame were cut off.
    """

    def __init__(self, directory: Path, sync: Callable[[int], None] = _sync_data) -> None:
        self.directory = directory
        self.path = directory / "journal"
        self.truncated = 0
        self._sync = sync
        self._seed = 0  # the checksum of the salt, where those of the frames begin
        self._file = -1
        self._lock = -1
        self._end = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")

    @property
    def name(self) -> str:
        """The path of the file."""
        return str(self.path)

    def recover(self, survivors: Survivors = iter) -> Iterator[Frame]:
        """See :class:`Storage`. Makes the directory and the file where there are none."""
        try:
            self._claim()
            if not self.path.exists():
                self._create()
            self._file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            size = os.fstat(self._file).st_size
            self._end = self._read_header()
            if size > self._end:
                with mmap.mmap(self._file, 0, access=mmap.ACCESS_READ) as content:
                    for frame in survivors(self._frames(content)):
                        yield frame
                        self._end = frame.end
            if self._end < size:
                self.truncated = size - self._end
                os.ftruncate(self._file, self._end)
                self._sync(self._file)
            os.lseek(self._file, self._end, os.SEEK_SET)
        except OSError as error:
            raise StorageError(f"{self.path}: cannot be opened: {error}") from error

    async def write(self, entries: Sequence[bytes]) -> None:
        """See :class:`Storage`. The loop goes on while a thread writes and syncs."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._write, entries)

    def close(self) -> None:
        """Close the file and let another server have the directory."""
        self._thread.shutdown(wait=True)
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    def _claim(self) -> None:
        if self._lock >= 0:
            raise StorageError(f"{self.directory}: this storage is open already")
        missing = [path for path in (self.directory, *self.directory.parents) if not path.exists()]
        self.directory.mkdir(parents=True, exist_ok=True)
        for made in missing:
            _sync_directory(made.parent)
        lock = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(lock, 32, 0).decode(errors="replace").strip()
            os.close(lock)
            raise StorageError(
                f"{self.directory}: another server (process {owner or 'unknown'}) uses this data directory; "
                "stop it or choose another directory"
            ) from None
        self._lock = lock
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)

    def _create(self) -> None:
        # The file appears under its name only when its header is durable: a header is never torn.
        body = struct.pack("<8sH8s", MAGIC, VERSION, secrets.token_bytes(8))
        new = self.directory / "journal.new"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            _write_all(descriptor, body + zlib.crc32(body).to_bytes(4, "little"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new.rename(self.path)
        _sync_directory(self.directory)

    def _read_header(self) -> int:
        header = os.pread(self._file, _HEADER.size, 0)
        if len(header) < _HEADER.size or not header.startswith(MAGIC):
            raise StorageError(f"{self.path}: offset 0: this is not a journal of this server (its header is not there)")
        _, version, salt, crc = _HEADER.unpack(header)
        if crc != zlib.crc32(header[:-4]):
            raise StorageError(f"{self.path}: offset 0: the header is damaged; restore the file from a copy")
        if version != VERSION:
            raise StorageError(f"{self.path}: offset 8: written in version {version}; this server reads {VERSION}")
        self._seed = zlib.crc32(salt)
        return _HEADER.size

    def _frames(self, content: mmap.mmap) -> Iterator[Frame]:
        offset = _HEADER.size
        while offset < len(content):
            sound = self._sound(content, offset)
            if sound is None or sound[0] != offset:
                self._refuse_unless_torn(content, offset)
                return
            payload = sound[1]
            end = offset + _FRAME.size + len(payload)
            try:
                entries = _decode(payload)
            except msgspec.MsgspecError as error:
                raise StorageError(f"{self.path}: offset {offset}: the frame holds no entries: {error}") from error
            yield Frame(entries, end)
            offset = end

    def _sound(self, content: mmap.mmap, place: int) -> tuple[int, bytes] | None:
        """The offset and the payload that a frame at ``place`` states; None where there is no whole and sound one."""
        start = place + _FRAME.size
        if start > len(content):
            return None
        _, length, offset, payload_crc, head_crc = _FRAME.unpack_from(content, place)
        if head_crc != zlib.crc32(content[place : start - 4], self._seed) or start + length > len(content):
            return None
        payload = content[start : start + length]
        return (offset, payload) if payload_crc == zlib.crc32(payload) else None

    def _refuse_unless_torn(self, content: mmap.mmap, offset: int) -> None:
        """A torn write is the last thing in a file: after it there is no sound frame, of this place or another."""
        place = content.find(_MARKER, offset)
        while place >= 0:
            if self._sound(content, place) is not None:
                raise StorageError(
                    f"{self.path}: offset {offset}: there is no sound frame here, yet there is one at {place}; "
                    "this is no torn write: restore the file from a copy"
                )
            place = content.find(_MARKER, place + 1)

    def _write(self, entries: Sequence[bytes]) -> None:
        payload = _encode(entries)
        head = _FRAME.pack(_MARKER, len(payload), self._end, zlib.crc32(payload), 0)[:-4]
        frame = head + zlib.crc32(head, self._seed).to_bytes(4, "little") + payload
        try:
            _write_all(self._file, frame)
            self._sync(self._file)
        except OSError as error:
            raise StorageError(f"{self.path}: offset {self._end}: the journal cannot be written: {error}") from error
        self._end += len(frame)


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
