"""The seam between whoever keeps files and the disk that keeps them.

Everything durable goes through a :class:`Disk`. There is the real one (:mod:`.real_disk`), one that injects faults into
another (:mod:`.faulty_disk`), and a simulated one that knows a crash of the process from a loss of power
(:mod:`.simulated_disk`). ``fencepost.testing.disk`` checks that an implementation behaves.

What a disk promises:

- Written bytes survive the process. Only *synced* bytes survive a loss of power: :meth:`File.sync` for the bytes of a
  file, :meth:`Disk.sync_directory` for the names in a directory.
- After a sync that failed, nobody knows what is durable. A later sync that succeeds proves nothing about the bytes
  that were written before the failure; only writing them again and syncing does.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")


class LockedError(OSError):
    """Another process holds the lock. ``owner`` names it, as far as it is known."""

    def __init__(self, path: Path, owner: str) -> None:
        super().__init__(f"{path} is locked by process {owner or 'unknown'}")
        self.owner = owner


class File(Protocol):
    """An open file. Every method raises OSError where the disk fails, and after :meth:`close`."""

    def size(self) -> int:
        """Return the size in bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset`` on; fewer where the file ends before."""

    def write(self, offset: int, data: bytes | memoryview) -> int:
        """Write at ``offset`` and return how many bytes were written, which may be fewer than given.

        A gap before ``offset`` reads as zeros.
        """

    def truncate(self, size: int) -> None:
        """Cut the file at ``size`` bytes, or extend it to that size with zeros."""

    def sync(self) -> None:
        """Return when everything written to the file so far is durable."""

    def close(self) -> None:
        """Let go of the file. Closing twice does nothing; closing does not sync."""


class Lock(Protocol):
    """A lock that is held until it is released, or until the process ends."""

    def release(self) -> None:
        """Let somebody else have it. Releasing twice does nothing."""


class Disk(Protocol):
    """Files by absolute path. Every method raises OSError where the disk fails.

    Methods block. Whoever must not be held up hands the work to :meth:`run`.
    """

    def open(self, path: Path, *, create: bool = False) -> File:
        """Open a file for reading and writing.

        Raises FileNotFoundError where there is none; with ``create``, which makes it, FileExistsError where there is.
        """

    def remove(self, path: Path) -> None:
        """Remove a file. Whoever has it open can go on."""

    def rename(self, old: Path, new: Path) -> None:
        """Rename a file within its directory, atomically; a file under the new name is replaced."""

    def names(self, directory: Path) -> list[str]:
        """Return the names in a directory, in order."""

    def is_directory(self, path: Path) -> bool:
        """Return whether there is a directory at ``path``."""

    def make_directory(self, path: Path) -> None:
        """Make one directory, whose parent is there."""

    def sync_directory(self, path: Path) -> None:
        """Return when all that was created, renamed or removed in the directory is durable."""

    def lock(self, path: Path) -> Lock:
        """Take the lock that the file at ``path`` stands for; the file is made where it is missing.

        Raises LockedError where it is taken, by this process or another.
        """

    async def run(self, work: Callable[[], T]) -> T:
        """Do blocking work on this disk without holding up the event loop, one piece of work after the other."""


def write_all(file: File, offset: int, data: bytes | memoryview) -> None:
    """Write all of ``data`` at ``offset``, in as many writes as it takes. Raises OSError."""
    rest = memoryview(data)
    while rest:
        written = file.write(offset, rest)
        offset += written
        rest = rest[written:]


def make_directories(disk: Disk, path: Path) -> None:
    """Make a directory durable, with the parents that are missing. Raises OSError."""
    missing = [place for place in (path, *path.parents) if not disk.is_directory(place)]
    found = missing[-1].parent if missing else path
    if found != found.parent:
        # An earlier process may have made it and died before it could sync. Where its parent cannot be looked at, it
        # was made by somebody else.
        with suppress(PermissionError):
            disk.sync_directory(found.parent)
    for place in reversed(missing):
        disk.make_directory(place)
        disk.sync_directory(place.parent)
