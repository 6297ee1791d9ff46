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
from ..chain.ties import parts_of_answers
from ..domains.reading import Answers


@dataclass(frozen=True, slots=True)
class Answer:
    """One read with a batch. ``inner`` is the end of the last jump inside the answer, NONE without one.

    ``first`` is NONE for an empty answer. ``start`` is NONE where none was given, ``timed`` tells that it is a
    timestamp, or that other parts of the answer tell. ``followed`` is the tail in the answer; what is ``continued`` may
    end at its start. What ``spans`` does not wait, and yet begins at one moment and ends at another. ``begins_at`` is
    the first record of a later part, for an answer whose first part is empty; ``opening`` is the row of that first
    part, for those later ones. A ``curbed`` one cannot have begun at the tail: its read was not to follow.
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
    begins_at: int = NONE
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
        # What was there before the history may be gone as well.
        self._trims = bool(chain.stream.history.appends.trims) or chain.stream.tail > 0
        self.answers = _answers(chain, found)

    def unary(self, answer: Answer, tail: int, trim: int) -> bool:
        """A read that does not wait, at one moment."""
        start = answer.start_at(tail)
        if start != NONE and (start > tail if answer.continued else start >= tail):
            return False
        if answer.first != NONE and (answer.after > tail or not _skips(answer, start, trim)):
            return False
        if answer.first == NONE and start == NONE:
            return True
        return self._ends(answer, answer.after if answer.first != NONE else start, tail, trim)

    def followed(self, answer: Answer, tail: int, trim: int, tails: list[int], since: int) -> int:
        """A read that waits, by now: the tail at which it may have begun, NONE if it cannot be.

        ``tails`` are those that there were, ascending, the present one last; it can have begun at or after ``since``.
        """
        if answer.followed != NONE and (answer.followed < answer.after or not _was(answer.followed, tails)):
            return NONE
        if answer.first == NONE and answer.begins_at != NONE:
            return self._opened(answer, tails, since)
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
                if self._ends(answer, start, tail, trim):
                    return begun
            elif answer.first >= start:
                fits = answer.after <= tail and _skips(answer, start, trim)
                return begun if fits and self._ends(answer, answer.after, tail, trim) else NONE
        return NONE

    def _opened(self, answer: Answer, tails: list[int], since: int) -> int:
        """Where an answer may have begun whose first part is empty: at its first record, unless trims may hide that."""
        for begun in tails[bisect_left(tails, since) :]:
            if answer.start_at(begun) == answer.begins_at and answer.may_begin(begun):
                return begun
        hidden = self._trims and answer.may_begin(tails[-1]) and answer.start_at(tails[-1]) <= answer.begins_at
        return tails[-1] if hidden else NONE

    def _ends(self, answer: Answer, after: int, tail: int, trim: int) -> bool:
        """Is there a reason that nothing from ``after`` on was returned?"""
        for position in range(after, tail):
            if answer.places <= 0 or self.size(position) > answer.room:
                return True
            if answer.until != NONE and self.latest(position) >= answer.until:
                return True
            if position >= trim:
                return False
        return True

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
        opening = answers[parts[0]]
        for row in detached.intersection(parts):
            answers[row] = replace(answers[row], opening=parts[0])
        by_tail = opening.first == NONE and opening.moves and not opening.timed
        if by_tail:
            later = (answers[row].first for row in parts[1:] if row in answers)
            answers[parts[0]] = replace(opening, begins_at=next((first for first in later if first != NONE), NONE))
    return answers


def loosely_begun(chain: Chain, answers: dict[int, Answer], begun: dict[int, int]) -> list[int]:
    """Openings (rows) of answers in parts that begin, by their row, at a tail that may not be theirs.

    They start relative to the tail, and nothing is in their first part. When they began matters beyond that part where
    trims hide what they left out, or where nothing was returned at all although they were not to follow.
    """
    found = []
    for parts in parts_of_answers(chain.stream):
        opening, rest = answers[parts[0]], answers.get(parts[-1])
        if opening.first != NONE or not opening.moves or opening.timed:
            continue
        if opening.begins_at == NONE:
            loose = rest is not None and not rest.waits
        else:
            reachable = opening.start == NONE or opening.begins_at <= opening.start
            reachable &= opening.begins_at > chain.stream.tail  # what was there before may be gone at any time
            loose = reachable and opening.start_at(begun[parts[0]]) != opening.begins_at
        if loose:
            found.append(parts[0])
    return found


def _was(told: int, tails: list[int]) -> bool:
    """Has there been this tail? Of those before the first nobody knows."""
    at = bisect_left(tails, told)
    return at == 0 or (at < len(tails) and tails[at] == told)


def _skips(answer: Answer, start: int, trim: int) -> bool:
    """May all that the answer leaves out have been trimmed?"""
    if start != NONE and answer.first < start:
        return False
    return (start == NONE or answer.first == start or answer.first <= trim) and answer.inner <= trim
