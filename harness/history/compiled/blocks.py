"""Reads a journal in blocks of whole lines and scans them, one block ahead of whoever uses what they say."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np

from ..content import Content
from ..history import NONE
from ..lines import LONGEST, whole
from . import layout as at
from .lines import scan

_BLOCK: Final = 4_000_000
_SHORTEST: Final = 16
"""No line that is scanned has fewer bytes."""

_SHORTEST_TEXT: Final = 5
"""No text and no command has fewer bytes, with what must stand around it."""


class Block:
    """The whole lines of a piece of the content, from its byte ``first`` on: ``size`` bytes of one reused buffer.

    ``ours`` says whether they are of the form that the scanner takes; if so, the arrays of :func:`.lines.scan` hold
    what they say, and ``counts`` how much. If the content ends with a line that was cut short, ``cut`` is its length.
    """

    def __init__(self, content: Content) -> None:
        self._content = content
        self._bytes = bytearray(min(_BLOCK, content.size + 1))
        self._room = 0
        self.first = self.size = self.cut = 0
        self.ours = True

    def read(self, begin: int) -> Block:
        """Read and scan the lines that begin at a place of the content: none if it ends there."""
        self.first = begin
        self._fill()
        if self.size and self.ours:
            self._allocate()
            data = np.frombuffer(self._bytes, dtype=np.uint8, count=self.size)
            rooms = (self.asked, self.answered, self.others, self._slots, self._texts, self.sent, self.seen)
            self.ours = scan(data, begin, *rooms, self.commands, self.counts)
        return self

    def texts(self) -> list[str]:
        """Return the texts in the lines, by number. Raises UnicodeDecodeError."""
        found = self._texts[: self.counts[at.N_TEXTS]]
        self._slots[found[:, 3]] = NONE
        return [str(self._bytes[begin:end], "utf-8") for begin, end in found[:, :2].tolist()]

    def line(self, place: int) -> bytes:
        """Return the line that begins at a place of the content."""
        begin = place - self.first
        return bytes(self._bytes[begin : self._bytes.find(b"\n", begin)])

    def _fill(self) -> None:
        have = 0
        while True:
            have += self._content.fill(memoryview(self._bytes)[have:], self.first + have)
            self.size = self._bytes.rfind(b"\n", 0, have) + 1
            if self.size or not have:
                return
            if have < len(self._bytes):
                break
            if have > LONGEST:
                self.ours = False
                return
            self._bytes = self._bytes + bytes(len(self._bytes))
        if whole(bytes(self._bytes[:have])):  # the last line has no newline
            self._bytes[have : have + 1], self.size = b"\n", have + 1
        else:
            self.cut = have

    def _allocate(self) -> None:
        """Make room for whatever so many bytes may hold."""
        self.counts = np.zeros(at.COUNTS, dtype=np.int64)
        if self.size <= self._room:
            return
        self._room = self.size
        number = self.size // _SHORTEST + 1
        self.asked = np.empty((number, at.ASKED), dtype=np.int64)
        self.answered = np.empty((number, at.ANSWERED), dtype=np.int64)
        self.others = np.empty(number, dtype=np.int64)
        texts = self.size // _SHORTEST_TEXT + 1
        self._texts = np.empty((texts, 4), dtype=np.int64)
        self._slots = np.full(1 << (texts + texts // 4).bit_length(), NONE, dtype=np.int32)
        self.commands = np.empty((texts, at.COMMAND), dtype=np.int64)
        numbers = self.size // 2 + 1  # with its comma or bracket
        positions, sent = (np.int64, np.int64), (np.uint64, np.int64)
        self.sent: Any = tuple(np.empty(numbers, dtype=dtype) for dtype in (*sent, np.int64))
        self.seen: Any = tuple(np.empty(numbers, dtype=dtype) for dtype in positions + sent)


def blocks(content: Content, begin: int) -> Iterator[Block]:
    """Yield the blocks from byte ``begin`` on, up to one without lines. Use each before you ask for the next."""
    with ThreadPoolExecutor(1) as pool:
        block, following = Block(content), Block(content)
        scanning = pool.submit(block.read, begin)
        while True:
            block = scanning.result()
            if block.size and block.ours:
                scanning = pool.submit(following.read, block.first + block.size)
            yield block
            if not block.size or not block.ours:
                return
            following = block
