"""The scan: Theorems 1 and 2, exact and in O(n log n).

Every operation takes place at one moment between its invocation and its return, and the tail only grows. So an
operation that was invoked after others had returned finds a tail no less than theirs. With M the greatest lower
bound of what returned before, each operation takes the smallest member of its domain that is ≥ M; if it has
none, no linearization exists, since every value here is the least possible (the constraints ``x(o) ≤ x(o′)``
are closed under minimum). For domains that are intervals that is one running maximum over all operations; only
unions have gaps, and are taken one by one, in the order of invocation.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Int64s

from ..chain.frontier import Frontier
from ..chain.stream import Stream, among
from ..chain.ties import tied
from ..domains.domains import Observations, Proof, Unions


@dataclass(slots=True)
class Choices:
    """What the scan chose for each union: ``slot`` is an index into its slots, NONE where none is left.

    ``lower`` is the least tail that its slot proves (NONE without one), ``upper`` the end of the slot before (NONE
    if it is the first): what it had to be forced past.
    """

    slot: Int64s
    lower: Int64s
    upper: Int64s


@dataclass(frozen=True, slots=True)
class Scan:
    """The result: ``met`` is the frontier that each observation met, its process's own past included.

    An observation fails where ``met > upper``. ``appended`` is the part of the frontier that acknowledged
    appends alone account for (its sources index ``appended_entries``). ``pairs`` are process predecessors at
    the very same instant: see :func:`~..chain.ties.tied`.
    """

    observations: Observations
    unions: Unions
    choices: Choices
    met: Int64s
    fixed: Frontier
    appended: Frontier
    appended_entries: Int64s
    pairs: dict[int, list[int]]

    @property
    def succeeds(self) -> bool:
        """Is there an order?"""
        return not (len(self.failing) or len(self.failing_unions))

    @property
    def greatest(self) -> int:
        """The greatest tail that the order needs."""
        return int(max(self.observations.lower.max(initial=0), self.choices.lower.max(initial=0)))

    @property
    def failing(self) -> Int64s:
        """Indices of the observations that have no place, ascending in time."""
        failing = np.flatnonzero(self.met > self.observations.upper)
        return failing[np.argsort(self.observations.invoked[failing], kind="stable")]

    @property
    def failing_unions(self) -> Int64s:
        """Indices of the unions in which no place is left, ascending in time."""
        return np.flatnonzero(self.choices.slot == NONE)


def scan(stream: Stream, observations: Observations, unions: Unions) -> Scan:
    """The least solution, or where there is none."""
    fixed = Frontier(observations.returned, observations.lower, stream.tail)
    acked = observations.where(observations.proof == Proof.APPEND)
    appended = Frontier(acked.returned, acked.lower, stream.tail)
    met = fixed.at(observations.invoked)
    inherited = _inherit(stream, observations)
    choices = _choose(stream, unions, fixed, inherited)
    returned = stream.history.returned[unions.row]
    chosen = choices.slot != NONE
    if chosen.any():
        by_token = Frontier(returned[chosen], choices.lower[chosen], stream.tail)
        met = np.maximum(met, by_token.at(observations.invoked))
    for row, bound in inherited.bounds.items():
        mine = inherited.entries.get(row, ())
        for entry in mine:
            met[entry] = max(int(met[entry]), bound)
    entries = np.flatnonzero(observations.proof == Proof.APPEND)
    return Scan(observations, unions, choices, met, fixed, appended, entries, inherited.pairs)


@dataclass(slots=True)
class _Inherited:
    """Process order where it says more than real time: an operation invoked at the instant its predecessor returned.

    ``pairs`` maps such a row to its predecessors; ``own`` gives the lower bound of rows that occur in pairs,
    ``entries`` their observations; ``bounds`` is filled by the scan: what each inherits.
    """

    pairs: dict[int, list[int]]
    own: dict[int, int]
    entries: dict[int, list[int]]
    bounds: dict[int, int]

    def bound(self, row: int) -> int:
        """What ``row`` inherits, given that its predecessors are done."""
        before = self.pairs.get(row)
        if before is None:
            return NONE
        bound = max(max(self.own.get(one, NONE), self.bounds.get(one, NONE)) for one in before)
        self.bounds[row] = bound
        return bound


def _inherit(stream: Stream, observations: Observations) -> _Inherited:
    pairs = tied(stream)
    inherited = _Inherited(pairs, {}, {}, {})
    if pairs:
        involved = {*pairs, *itertools.chain(*pairs.values())}
        mine = np.flatnonzero(among(stream.history, observations.row, involved) & (observations.returned != FOREVER))
        for entry in mine.tolist():
            row = int(observations.row[entry])
            if observations.proof[entry] == Proof.ACK_TAIL and stream.history.session[row] != NONE:
                continue  # the next batch comes after the append, not after the tail that its answer tells
            inherited.own[row] = max(inherited.own.get(row, NONE), int(observations.lower[entry]))
        for entry in np.flatnonzero(among(stream.history, observations.row, pairs)).tolist():
            inherited.entries.setdefault(int(observations.row[entry]), []).append(entry)
    return inherited


def _choose(stream: Stream, unions: Unions, fixed: Frontier, inherited: _Inherited) -> Choices:
    """The smallest member of its slots that is ≥ what it met, for each union in the order of invocation.

    M is the greater of the fixed frontier and of what unions returned before account for; one in a
    slot accounts for the slot's start (if it chose a later member, then because others had already got there).
    """
    history, rows = stream.history, unions.row
    number = len(rows)
    queue = np.array(sorted({*rows.tolist(), *inherited.pairs}), dtype=np.int64) if inherited.pairs else rows
    invoked = history.invoked[queue].tolist()
    met = fixed.at(history.invoked[queue]).tolist()
    index_of = {row: index for index, row in enumerate(rows.tolist())}
    returns = np.argsort(history.returned[rows], kind="stable").tolist()
    returned = history.returned[rows].tolist()
    keys = unions.key.tolist()
    slot, lower, upper = [NONE] * number, [NONE] * number, [NONE] * number
    passed, greatest = 0, NONE
    for place, row in enumerate(queue.tolist()):
        time = invoked[place]
        while passed < number and returned[returns[passed]] < time:
            greatest = max(greatest, lower[returns[passed]])
            passed += 1
        bound = inherited.bound(row) if inherited.pairs else NONE
        index = index_of.get(row)
        if index is None:
            continue
        least = max(met[place], greatest, bound)
        slots = unions.slots[keys[index]]
        chosen = slot[index] = slots.first_from(least)
        upper[index] = slots.end_before(chosen)
        if chosen != NONE:
            lower[index] = inherited.own[row] = slots.starts[chosen]
    return Choices(*(np.array(column, dtype=np.int64) for column in (slot, lower, upper)))
