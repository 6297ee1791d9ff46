"""A disk in memory that simulates process crashes and power losses.

It keeps two states, the one that processes see and the durable one, and the ordered changes between them. A process
crash keeps the first state. A power loss keeps the second, plus a random selection of the changes since: none, all, a
prefix, or any subset. Writes in a subset may be torn and reordered by sector. The same holds for names: a creation,
renaming or removal without a sync of the directory may or may not survive.
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
"""Bytes that a disk writes atomically."""


class SimulatedCrash(OSError):
    """The process that used the disk is dead, so the call had no effect."""


@dataclass(frozen=True, slots=True)
class _Write:
    offset: int
    data: bytes

    def apply(self, content: bytearray) -> None:
        if len(content) < self.offset:
            content.extend(bytes(self.offset - len(content)))
        content[self.offset : self.offset + len(self.data)] = self.data

    def sectors(self) -> list[_Change]:
        """Return the same write, split at sector boundaries."""
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
    """The content of a file, or a directory, which has no bytes."""

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


class _Platter:
    """What outlives the processes: names and contents, both as processes see them and as they are durable."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.names: _Names = {Path("/"): _Content(directory=True)}
        self.durable = dict(self.names)
        self.unsynced: list[_Renaming] = []

    def lose_power(self) -> None:
        for change in _survivors(self.unsynced, self.random):
            _rename(self.durable, change)
        self.unsynced.clear()
        for path in sorted(self.durable):
            if path.parent not in self.durable:
                del self.durable[path]
        self.names = dict(self.durable)
        for content in self.names.values():
            content.lose_power(self.random)


class SimulatedDisk:
    """A disk in memory with a root directory, as one process sees it.

    ``random`` decides what survives a power loss. ``changes`` counts the changes that the process made;
    :meth:`crash_after` kills the process at one of them. ``delay`` is the longest time (seconds of the event loop's
    clock) that one piece of work takes.
    """

    def __init__(self, random: Random, delay: float = 0.0) -> None:
        self.changes = 0
        self.delay = delay
        self._platter = _Platter(random)
        self._process = 0
        self._locks: dict[Path, _SimulatedLock] = {}
        self._last: int | None = None
        self._dead = False

    # -- crashes

    def crash_after(self, changes: int) -> None:
        """Kill the process after this many more changes. If the next one is a write, a part of it may still happen."""
        self._last = self.changes + changes

    def crash_process(self) -> SimulatedDisk:
        """Kill the process, and return the disk as the next process finds it: with everything that was written."""
        self._dead = True
        after = SimulatedDisk(self._platter.random, self.delay)
        after._platter = self._platter
        after._process = self._process + 1
        return after

    def lose_power(self) -> SimulatedDisk:
        """Kill the process, lose all or a part of what was not synced, and return the disk for the next process."""
        self._platter.lose_power()
        return self.crash_process()

    # -- called by the process

    def open(self, path: Path, *, create: bool = False) -> File:
        """See :class:`.Disk`."""
        self.check_alive()
        self._directory(path.parent)
        content = self._platter.names.get(path)
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
        self.check_alive()
        self._directory(directory)
        return sorted(path.name for path in self._platter.names if path.parent == directory and path != directory)

    def is_directory(self, path: Path) -> bool:
        """See :class:`.Disk`."""
        self.check_alive()
        content = self._platter.names.get(path)
        return content is not None and content.directory

    def make_directory(self, path: Path) -> None:
        """See :class:`.Disk`."""
        self.check_alive()
        if path in self._platter.names:
            raise _error(errno.EEXIST, path)
        self._directory(path.parent)
        self._change({path: _Content(directory=True)})

    def sync_directory(self, path: Path) -> None:
        """See :class:`.Disk`."""
        self.check_alive()
        self._directory(path)
        self.step()
        rest = []
        for change in self._platter.unsynced:
            if any(name.parent == path for name in change):
                _rename(self._platter.durable, change)
            else:
                rest.append(change)
        self._platter.unsynced = rest

    def lock(self, path: Path) -> Lock:
        """See :class:`.Disk`. The owner is the number of the process on this disk, counted from 0."""
        self.check_alive()
        self._directory(path.parent)
        if path in self._locks:
            raise LockedError(path, str(self._process))
        if path not in self._platter.names:
            self._change({path: _Content()})
        self._locks[path] = _SimulatedLock(self._locks, path)
        return self._locks[path]

    async def run(self, work: Callable[[], T]) -> T:
        """See :class:`.Disk`. Other tasks run first, for a random time of up to ``delay``."""
        await asyncio.sleep(self._platter.random.random() * self.delay if self.delay else 0)
        self.check_alive()
        return work()

    # -- called by its files

    def check_alive(self) -> None:
        """Raise SimulatedCrash if the process is dead."""
        if self._dead:
            raise SimulatedCrash(errno.EIO, "the process has crashed")

    def dies_now(self) -> bool:
        """Return whether the process dies at its next change."""
        return not self._dead and self._last is not None and self.changes >= self._last

    def step(self) -> None:
        """Count a change. Raise SimulatedCrash if the process dies at it or is dead."""
        if self.dies_now():
            self._dead = True
        self.check_alive()
        self.changes += 1

    def cut(self, data: bytes) -> bytes:
        """Return the prefix of ``data`` that a process still writes when it dies during the write."""
        return data[: self._platter.random.randint(0, len(data))]

    def _change(self, change: _Renaming) -> None:
        self.step()
        _rename(self._platter.names, change)
        self._platter.unsynced.append(change)

    def _directory(self, path: Path) -> None:
        content = self._platter.names.get(path)
        if content is None:
            raise _error(errno.ENOENT, path)
        if not content.directory:
            raise _error(errno.ENOTDIR, path)

    def _file(self, path: Path) -> _Content:
        self.check_alive()
        content = self._platter.names.get(path)
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
        self._closed = False

    def size(self) -> int:
        """See :class:`.File`."""
        self._check_open()
        return len(self._content.seen)

    def read(self, offset: int, length: int) -> bytes:
        """See :class:`.File`."""
        self._check_open()
        return bytes(self._content.seen[offset : offset + length])

    def write(self, offset: int, data: bytes | memoryview) -> int:
        """See :class:`.File`."""
        self._check_open()
        if self._disk.dies_now() and (begun := self._disk.cut(bytes(data))):
            self._content.change(_Write(offset, begun))
        self._disk.step()
        if data:
            self._content.change(_Write(offset, bytes(data)))
        return len(data)

    def truncate(self, size: int) -> None:
        """See :class:`.File`."""
        self._check_open()
        self._disk.step()
        self._content.change(_Resize(size))

    def sync(self) -> None:
        """See :class:`.File`."""
        self._check_open()
        self._disk.step()
        self._content.sync()

    def forget_unsynced(self) -> None:
        """Behave as a kernel after a failed sync: show the written bytes, but never write them to the disk."""
        self._content.unsynced.clear()

    def close(self) -> None:
        """See :class:`.File`."""
        self._closed = True

    def _check_open(self) -> None:
        self._disk.check_alive()
        if self._closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))


class _SimulatedLock:
    def __init__(self, locks: dict[Path, _SimulatedLock], path: Path) -> None:
        self._locks = locks
        self._path = path

    def release(self) -> None:
        if self._locks.get(self._path) is self:
            del self._locks[self._path]


def _survivors(changes: Sequence[T], random: Random) -> Sequence[T]:
    """Return the changes that survive a power loss, in order."""
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
