"""The content of a history: bytes in memory, or a file that is read in pieces and never kept as a whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_PIECE: Final = 1 << 22


class Content:
    """Bytes that are in memory. ``name`` is what errors call them."""

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        self.size = len(data)
        self._data = data

    def whole(self) -> bytes:
        """Return all bytes."""
        return self._data

    def part(self, begin: int, end: int) -> bytes:
        """Return the bytes from ``begin`` to ``end``, or as many of them as there are."""
        return self._data[begin:end]

    def fill(self, room: memoryview, begin: int) -> int:
        """Copy as many bytes from ``begin`` on as there is room for, and return their number."""
        found = self._data[begin : begin + len(room)]
        room[: len(found)] = found
        return len(found)

    def first_line(self, longest: int) -> bytes:
        """Return the first bytes, at least up to the first newline, the end, or ``longest`` of them."""
        length = 1 << 12
        while b"\n" not in (found := self.part(0, length)) and length < min(self.size, longest + 1):
            length *= 16
        return found

    def line_at(self, place: int) -> tuple[int, bytes]:
        """Return the number of the line that begins at this place, and its bytes without the newline."""
        number = 1 + sum(self.part(at, min(at + _PIECE, place)).count(b"\n") for at in range(0, place, _PIECE))
        line, at = b"", place
        while piece := self.part(at, at + _PIECE):
            line, at = line + piece, at + _PIECE
            if b"\n" in piece:
                break
        return number, line.partition(b"\n")[0]


class FileContent(Content):
    """The content of an open regular file, given its descriptor and its size. Methods raise OSError."""

    def __init__(self, descriptor: int, size: int, path: Path) -> None:
        super().__init__(b"", str(path))
        self.size = size
        self._descriptor = descriptor

    def whole(self) -> bytes:
        """Return all bytes."""
        return self.part(0, self.size)

    def part(self, begin: int, end: int) -> bytes:
        """Return the bytes from ``begin`` to ``end``, or as many of them as there are."""
        room = bytearray(max(min(end, self.size) - begin, 0))
        return bytes(room[: self.fill(memoryview(room), begin)])

    def fill(self, room: memoryview, begin: int) -> int:
        """Copy as many bytes from ``begin`` on as there is room for, and return their number."""
        done = 0
        while done < len(room) and (got := os.preadv(self._descriptor, [room[done:]], begin + done)):
            done += got
        return done
