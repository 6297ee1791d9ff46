"""What the answer to a read asks of the stream's state, decided at one state.

This is the sequential specification of reads (docs/semantics.md) for a stream whose contents are known to agree with
what was read: what is left to decide is where a read may have begun, what may have been trimmed, and why it ended.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE

from ..chain.bounds import BYTES
from ..chain.chain import Chain
from ..chain.claims import Claims
from ..chain.stream import Stream
from ..chain.ties import parts_of_answers
from ..domains.reading import Answers


@dataclass(frozen=True, slots=True)
class Answer:
    """One read with a batch. ``inner`` is the end of the last jump inside the answer, NONE without one.

    ``first`` is NONE for an empty answer. ``start`` is NONE where none was given, ``timed`` tells that it is a
    timestamp, or that other parts of the answer tell. ``followed`` is the tail in the answer; what is ``continued`` may
    end at its start. What ``spans`` does not wait, and yet begins at one moment and ends at another. ``opening`` is the
    row of the first part, for later ones that began with it. A ``curbed`` one cannot have begun at the tail: its read
    was not to follow.
    """

    first: int
    after: int
    inner: int
    start: int
    offset: int
    timed: bool
    clamp: bool
    waits: bool
    places: int
    room: int
    until: int
    followed: int
    continued: bool
    spans: bool
    curbed: bool
    opening: int = NONE

    @property
    def moves(self) -> bool:
        """Does where it starts depend on the tail of a moment of its own? (It may end later.)"""
        return (self.waits or self.spans) and (self.clamp or (self.start == NONE and not self.timed))

    def start_at(self, tail: int) -> int:
        """Where it starts at a tail; NONE by timestamp."""
        if self.timed:
            return NONE
        if self.start == NONE:
            return max(0, tail - self.offset)
        return min(self.start, tail) if self.clamp else self.start

    def may_begin(self, tail: int) -> bool:
        """May it begin at this tail, and wait there if it is to follow? Else that had been a 416."""
        start = self.start_at(tail)
        return start == NONE or (start < tail if self.curbed else start <= tail)


class ReadRules:
    """Whether reads may have been answered as they were; contents come from the chain, and from ``placed``.

    ``placed`` maps positions of what the search has applied to their metered size.
    """

    def __init__(self, chain: Chain, found: Answers, told: Claims) -> None:
        held = chain.contents
        self._starts, self._ends_of = held.axis.starts.tolist(), held.axis.ends.tolist()
        self._firsts = held.axis.index(held.axis.starts).tolist() if held.axis.size else []
        self._size = held.size.tolist()
        self._timed, self._timestamps = _timestamps(chain, told)
        self._first_tail = chain.stream.tail
        self.placed: dict[int, int] = {}
        self.answers = _answers(chain, found)
        self._reads = chain.stream.history.reads
        self._begun = begun_by_tail(chain.stream)

    def unary(self, answer: Answer, tail: int, trim: int) -> bool:
        """A read that does not wait, at one moment."""
        start = answer.start_at(tail)
        if start != NONE and (start > tail if answer.continued else start >= tail):
            return False
        if answer.first != NONE and (answer.after > tail or not _skips(answer, start, trim)):
            return False
        if answer.first == NONE and start == NONE:
            return True
        return self.ends(answer, answer.after if answer.first != NONE else start, tail, trim)

    def unsatisfiable(self, row: int, tail: int) -> bool:
        """A read that is refused: at this tail it begins beyond it, or at it and is not to follow."""
        reads, seq_num = self._reads, int(self._reads.from_seq_num[row])
        if row in self._begun or reads.from_timestamp[row] != NONE:
            return row not in self._begun
        if seq_num == NONE:
            start = max(0, tail - max(int(reads.tail_offset[row]), 0))
        else:
            start = min(seq_num, tail) if reads.clamp[row] else seq_num
        return start > tail or (start == tail and reads.wait[row] <= 0)

    def told(self, answer: Answer, tails: list[int]) -> bool:
        """May the tail in an answer that waits be told by now, after these?"""
        return answer.followed == NONE or (answer.after <= answer.followed and _was(answer.followed, tails))

    def followed(self, answer: Answer, tail: int, trim: int, tails: list[int], since: int) -> int:
        """A read that waits, by now: the tail at which it may have begun, NONE if it cannot be.

        ``tails`` are those that there were, ascending, the present one last; it can have begun at or after ``since``.
        """
        if not self.told(answer, tails):
            return NONE
        if answer.first == NONE:
            return next(
                (begun for begun in reversed(tails[bisect_left(tails, since) :]) if answer.may_begin(begun)), NONE
            )
        if answer.after > tail:
            return NONE
        if answer.timed or not answer.moves:
            return tail if _skips(answer, answer.start_at(tail), trim) else NONE
        # The latest beginning that is not past the first record skips least.
        low, high = bisect_left(tails, since), len(tails)
        if answer.start != NONE:
            if answer.first < answer.start:
                high = bisect_right(tails, answer.first)
        else:
            high = bisect_right(tails, answer.first + answer.offset if answer.first else answer.offset)
        begun = next((tail for tail in reversed(tails[low:high]) if answer.may_begin(tail)), NONE)
        if begun == NONE:
            return NONE
        return begun if _skips(answer, answer.start_at(begun), trim) else NONE

    def spanned(self, answer: Answer, tail: int, trim: int, tails: list[int], since: int) -> int:
        """An answer that spans, by now: the tail at which it may have begun, NONE if it cannot be."""
        if answer.timed:
            return tail if self.unary(answer, tail, trim) else NONE
        for begun in reversed(tails[bisect_left(tails, since) :]):  # the latest skips least
            start = answer.start_at(begun)
            if start >= begun and not answer.continued:
                continue  # that had been a 416
            if answer.first == NONE:
                if self.ends(answer, start, tail, trim):
                    return begun
            elif answer.first >= start:
                fits = answer.after <= tail and _skips(answer, start, trim)
                return begun if fits and self.ends(answer, answer.after, tail, trim) else NONE
        return NONE

    def ends(self, answer: Answer, after: int, tail: int, trim: int) -> bool:
        """Is there a reason that nothing from ``after`` on was returned?"""
        for position in range(after, tail):
            if self.stops(answer, position):
                return True
            if position >= trim:
                return False
        return True

    def stops(self, answer: Answer, position: int) -> bool:
        """Would the record at a position not have fitted?"""
        if answer.places <= 0 or self.size(position) > answer.room:
            return True
        return answer.until != NONE and self.latest(position) >= answer.until

    def size(self, position: int) -> int:
        """The metered size of a record. One of before the history may be as large as a batch."""
        placed = self.placed.get(position)
        if placed is not None:
            return placed
        part = bisect_right(self._starts, position) - 1
        if part >= 0 and position < self._ends_of[part]:
            return int(self._size[self._firsts[part] + position - self._starts[part]])
        return BYTES if position < self._first_tail else 0

    def latest(self, position: int) -> int:
        """The latest timestamp that the record at a position can have."""
        at = bisect_left(self._timed, position)
        return self._timestamps[at] if at < len(self._timed) else FOREVER


def _timestamps(chain: Chain, told: Claims) -> tuple[list[int], list[int]]:
    """Positions, ascending, of which any answer tells the timestamp, and the timestamps."""
    held = chain.contents
    known = np.flatnonzero(held.timestamp != NONE)
    positions = np.concatenate((held.axis.positions(known), told.position))
    timestamps = np.concatenate((held.timestamp[known], told.timestamp))
    positions, first = np.unique(positions, return_index=True)
    return positions.tolist(), timestamps[first].tolist()


def _answers(chain: Chain, found: Answers) -> dict[int, Answer]:
    reads = chain.stream.history.reads
    rows = found.row
    columns = (
        np.where(found.count > 0, found.first, NONE),
        np.where(found.count > 0, found.after, NONE),
        found.inner,
        np.where(found.spanning, reads.from_seq_num[rows], found.start),
        np.maximum(np.where(found.spanning, reads.tail_offset[rows], found.offset), 0),
        (reads.from_timestamp[rows] != NONE) | found.detached,
        found.clamp | (found.spanning & reads.clamp[rows]),
        found.waits,
        found.places,
        found.room,
        reads.until[rows],
        reads.tail[rows],
        found.continued,
        found.spanning,
        found.curbed,
    )
    fields = (column.tolist() for column in columns)
    answers = {row: Answer(*values) for row, *values in zip(rows.tolist(), *fields, strict=True)}
    detached = set(rows[found.detached].tolist())
    for parts in parts_of_answers(chain.stream):
        for row in detached.intersection(parts):
            answers[row] = replace(answers[row], opening=parts[0])
    return answers


def starts_by_tail(stream: Stream, row: int) -> bool:
    """Does the tail at its beginning decide where a read starts?"""
    reads = stream.history.reads
    by_tail = reads.from_seq_num[row] == NONE or reads.clamp[row]
    return bool(by_tail and reads.from_timestamp[row] == NONE)


def begun_by_tail(stream: Stream) -> set[int]:
    """Reads that began by the tail, and returned nothing yet in parts: in the end they cannot be beyond the tail.

    They had been refused at once if they had begun there; and if they were to follow, it is no reason.
    """
    offset = stream.history.reads.offset
    return {
        read
        for *parts, read in parts_of_answers(stream)
        if starts_by_tail(stream, parts[0]) and not any(offset[row + 1] > offset[row] for row in parts)
    }


def _was(told: int, tails: list[int]) -> bool:
    """Has there been this tail? Of those before the first nobody knows."""
    at = bisect_left(tails, told)
    return at == 0 or (at < len(tails) and tails[at] == told)


def _skips(answer: Answer, start: int, trim: int) -> bool:
    """May all that the answer leaves out have been trimmed?"""
    if start != NONE and answer.first < start:
        return False
    return (start == NONE or answer.first == start or answer.first <= trim) and answer.inner <= trim
