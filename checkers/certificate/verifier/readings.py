"""Answers to reads, one at a time and at one state: where they may have begun, what was left out, why they ended.

The rules are those that an order is held to (:mod:`.reads`), for a replay that goes back and forth.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise

from fencepost.harness.history.history import FOREVER, NONE

from .asked import Ask, Asked
from .beginnings import by_tail
from .reads import BYTES, RECORDS
from .sizes import Sizes


@dataclass(frozen=True, slots=True)
class Reading:
    """One answer. ``start`` is NONE where a tail decides, or a timestamp (then it is ``free``); it may be clamped.

    What ``spans`` is of a session: it began at one moment, and ended at another, although it does not wait.
    ``first`` and ``after`` are NONE where nothing was returned. ``inner`` is the end of the last jump between its
    records. ``places`` and ``room`` would still have fitted. ``told`` is the tail that it tells. What goes on with an
    answer ``continued`` may begin at the tail. A ``limited`` one is the first part of a read that is not to follow: it
    cannot have begun at the tail. What has ``begun`` did so at a moment of its own (:mod:`.beginnings`).
    """

    first: int
    after: int
    inner: int
    start: int
    offset: int
    free: bool
    clamp: bool
    waits: bool
    spans: bool
    places: int
    room: int
    until: int
    told: int
    continued: bool
    limited: bool
    begun: bool

    @property
    def twice(self) -> bool:
        """Has it a beginning at another moment, which may be any before its end?"""
        if self.begun:
            return False
        return (self.waits or self.spans) and not self.free and (self.clamp or self.start == NONE)

    @property
    def stops(self) -> int:
        """The position from which on nothing was returned; NONE if that depends on the tail."""
        return self.after if self.first != NONE else NONE if self.clamp else self.start

    def start_at(self, tail: int) -> int:
        """Where it starts at a tail; NONE if a timestamp decides."""
        if self.free:
            return NONE
        if self.start == NONE:
            return max(tail - self.offset, 0)
        return min(self.start, tail) if self.clamp else self.start

    def hidden(self, start: int, trim: int) -> bool:
        """May all that it left out have been trimmed?"""
        if start != NONE and (self.first < start or (self.first > start and self.first > trim)):
            return False
        return self.inner <= trim

    def answered(self, tail: int, trim: int, sizes: Sizes) -> bool:
        """May it have been answered so here? It does not wait."""
        start = self.start_at(tail)
        if start != NONE and (start > tail or (start == tail and not self.continued)):
            return False
        if self.first == NONE:
            return start == NONE or self.ended(start, tail, trim, sizes)
        return self.after <= tail and self.hidden(start, trim) and self.ended(self.after, tail, trim, sizes)

    def ended(self, position: int, tail: int, trim: int, sizes: Sizes) -> bool:
        """The tail was reached, or something did not fit, or all up to that may be gone."""
        while position < tail:
            if self.stopped(position, sizes):
                return True
            if position >= trim:
                return False
            position += 1
        return True

    def stopped(self, position: int, sizes: Sizes) -> bool:
        """Would the record at a position not have fitted?"""
        if self.places <= 0 or sizes.of(position) > self.room:
            return True
        return self.until != NONE and sizes.latest(position) >= self.until

    def admits(self, tail: int) -> bool:
        """May it begin at a tail?"""
        start = self.start_at(tail)
        return start == NONE or (start < tail if self.limited else start <= tail)

    def followed(self, tail: int, trim: int, tails: list[int], since: int) -> bool:
        """May it have been answered so by now? It waits, and began at one of ``tails[since:]``; now is the last."""
        if self.told != NONE:
            at = bisect_left(tails, self.told)
            if self.told < self.after or at == len(tails) or (at and tails[at] != self.told):
                return False  # it is below what was returned, or there has been no such tail
        if self.first == NONE:
            return self.begun or self.admits(tail)
        if self.after > tail:
            return False
        if not self.twice:
            return self.hidden(self.start_at(tail), trim)
        # Of the beginnings that are not past the first record the latest leaves out least.
        if self.start != NONE:
            latest = FOREVER if self.start <= self.first else self.first
        else:
            latest = self.first + self.offset
        at = bisect_right(tails, latest) - 1
        return at >= since and self.admits(tails[at]) and self.hidden(self.start_at(tails[at]), trim)

    def spanned(self, tail: int, trim: int, tails: list[int], since: int, sizes: Sizes) -> bool:
        """May it have been answered so by now? It does not wait, and yet began at one of ``tails[since:]``."""
        for begun in reversed(tails[since:]):
            start = self.start_at(begun)
            if start >= begun and not self.continued:
                continue  # then there had been nothing to read
            if self.first == NONE and self.ended(start, tail, trim, sizes):
                return True
            if self.first >= start:  # the latest such beginning leaves out least
                return self.after <= tail and self.hidden(start, trim) and self.ended(self.after, tail, trim, sizes)
        return False


def readings(asked: Asked) -> dict[int, Reading]:
    """Those of a stream, by moment."""
    history = asked.history
    parts: dict[int, list[int]] = {}
    for row in asked.rows[history.part_of[asked.rows] != NONE].tolist():
        parts.setdefault(int(history.part_of[row]), []).append(row)
    later = {row for read, several in parts.items() for row in [*several, read][1:]}
    return {
        number: _reading(asked, moment.row, parts, moment.row in later)
        for number, moment in enumerate(asked.moments)
        if moment.ask is Ask.READ
    }


def _reading(asked: Asked, row: int, parts: dict[int, list[int]], later: bool) -> Reading:
    history, reads = asked.history, asked.history.reads
    low, high = int(reads.offset[row]), int(reads.offset[row + 1])
    seq_nums = reads.seq_num[low:high].tolist()
    jumps = [b for a, b in pairwise(seq_nums) if b != a + 1]
    start, timed = int(reads.from_seq_num[row]), bool(reads.from_timestamp[row] != NONE)
    clamp, read = bool(reads.clamp[row]), int(history.part_of[row])
    # Where an answer began is said once: by the tail, if it began there. Later parts, with nothing before, do not.
    detached = later and not timed and (start == NONE or clamp)
    records, size = RECORDS, BYTES
    for part in parts.get(row, ()):
        records -= int(reads.offset[part + 1] - reads.offset[part])
        size -= int(reads.size[reads.offset[part] : reads.offset[part + 1]].sum())
    if history.session[row] != NONE:
        records = size = FOREVER
    count, most = int(reads.count[row]), int(reads.bytes[row])
    return Reading(
        first=seq_nums[0] if seq_nums else NONE,
        after=seq_nums[-1] + 1 if seq_nums else NONE,
        inner=jumps[-1] if jumps else NONE,
        start=NONE if detached else start,
        offset=max(int(reads.tail_offset[row]), 0),
        free=timed or detached,
        clamp=clamp and not detached,
        waits=bool(reads.wait[row] > 0),
        spans=bool(history.session[row] != NONE and reads.wait[row] <= 0),
        places=min(records, count if count != NONE else FOREVER) - (high - low),
        room=min(size, most if most != NONE else FOREVER) - int(reads.size[low:high].sum()),
        until=int(reads.until[row]),
        told=int(reads.tail[row]),
        continued=any(reads.offset[part + 1] > reads.offset[part] for part in parts.get(row, ())),
        limited=read != NONE and not detached and by_tail(history, row) and bool(reads.wait[read] <= 0),
        begun=row in asked.beginnings,
    )


def probing(found: dict[int, Reading], largest: int) -> list[tuple[int, int]]:
    """Moments of reads that may have ended for want of room for a record as large as this, and where they stopped.

    Where no room is left at all any record does not fit.
    """
    return [(moment, one.stops) for moment, one in found.items() if not one.waits and 0 <= one.room < largest]
