"""Answers in parts that start relative to the tail and whose first part is empty: when they began matters later on.

Such a beginning is a moment of its own. It asks nothing of the state but that a read that is not to follow does not
begin at the tail; where it starts is asked by the *teller*, the first later part with a record: whatever it left out
before that must have been trimmed. If none has one, and the read was not to follow, its end is the teller: something
must explain why nothing was returned from the start on.

A beginning is *sure* at a state if no trim has yet to come for it: it starts at the first record, or all before that
is trimmed; or a record there would not have fitted, and all before that is trimmed. Else, if it starts before the first
record, it is *open*: a later trim may explain it. Let an order be given. If the beginning is sure where it stands, it
can be moved forwards to the first state at which it is due and sure, for what follows is explained there as well. If it
is not, a trim came later that reaches the first record, or from the start to what did not fit, or to the end; that
explains every start further back too, so the beginning can be moved forwards to the first state at which it is due and
admitted. So two things are to be tried where it first is: here, or at the first state at which it is sure.
"""

from __future__ import annotations

from dataclasses import dataclass

from fencepost.harness.history.history import FOREVER, NONE, History, Int64s, Outcome

from .log import States
from .moments import Moments
from .refutation import refute


@dataclass(frozen=True, slots=True)
class Beginning:
    """Rows: of the first part, and of the teller. ``first`` is the teller's first record, NONE if it has none.

    It starts at ``start``, but no later than the tail, or ``offset`` before the tail where ``start`` is NONE.
    ``limited`` tells that it cannot have begun at the tail. ``trims`` tells that trims were sent.
    """

    opening: int
    teller: int
    first: int
    start: int
    offset: int
    limited: bool
    trims: bool

    def start_at(self, tail: int) -> int:
        """Where it starts at a tail."""
        return max(tail - self.offset, 0) if self.start == NONE else min(self.start, tail)

    def admits(self, tail: int) -> bool:
        """May it begin at a tail at all?"""
        return not self.limited or self.start_at(tail) < tail

    @property
    def latest(self) -> int:
        """The last tail at which it does not start beyond its first record."""
        if self.first == NONE:
            return FOREVER
        if self.start == NONE:
            return self.first + self.offset
        return FOREVER if self.start <= self.first else self.first

    def reaches(self, start: int, trim: int) -> bool:
        """Is nothing left out between a start and the first record but what was trimmed?"""
        return start == self.first or start < self.first <= trim


def beginnings(history: History, rows: Int64s) -> dict[int, Beginning]:
    """Those of a stream, by the row of the first part."""
    reads = history.reads
    trims = any(row in history.appends.trims for row in rows.tolist())
    found = {}
    for read, parts in _answers(history, rows).items():
        opening, ended, follows = parts[0], history.outcome[read] == Outcome.OK, bool(reads.wait[read] > 0)
        several = [*parts, read] if ended else parts
        filled = [row for row in several if reads.offset[row + 1] > reads.offset[row]]
        if not by_tail(history, opening) or opening in filled[:1] or not (filled or (ended and not follows)):
            continue
        found[opening] = Beginning(
            opening=opening,
            teller=filled[0] if filled else read,
            first=int(reads.seq_num[reads.offset[filled[0]]]) if filled else NONE,
            start=int(reads.from_seq_num[opening]),
            offset=max(int(reads.tail_offset[opening]), 0),
            limited=not follows,
            trims=trims,
        )
    return found


def check(moments: Moments, states: States) -> None:
    """Raises Refuted where an order has parts of one answer begin at several tails, or its end find the start beyond.

    That of parts that begin by the tail: all up to the first with a record.
    """
    history, rows = moments.history, moments.rows
    place = dict(zip(rows.tolist(), moments.first.tolist(), strict=True))
    for read, parts in _answers(history, rows).items():
        begun = [row for row in (*parts, read) if by_tail(history, row) and place[row] != NONE]
        tails = {int(states.tail[place[row]]) for row in begun if history.outcome[row] == Outcome.OK}
        if len(tails) > 1:
            refute(history, read, "has parts that begin at several tails in the order")
    for read in never_beyond(history, rows):
        if history.outcome[read] == Outcome.FAILED and place[read] != NONE:
            refute(history, read, "was refused as out of range, although it had begun")


def never_beyond(history: History, rows: Int64s) -> set[int]:
    """Reads whose start cannot be beyond the tail in the end: the tail told it when they began, and it was not beyond.

    Nor can one that is not to follow have begun at the tail.
    """
    offset, answers = history.reads.offset, _answers(history, rows)
    return {
        read
        for read, parts in answers.items()
        if by_tail(history, parts[0]) and not any(offset[row + 1] > offset[row] for row in parts)
    }


def _answers(history: History, rows: Int64s) -> dict[int, list[int]]:
    """The parts of answers, by the read."""
    found: dict[int, list[int]] = {}
    for row in rows[history.part_of[rows] != NONE].tolist():
        found.setdefault(int(history.part_of[row]), []).append(row)
    return found


def by_tail(history: History, row: int) -> bool:
    """Does the tail at its beginning decide where a read starts?"""
    reads = history.reads
    return bool(reads.from_timestamp[row] == NONE and (reads.from_seq_num[row] == NONE or reads.clamp[row]))
