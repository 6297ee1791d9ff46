"""Follows an answer that comes in parts: where the next part starts, and how much of the read's bounds is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from . import events
from .history import NONE

Parameters = tuple[int, int, int, bool, int, int, int, int]
"""The parameters of a read in the order of the columns: from_seq_num, from_timestamp, tail_offset, clamp, count, bytes,
until, wait."""

FOLLOWING: Final = 1
"""The ``wait`` (s) that stands for a read that may follow the tail without giving one."""


@dataclass(slots=True)
class Parts:
    """The parts so far of the answer to ``read`` (row ``row``). ``after`` is the end of the last record, if any."""

    row: int
    read: events.ReadInvoked
    after: int | None = None
    records: int = 0
    size: int = 0

    def add(self, part: events.Frame) -> None:
        """Add a part, after which the answer goes on."""
        if part.seq_nums:
            self.after = part.seq_nums[-1] + 1
            self.records += len(part.seq_nums)
            self.size += sum(part.sizes)

    @property
    def of_part(self) -> Parameters:
        """Return the parameters of the next part, which may end anywhere."""
        *bounds, wait = self.of_rest
        return (*bounds, wait if wait > 0 else FOLLOWING)  # type: ignore[return-value]

    @property
    def of_rest(self) -> Parameters:
        """Return the parameters of the rest of the answer."""
        read, after = self.read, self.after
        if after is None:
            return of_whole(read)
        wait = _following(read)
        count, size = _given(read.count), _given(read.bytes)
        count, size = (
            max(bound - used, 0) if bound != NONE else NONE
            for bound, used in ((count, self.records), (size, self.size))
        )
        return after, NONE, NONE, False, count, size, _given(read.until), wait


def of_whole(read: events.ReadInvoked) -> Parameters:
    """Return the parameters of a read that has no answer yet."""
    return (
        _given(read.seq_num),
        _given(read.timestamp),
        _given(read.tail_offset),
        read.clamp,
        _given(read.count),
        _given(read.bytes),
        _given(read.until),
        _following(read),
    )


def _following(read: events.ReadInvoked) -> int:
    """Return how long a read waits (s). A session without any limit follows the tail."""
    wait = _given(read.wait)
    if read.session is not None and wait <= 0 and (read.count, read.bytes, read.until) == (None, None, None):
        return FOLLOWING
    return wait


def _given(value: int | None) -> int:
    return NONE if value is None else value
