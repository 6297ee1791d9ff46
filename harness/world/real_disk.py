"""The disk of this machine."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from .disk import File, Lock, LockedError

T = TypeVar("T")
_sync_data: Final[Callable[[int], None]] = getattr(os, "fdatasync", os.fsync)  # not every POSIX system has fdatasync


class RealDisk:
    """The disk of this machine. All work passed to :meth:`run` shares one dedicated thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="disk")

    def open(self, path: Path, *, create: bool = False) -> File:
        """See :class:`.Disk`."""
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0)
        return _RealFile(os.open(path, flags, 0o644))

    def remove(self, path: Path) -> None:
        """See :class:`.Disk`."""
        path.unlink()

    def rename(self, old: Path, new: Path) -> None:
        """See :class:`.Disk`."""
        old.rename(new)

    def names(self, directory: Path) -> list[str]:
        """See :class:`.Disk`."""
        return sorted(entry.name for entry in directory.iterdir())

    def is_directory(self, path: Path) -> bool:
        """See :class:`.Disk`."""
        return path.is_dir()

    def make_directory(self, path: Path) -> None:
        """See :class:`.Disk`."""
        path.mkdir()

    def sync_directory(self, path: Path) -> None:
        """See :class:`.Disk`."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def lock(self, path: Path) -> Lock:
        """See :class:`.Disk`. The kernel releases the lock when the process ends, however it ends."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise LockedError(path, owner) from None
        except OSError:
            os.close(descriptor)
            raise
        return _Descriptor(descriptor)

    async def run(self, work: Callable[[], T]) -> T:
        """See :class:`.Disk`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class _Descriptor:
    """A file descriptor that is closed once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    release = close


class _RealFile(_Descriptor):
    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def read(self, offset: int, length: int) -> bytes:
        pieces = []
        while length and (
            piece := os.pread(self._descriptor, length, offset)
        ):  # one call may return less than the file has
            pieces.append(piece)
            offset += len(piece)
            length -= len(piece)
        return b"".join(pieces)

    def write(self, offset: int, data: bytes | memoryview) -> int:
        return os.pwrite(self._descriptor, data, offset)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)

    def sync(self) -> None:
        _sync_data(self._descriptor)
