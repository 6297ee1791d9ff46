"""Which fencing token is in force at which position.

A *slot* of a token is a stretch of tails: from the end of the batch whose last fence set it to the start of the
next batch that fences, both included. The initial token has a slot from 0.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Int64s

from .stream import UNKNOWN, Stream


@dataclass(slots=True)
class Slots:
    """The slots of one token, ascending: ``[start, end]`` inclusive, set by ``setter`` and ended by ``ender``.

    Setter and ender are rows of appends, NONE for the initial token and for what still holds. The slots from
    ``certain`` on are not known to exist: a fence of unknown outcome may have made them.
    """

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    setters: list[int] = field(default_factory=list)
    enders: list[int] = field(default_factory=list)

    def add(self, start: int, end: int, setter: int, ender: int) -> None:
        """A further slot, not below the last."""
        self.starts.append(start)
        self.ends.append(end)
        self.setters.append(setter)
        self.enders.append(ender)

    def first_from(self, position: int) -> int:
        """The index of the first slot that has a member ≥ position; NONE if there is none."""
        index = bisect_left(self.ends, position)
        while index < len(self.ends) and self.starts[index] > self.ends[index]:
            index += 1
        return index if index < len(self.ends) else NONE

    def end_before(self, index: int) -> int:
        """The end of the last slot before ``index`` (NONE: of the last of all) that has any member; NONE if none."""
        before = self.last_before(index)
        return self.ends[before] if before >= 0 else NONE

    def last_before(self, index: int) -> int:
        """The index of the last slot before ``index`` (NONE: of all) that has any member; NONE if none."""
        before = (len(self.ends) if index == NONE else index) - 1
        while before >= 0 and self.starts[before] > self.ends[before]:
            before -= 1
        return before


class Tokens:
    """The tokens of one stream. ``start``, ``end``, ``token``, ``row`` describe fencing batches, ascending."""

    def __init__(self, initial: int, start: Int64s, end: Int64s, token: Int64s, row: Int64s) -> None:
        self.initial = initial
        self.start, self.end, self.token, self.row = start, end, token, row
        self._after = np.concatenate(([initial], token))
        self._slots: dict[int, Slots] = {}
        starts = [0, *end.tolist()]
        ends = [*start.tolist(), FOREVER]
        rows = [NONE, *row.tolist(), NONE]
        for index, value in enumerate(self._after.tolist()):
            self._slots.setdefault(value, Slots()).add(starts[index], ends[index], rows[index], rows[index + 1])

    def at(self, positions: Int64s) -> Int64s:
        """The token in force at each tail (UNKNOWN before the first fence where the initial one is unknown)."""
        return np.asarray(self._after[np.searchsorted(self.end, positions, side="right")], dtype=np.int64)

    def setter(self, position: int) -> int:
        """The row of the append that set the token in force at a tail, NONE for the initial token."""
        index = int(np.searchsorted(self.end, position, side="right")) - 1
        return int(self.row[index]) if index >= 0 else NONE

    def may_hold(self, token: int, position: int) -> bool:
        """Is the token in force at this tail, as far as is known?"""
        return int(self.at(np.array([position]))[0]) in (token, UNKNOWN)

    def slots(self, token: int) -> Slots:
        """Where the token is, or (before the first fence, where the initial one is unknown) may be, in force."""
        found = self._slots.get(token, Slots())
        if self.initial != UNKNOWN or token == UNKNOWN:
            return found
        initial = self._slots[UNKNOWN]
        merged = Slots()
        merged.add(initial.starts[0], initial.ends[0], NONE, initial.enders[0])
        for index in range(len(found.starts)):
            merged.add(found.starts[index], found.ends[index], found.setters[index], found.enders[index])
        return merged

    def others(self, token: int) -> Slots:
        """Where another token is, or may be, in force."""
        pieces = [
            piece
            for other, slots in self._slots.items()
            if other != token
            for piece in zip(slots.starts, slots.ends, slots.setters, slots.enders, strict=True)
        ]
        found = Slots()
        for piece in sorted(pieces):
            found.add(*piece)
        return found


def fence_timeline(stream: Stream, fences: list[tuple[int, int, int, int]]) -> Tokens:
    """Tokens from fencing batches given as (start, end, token, row)."""
    columns = np.array(sorted(fences), dtype=np.int64).reshape(-1, 4).T
    return Tokens(stream.token, *columns)
