"""A disk in memory that knows what a crash of the process leaves behind, and what a loss of power does.

It keeps two states: what a process sees, and what is durable, with the changes between them in order. A crash of the
process keeps the first. A loss of power keeps the second, and of the changes since then whatever its randomness picks:
none, all, the first few, or any of them, whose writes may be torn and reordered by sector. Names are no better off than
bytes: what was created, renamed or removed without a sync of the directory may or may not have happened.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final, TypeAlias, TypeVar

from .disk import File, Lock, LockedError

T = TypeVar("T")
SECTOR: Final = 512
"""Bytes that a disk writes as one."""


class SimulatedCrash(OSError):
    """The process that used the disk is dead: whatever it still does has no effect."""


@dataclass(frozen=True, slots=True)
class _Write:
    offset: int
    data: bytes

    def apply(self, content: bytearray) -> None:
        if len(content) < self.offset:
            content.extend(bytes(self.offset - len(content)))
        content[self.offset : self.offset + len(self.data)] = self.data

    def sectors(self) -> list[_Change]:
        """The same as several writes, none of which crosses from one sector to another."""
        cuts = range((self.offset // SECTOR + 1) * SECTOR, self.offset + len(self.data), SECTOR)
        edges = [self.offset, *cuts, self.offset + len(self.data)]
        return [_Write(low, self.data[low - self.offset : high - self.offset]) for low, high in pairwise(edges)]


@dataclass(frozen=True, slots=True)
class _Resize:
    size: int

    def apply(self, content: bytearray) -> None:
        if self.size < len(content):
            del content[self.size :]
        else:
            content.extend(bytes(self.size - len(content)))

    def sectors(self) -> list[_Change]:
        return [self]


_Change: TypeAlias = _Write | _Resize


@dataclass(slots=True, eq=False)
class _Content:
    """The bytes of a file, or a directory, which has none."""

    directory: bool = False
    seen: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    unsynced: list[_Change] = field(default_factory=list)

    def change(self, change: _Change) -> None:
        change.apply(self.seen)
        self.unsynced.append(change)

    def sync(self) -> None:
        for change in self.unsynced:
            change.apply(self.durable)
        self.unsynced.clear()

    def lose_power(self, random: Random) -> None:
        pieces = [piece for change in self.unsynced for piece in change.sectors()]
        for change in _survivors(pieces, random):
            change.apply(self.durable)
        self.unsynced.clear()
        self.seen = bytearray(self.durable)


_Names: TypeAlias = dict[Path, _Content]
_Renaming: TypeAlias = Mapping[Path, _Content | None]


class SimulatedDisk:
    """A disk in memory, with the root directory on it. ``random`` decides what a loss of power leaves.

    ``changes`` counts what was done to it, and :meth:`crash_after` stops the process at one of these moments.
    ``delay`` is how long (seconds, on the event loop's clock) each piece of work takes at most.
    """

    def __init__(self, random: Random, delay: float = 0.0) -> None:
        self.changes = 0
        self.delay = delay
        self._random = random
        self._names: _Names = {Path("/"): _Content(directory=True)}
        self._durable = dict(self._names)
        self._unsynced: list[_Renaming] = []
        self._locks: dict[Path, _SimulatedLock] = {}
        self._life = 0
        self._last: int | None = None
        self._dead = False

    # -- what befalls it

    def crash_after(self, changes: int) -> None:
        """Let the process die once it has made so many more changes; a write that is its last may be cut short."""
        self._last = self.changes + changes

    def crash_process(self) -> None:
        """End the process that used the disk and make room for another: what was written is there."""
        self._life += 1
        self._locks.clear()
        self._last = None
        self._dead = False

    def lose_power(self) -> None:
        """End the process, and lose whatever was not synced, or a part of that."""
        self.crash_process()
        for change in _survivors(self._unsynced, self._random):
            _rename(self._durable, change)
        self._unsynced.clear()
        for path in sorted(self._durable):
            if path.parent not in self._durable:
                del self._durable[path]
        self._names = dict(self._durable)
        for content in self._names.values():
            content.lose_power(self._random)

    # -- what a process does with it

    def open(self, path: Path, *, create: bool = False) -> File:
        """See :class:`.Disk`."""
        self._alive()
        self._directory(path.parent)
        content = self._names.get(path)
        if create:
            if content is not None:
                raise _error(errno.EEXIST, path)
            content = _Content()
            self._change({path: content})
        elif content is None:
            raise _error(errno.ENOENT, path)
        elif content.directory:
            raise _error(errno.EISDIR, path)
        return SimulatedFile(self, content)

    def remove(self, path: Path) -> None:
        """See :class:`.Disk`."""
        self._file(path)
        self._change({path: None})

    def rename(self, old: Path, new: Path) -> None:
        """See :class:`.Disk`."""
        content = self._file(old)
        if old.parent != new.parent:
            raise _error(errno.EXDEV, new)
        if old != new:
            self._change({old: None, new: content})

    def names(self, directory: Path) -> list[str]:
        """See :class:`.Disk`."""
        self._alive()
        self._directory(directory)
        return sorted(path.name for path in self._names if path.parent == directory and path != directory)

    def is_directory(self, path: Path) -> bool:
        """See :class:`.Disk`."""
        self._alive()
        content = self._names.get(path)
        return content is not None and content.directory

    def make_directory(self, path: Path) -> None:
        """See :class:`.Disk`."""
        self._alive()
        if path in self._names:
            raise _error(errno.EEXIST, path)
        self._directory(path.parent)
        self._change({path: _Content(directory=True)})

    def sync_directory(self, path: Path) -> None:
        """See :class:`.Disk`."""
        self._alive()
        self._directory(path)
        self.step()
        rest = []
        for change in self._unsynced:
            if any(name.parent == path for name in change):
                _rename(self._durable, change)
            else:
                rest.append(change)
        self._unsynced = rest

    def lock(self, path: Path) -> Lock:
        """See :class:`.Disk`. The owner is the number of the process's life on this disk, from 0."""
        self._alive()
        self._directory(path.parent)
        if path in self._locks:
            raise LockedError(path, str(self._life))
        if path not in self._names:
            self._change({path: _Content()})
        self._locks[path] = _SimulatedLock(self._locks, path)
        return self._locks[path]

    async def run(self, work: Callable[[], T]) -> T:
        """See :class:`.Disk`. Others have a turn before the work is done, and may take a random while."""
        await asyncio.sleep(self._random.random() * self.delay if self.delay else 0)
        return work()

    # -- for its files

    def _alive(self) -> None:
        if self._dead:
            raise SimulatedCrash(errno.EIO, "the process has crashed")

    def dies_now(self, life: int) -> bool:
        """Return whether the next change is the one at which the process dies."""
        return life == self._life and not self._dead and self._last is not None and self.changes >= self._last

    def step(self, life: int | None = None) -> None:
        """Count a change of the process whose life this is. Raises SimulatedCrash once that process is dead."""
        if self.dies_now(self._life):
            self._dead = True
        if self._dead or (life is not None and life != self._life):
            raise SimulatedCrash(errno.EIO, "the process has crashed")
        self.changes += 1

    @property
    def life(self) -> int:
        """Number of the process that uses the disk, from 0."""
        return self._life

    def cut(self, data: bytes) -> bytes:
        """Return what a process that dies while it writes ``data`` still gets done of it."""
        return data[: self._random.randint(0, len(data))]

    def _change(self, change: _Renaming) -> None:
        self.step()
        _rename(self._names, change)
        self._unsynced.append(change)

    def _directory(self, path: Path) -> None:
        content = self._names.get(path)
        if content is None:
            raise _error(errno.ENOENT, path)
        if not content.directory:
            raise _error(errno.ENOTDIR, path)

    def _file(self, path: Path) -> _Content:
        self._alive()
        content = self._names.get(path)
        if content is None:
            raise _error(errno.ENOENT, path)
        if content.directory:
            raise _error(errno.EISDIR, path)
        return content


class SimulatedFile:
    """An open file of a :class:`SimulatedDisk`. It dies with the process that opened it."""

    def __init__(self, disk: SimulatedDisk, content: _Content) -> None:
        self._disk = disk
        self._content = content
        self._life = disk.life

    def size(self) -> int:
        """See :class:`.File`."""
        self._alive()
        return len(self._content.seen)

    def read(self, offset: int, length: int) -> bytes:
        """See :class:`.File`."""
        self._alive()
        return bytes(self._content.seen[offset : offset + length])

    def write(self, offset: int, data: bytes | memoryview) -> int:
        """See :class:`.File`."""
        self._alive()
        if self._disk.dies_now(self._life) and (begun := self._disk.cut(bytes(data))):
            self._content.change(_Write(offset, begun))
        self._disk.step(self._life)
        if data:
            self._content.change(_Write(offset, bytes(data)))
        return len(data)

    def truncate(self, size: int) -> None:
        """See :class:`.File`."""
        self._alive()
        self._disk.step(self._life)
        self._content.change(_Resize(size))

    def sync(self) -> None:
        """See :class:`.File`."""
        self._alive()
        self._disk.step(self._life)
        self._content.sync()

    def forget_unsynced(self) -> None:
        """Do what a kernel does whose sync has failed: show what was written, and never write it to the disk."""
        self._content.unsynced.clear()

    def close(self) -> None:
        """See :class:`.File`."""
        self._life = -1

    def _alive(self) -> None:
        if self._life < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))


class _SimulatedLock:
    def __init__(self, locks: dict[Path, _SimulatedLock], path: Path) -> None:
        self._locks = locks
        self._path = path

    def release(self) -> None:
        if self._locks.get(self._path) is self:
            del self._locks[self._path]


def _survivors(changes: Sequence[T], random: Random) -> Sequence[T]:
    """Return which of the changes a loss of power leaves, in their order."""
    match random.randrange(4):
        case 0:
            return ()
        case 1:
            return changes
        case 2:
            return changes[: random.randint(0, len(changes))]
        case _:
            return [change for change in changes if random.random() < 0.5]


def _rename(names: _Names, change: _Renaming) -> None:
    for path, content in change.items():
        if content is None:
            names.pop(path, None)
        else:
            names[path] = content


def _error(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))
