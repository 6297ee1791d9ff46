"""Beginnings that are moments of their own: of answers in parts that start relative to the tail, the first part empty.

When such an answer began says where it was to start, and later parts depend on that: what lies between the start and
the first record must have been trimmed by then; where nothing is ever returned, though the read was not to follow,
there must be a reason. What is said here is which answers these are, and when a beginning needs no trim to come.
"""

from __future__ import annotations

from dataclasses import dataclass

from fencepost.harness.history.history import FOREVER, NONE, Outcome

from ..chain.stream import Stream
from ..chain.ties import parts_of_answers
from .answers import ReadRules, starts_by_tail


@dataclass(frozen=True, slots=True)
class Beginning:
    """Of the answer in parts whose first one (a row) is ``opening``. ``later`` are parts that began with it.

    ``teller`` is the one of these with the first record, at ``first``; the last, and NONE, where nothing was returned.
    """

    opening: int
    later: tuple[int, ...]
    teller: int
    first: int


def beginnings(stream: Stream) -> dict[int, Beginning]:
    """Those of a stream, by the row of the first part."""
    reads, outcome = stream.history.reads, stream.history.outcome
    found = {}
    for opening, *later in parts_of_answers(stream):
        if not starts_by_tail(stream, opening) or _holds(stream, opening):
            continue
        told = [row for row in later if outcome[row] == Outcome.OK]
        teller = next((row for row in told if _holds(stream, row)), NONE)
        if teller != NONE:
            own = tuple(told[: told.index(teller) + 1])
            found[opening] = Beginning(opening, own, teller, int(reads.seq_num[reads.offset[teller]]))
        elif told and told[-1] == later[-1] and reads.wait[later[-1]] <= 0:
            found[opening] = Beginning(opening, tuple(told), later[-1], NONE)
    return found


def _holds(stream: Stream, row: int) -> bool:
    offset = stream.history.reads.offset
    return bool(offset[row + 1] > offset[row])


class BeginningRules:
    """Whether an answer may have begun at a tail, by what its later parts returned."""

    def __init__(self, stream: Stream, rules: ReadRules) -> None:
        self.rules = rules
        self._trims = not stream.history.appends.trims.keys().isdisjoint(stream.rows.tolist())
        self.of = beginnings(stream)
        self.told_by = {one.teller: one for one in self.of.values()}

    def start_at(self, one: Beginning, tail: int) -> int:
        """Where it starts at a tail."""
        return self.rules.answers[one.opening].start_at(tail)

    def latest(self, one: Beginning) -> int:
        """The greatest tail at which it starts no later than its first record."""
        answer = self.rules.answers[one.opening]
        if one.first == NONE or (answer.start != NONE and answer.start <= one.first):
            return FOREVER
        return one.first if answer.start != NONE else one.first + answer.offset

    def surely(self, one: Beginning, tail: int, trim: int) -> bool:
        """May it have begun at this tail, whatever comes?

        At its first record, or where all up to that is trimmed; at a record that would not have fitted, likewise.
        """
        answer = self.rules.answers[one.opening]
        start = answer.start_at(tail)
        if not answer.may_begin(tail):
            return False
        if one.first != NONE:
            return start == one.first or start < one.first <= trim
        last = self.rules.answers[one.teller]
        return any(self.rules.stops(last, at) for at in range(start, min(max(start, trim) + 1, tail)))

    def perhaps(self, one: Beginning, tail: int, trim: int) -> bool:
        """May it have begun at this tail, if what it left out is trimmed later on?"""
        answer = self.rules.answers[one.opening]
        start = answer.start_at(tail)
        if not answer.may_begin(tail):
            return False
        return self._trims and start < one.first if one.first != NONE else self._trims or start < trim

    def explains(self, one: Beginning, start: int, tail: int, trim: int) -> bool:
        """Does a start explain the part that tells of it, at the end of that part?"""
        teller = self.rules.answers[one.teller]
        if one.first == NONE:
            return self.rules.ends(teller, start, tail, trim)
        return start == one.first or start < one.first <= trim

    def owed(self, one: Beginning, start: int, trim: int) -> int:
        """What the future depends on, of where it started: NONE where it does not, or no longer."""
        if one.first == NONE:
            return start
        return NONE if start == one.first or one.first <= trim else 0
