"""A disk that injects faults into another disk.

The faults are the fields of a :class:`DiskFaults`. They can be set at any time, from any thread:

    disk = FaultyDisk(RealDisk())
    disk.faults.room = 0  # from now on the disk is full
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .disk import Disk, File, Lock
from .simulated_disk import SimulatedFile

T = TypeVar("T")


@dataclass(slots=True)
class DiskFaults:
    """The faults of one disk. With the defaults the disk has none of its own.

    A lying sync returns at once and syncs nothing. No server survives that together with a power loss.
    """

    read_error: bool = False
    """Every read fails with an I/O error."""

    write_error: bool = False
    """Every write fails with an I/O error."""

    sync_error: bool = False
    """Every sync fails with an I/O error. A later sync does not repair the damage."""

    sync_lies: bool = False
    """Every sync returns without syncing."""

    room: int | None = None
    """Bytes by which files can still grow before the disk is full; None for no limit."""

    longest_write: int | None = None
    """The most bytes that one write accepts, so that writes are short; None for no limit."""

    delay: float = 0.0
    """Seconds that each piece of work passed to :meth:`.Disk.run` takes longer, as a slow sync does."""


class FaultyDisk:
    """The disk ``inner`` with faults.

    ``hit`` is called before and after each sync of a file, with ``before-sync`` and ``after-sync``, on the thread
    that syncs. It may block, or raise OSError.
    """

    def __init__(
        self, inner: Disk, faults: DiskFaults | None = None, hit: Callable[[str], None] = lambda point: None
    ) -> None:
        self.faults = faults or DiskFaults()
        self._inner = inner
        self._hit = hit

    def open(self, path: Path, *, create: bool = False) -> File:
        """See :class:`.Disk`. A full disk has no room for a new file."""
        if create and self.faults.room is not None and self.faults.room <= 0:
            raise _no_space()
        return _FaultyFile(self._inner.open(path, create=create), self.faults, self._hit)

    def remove(self, path: Path) -> None:
        """See :class:`.Disk`."""
        self._inner.remove(path)

    def rename(self, old: Path, new: Path) -> None:
        """See :class:`.Disk`."""
        self._inner.rename(old, new)

    def names(self, directory: Path) -> list[str]:
        """See :class:`.Disk`."""
        return self._inner.names(directory)

    def is_directory(self, path: Path) -> bool:
        """See :class:`.Disk`."""
        return self._inner.is_directory(path)

    def make_directory(self, path: Path) -> None:
        """See :class:`.Disk`."""
        self._inner.make_directory(path)

    def sync_directory(self, path: Path) -> None:
        """See :class:`.Disk`."""
        if self.faults.sync_error:
            raise _io_error("sync")
        if not self.faults.sync_lies:
            self._inner.sync_directory(path)

    def lock(self, path: Path) -> Lock:
        """See :class:`.Disk`."""
        return self._inner.lock(path)

    async def run(self, work: Callable[[], T]) -> T:
        """See :class:`.Disk`."""
        if self.faults.delay > 0:
            await asyncio.sleep(self.faults.delay)
        return await self._inner.run(work)


class _FaultyFile:
    def __init__(self, inner: File, faults: DiskFaults, hit: Callable[[str], None]) -> None:
        self._inner = inner
        self._faults = faults
        self._hit = hit

    def size(self) -> int:
        return self._inner.size()

    def read(self, offset: int, length: int) -> bytes:
        if self._faults.read_error:
            raise _io_error("read")
        return self._inner.read(offset, length)

    def write(self, offset: int, data: bytes | memoryview) -> int:
        faults = self._faults
        if faults.write_error:
            raise _io_error("write")
        if faults.longest_write is not None:
            data = data[: faults.longest_write]
        if faults.room is None:
            return self._inner.write(offset, data)
        size = self._inner.size()
        data = data[: max(0, size + faults.room - offset)]
        if not data:
            raise _no_space()
        written = self._inner.write(offset, data)
        faults.room -= max(0, offset + written - size)
        return written

    def truncate(self, size: int) -> None:
        cut = self._inner.size() - size
        self._inner.truncate(size)
        if self._faults.room is not None:
            self._faults.room += cut

    def sync(self) -> None:
        self._hit("before-sync")
        if self._faults.sync_error:
            if isinstance(self._inner, SimulatedFile):
                self._inner.forget_unsynced()
            raise _io_error("sync")
        if not self._faults.sync_lies:
            self._inner.sync()
        self._hit("after-sync")

    def close(self) -> None:
        self._inner.close()


def _io_error(what: str) -> OSError:
    return OSError(errno.EIO, f"{os.strerror(errno.EIO)} (injected into a {what})")


def _no_space() -> OSError:
    return OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} (injected)")
