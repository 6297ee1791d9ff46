"""The seam between code that stores files and the disk that holds them.

Everything durable goes through a :class:`Disk`. The implementations are the real one (:mod:`.real_disk`), one that
injects faults into another (:mod:`.faulty_disk`), and a simulated one that distinguishes a process crash from a power
loss (:mod:`.simulated_disk`). ``fencepost.testing.disk`` is their conformance suite.

What a disk promises:

- Written bytes survive the process. Only *synced* bytes survive a power loss: :meth:`File.sync` syncs the bytes of a
  file, :meth:`Disk.sync_directory` the names in a directory.
- After a failed sync, nobody knows what is durable. A later sync that succeeds proves nothing about the bytes written
  before the failure. Those bytes are durable only once they have been written again and synced.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")


class LockedError(OSError):
    """The lock is taken. ``owner`` is the id of the process that holds it, or empty if unknown."""

    def __init__(self, path: Path, owner: str) -> None:
        super().__init__(f"{path} is locked by process {owner or 'unknown'}")
        self.owner = owner


class File(Protocol):
    """An open file. Every method raises OSError if the disk fails, and after :meth:`close`."""

    def size(self) -> int:
        """Return the size in bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset`` on, or fewer if the file ends first."""

    def write(self, offset: int, data: bytes | memoryview) -> int:
        """Write at ``offset`` and return how many bytes were written, which may be fewer than given.

        A gap before ``offset`` reads as zeros.
        """

    def truncate(self, size: int) -> None:
        """Cut the file at ``size`` bytes, or extend it to that size with zeros."""

    def sync(self) -> None:
        """Return once everything written to the file so far is durable."""

    def close(self) -> None:
        """Close the file without syncing it. Closing twice does nothing."""


class Lock(Protocol):
    """A lock that is held until it is released or the process ends."""

    def release(self) -> None:
        """Release the lock. Releasing twice does nothing."""


class Disk(Protocol):
    """A file system, addressed by absolute paths. Every method raises OSError if the disk fails.

    The methods block. Code on the event loop passes its work to :meth:`run`.
    """

    def open(self, path: Path, *, create: bool = False) -> File:
        """Return the file at ``path``, open for reading and writing.

        Raise FileNotFoundError if it does not exist. With ``create``, make it, and raise FileExistsError if it exists.
        """

    def remove(self, path: Path) -> None:
        """Remove a file. Code that has it open can go on using it."""

    def rename(self, old: Path, new: Path) -> None:
        """Rename a file within its directory, atomically. A file of the new name is replaced."""

    def names(self, directory: Path) -> list[str]:
        """Return the names in a directory, sorted."""

    def is_directory(self, path: Path) -> bool:
        """Return whether there is a directory at ``path``."""

    def make_directory(self, path: Path) -> None:
        """Make one directory, whose parent exists."""

    def sync_directory(self, path: Path) -> None:
        """Return once every creation, renaming and removal in the directory so far is durable."""

    def lock(self, path: Path) -> Lock:
        """Take the lock that belongs to the file at ``path``, and return it. A missing file is made.

        Raise LockedError if the lock is held, by this process or another.
        """

    async def run(self, work: Callable[[], T]) -> T:
        """Return the result of blocking work, done one piece at a time without blocking the event loop."""


def write_all(file: File, offset: int, data: bytes | memoryview) -> None:
    """Write all of ``data`` at ``offset``, in as many writes as it takes. Raise OSError if one fails."""
    rest = memoryview(data)
    while rest:
        written = file.write(offset, rest)
        offset += written
        rest = rest[written:]


def make_directories(disk: Disk, path: Path) -> None:
    """Make a directory and its missing parents, all durable. Raise OSError if that fails."""
    missing = [place for place in (path, *path.parents) if not disk.is_directory(place)]
    found = missing[-1].parent if missing else path
    if found != found.parent:
        # An earlier process may have made it and died before it could sync. A directory whose parent this process may
        # not read was made by another user.
        with suppress(PermissionError):
            disk.sync_directory(found.parent)
    for place in reversed(missing):
        disk.make_directory(place)
        disk.sync_directory(place.parent)
