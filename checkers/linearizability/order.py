"""The order that a scan proves: the linearization itself, by the construction in the proofs of Theorems 1 and 2.

Each observation takes the tail x = max(lo, M), with M what it met; each append takes the tail at which it starts.
Sorted by x, an append after every observation of its start, and observations of one x by invocation, the sequence
keeps real time: see docs/checking.md. What process order, a session and the parts of one answer ask for at one
instant of the clock is kept by rows: they ascend with invocation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import NONE, History, Int64s, Outcome

from ..certificate.order import Order
from ..chain.chain import Chain
from ..chain.frontier import Frontier
from ..chain.stream import Stream
from ..chain.tokens import Tokens
from ..domains.domains import Proof
from ..search.moments import in_session
from .scan import Scan


def order_of(chain: Chain, tokens: Tokens, scan: Scan) -> Order:
    """The order of a stream that a scan has found to be explained, O(n log n). Raises ValueError if it was not."""
    if not scan.succeeds:
        raise ValueError("the scan found no order")
    return _Ordering(chain, scan).order(first_token(chain.stream, tokens.initial))


def first_token(stream: Stream, token: int) -> str | None:
    """The token (its index) with which the stream began, where its history does not say so; None where it does.

    One that is not known, or not mentioned, does not matter: any will do.
    """
    history = stream.history
    if history.header.streams[stream.index].fencing_token is not None:
        return None
    return history.tokens[token] if token >= 0 else _unmentioned(history)


def _unmentioned(history: History) -> str:
    """A token that the history does not mention."""
    named = set(history.tokens)
    return next(f"{'?' * length}" for length in range(1, len(named) + 2) if "?" * length not in named)


def two_moments(history: History, rows: Int64s) -> NDArray[np.bool_]:
    """Which of some reads, or acknowledged appends, speak of two moments."""
    appends, reads = history.appends, history.reads
    acked = (appends.tail[rows] > appends.end[rows]) & (appends.start[rows] != NONE)
    relative = (reads.from_seq_num[rows] == NONE) & (reads.from_timestamp[rows] == NONE)
    follows = (reads.wait[rows] > 0) & (relative | reads.clamp[rows]) & ~reads.hashed[rows]
    twice: NDArray[np.bool_] = (history.outcome[rows] == Outcome.OK) & (acked | follows)
    return twice


class _Ordering:
    """The tails of the moments of each operation, by its place in the stream: ``first`` and ``last``, NONE for none.

    ``proven`` is the tail that an operation proves once it is over, ``applied`` the one that an append leaves.
    """

    def __init__(self, chain: Chain, scan: Scan) -> None:
        self._scan = scan
        self._batches = chain.batches
        self._stream = stream = chain.stream
        self._history = stream.history
        self._rows = stream.rows
        self._twice = two_moments(stream.history, stream.rows)
        self._first = np.full(len(stream.rows), NONE, dtype=np.int64)
        self._last = self._first.copy()
        self._appends = np.zeros(len(stream.rows), dtype=np.bool_)
        self._proven = self._first.copy()
        self._applied = self._first.copy()

    def order(self, token: str | None) -> Order:
        self._intervals()
        self._unions()
        self._silent()
        self._inherit()
        self._begin()
        self._parts()
        return self._sorted(token)

    def _begin(self) -> None:
        """Where nothing tells the tail at which a read began, it began when it ended; else as late as it can have.

        A trim may have hidden where it began: the earlier that was, the more had to be hidden.
        """
        begun = self._twice & ~self._appends & (self._last != NONE)
        unknown = begun & (self._first == NONE)
        self._first[unknown] = self._last[unknown]
        self._last[begun] = np.maximum(self._first[begun], self._last[begun])
        observations = self._scan.observations
        starts = observations.proof == Proof.READ_START
        at = self._at(observations.row[starts])
        self._first[at] = np.maximum(
            self._first[at], self._boundary(np.minimum(observations.upper[starts], self._last[at]))
        )

    def _boundary(self, tails: Int64s) -> Int64s:
        """The greatest tail at or below each that is not inside a batch."""
        batches = self._batches
        at, inside = batches.containing(tails)
        return np.where(inside, batches.start[at], tails) if len(batches.row) else tails

    def _sorted(self, token: str | None) -> Order:
        at = self._by_read()
        place = np.repeat(at, 2)
        second = np.tile(np.array([False, True]), len(at))
        tail = np.column_stack((self._first[at], self._last[at])).reshape(-1)
        key = tail * 2 + (self._appends[place] & ~second)
        there = tail != NONE
        place, second = place[there], second[there]
        order = np.argsort(key[there], kind="stable")
        return Order(self._rows[place[order]], second[order], token)

    def _by_read(self) -> Int64s:
        """The places by rows, but what an answer ended with after its other parts."""
        part_of = self._history.part_of[self._rows]
        if not (part_of != NONE).any():
            return np.arange(len(self._rows), dtype=np.int64)
        of = np.where(part_of == NONE, self._rows, part_of)
        ends = (part_of == NONE) & np.isin(self._rows, part_of)
        return np.lexsort((self._rows, ends, of))

    def _at(self, rows: Int64s) -> Int64s:
        """The places of rows of the stream."""
        if len(self._rows) == len(self._history):
            return rows
        return np.asarray(np.searchsorted(self._rows, rows), dtype=np.int64)

    def _raise(self, at: Int64s, second: NDArray[np.bool_], tail: Int64s) -> None:
        for moments, chosen in ((self._first, ~second), (self._last, second)):
            moments[at[chosen]] = np.maximum(moments[at[chosen]], tail[chosen])

    def _intervals(self) -> None:
        observations, met = self._scan.observations, self._scan.met
        for proof in np.unique(observations.proof).tolist():
            of = observations.proof == proof
            at, lower = self._at(observations.row[of]), observations.lower[of]
            if proof <= Proof.SEEN_APPEND:
                self._appends[at] = True
                self._first[at] = observations.upper[of]
                self._applied[at] = lower
                self._proven[at] = np.maximum(self._proven[at], lower)
                continue
            tail = np.maximum(lower, met[of])
            second = self._twice[at] & (proof != Proof.READ_START)
            self._raise(at, second, tail)
            self._proven[at] = np.maximum(self._proven[at], tail)

    def _frontier(self, rows: Int64s) -> Int64s:
        """What has been proven when each row is invoked."""
        unions, choices = self._scan.unions, self._scan.choices
        invoked = self._history.invoked[rows]
        met = self._scan.fixed.at(invoked)
        if not len(unions):
            return met
        chosen = Frontier(self._history.returned[unions.row], choices.lower, self._stream.tail)
        return np.maximum(met, chosen.at(invoked))

    def _unions(self) -> None:
        rows = self._scan.unions.row
        if not len(rows):
            return
        at = self._at(rows)
        tail = np.maximum(self._scan.choices.lower, self._frontier(rows))
        self._raise(at, self._twice[at], tail)
        self._proven[at] = np.maximum(self._proven[at], tail)

    def _silent(self) -> None:
        """Answers that are right at any tail: where they stand, they must stand somewhere."""
        rows = np.union1d(self._stream.reads, self._stream.refused)
        at = self._at(rows)
        silent = np.where(self._twice[at], self._last[at], self._first[at]) == NONE
        rows, at = rows[silent], at[silent]
        if len(rows):
            tail = np.maximum(self._frontier(rows), self._stream.tail)
            self._raise(at, self._twice[at], tail)
            self._proven[at] = np.maximum(self._proven[at], tail)

    def _inherit(self) -> None:
        """Operations of one process at one instant, and refused batches of sessions, in their order."""
        pairs = ((row, before) for row, several in sorted(self._scan.pairs.items()) for before in several)
        for row, before in pairs:
            at, least = (int(place) for place in self._at(np.array([row, before])))
            # In a session the batch before was applied first. A later tail in its acknowledgement need not come first.
            pipelined = self._appends[least] and in_session(self._history, before, row)
            bound = int((self._applied if pipelined else self._proven)[least])
            for moments in (self._first, self._last):
                appends = moments is self._first and bool(self._appends[at])
                if moments[at] != NONE and not appends:
                    moments[at] = max(int(moments[at]), bound)
            self._proven[at] = max(int(self._proven[at]), bound)

    def _parts(self) -> None:
        """The parts of one answer, in their order."""
        part_of = self._history.part_of[self._rows]
        reached: dict[int, int] = {}
        for at in self._by_read().tolist() if (part_of != NONE).any() else ():
            read = int(part_of[at]) if part_of[at] != NONE else int(self._rows[at])
            moments = self._last if self._twice[at] else self._first
            if moments[at] != NONE and not self._appends[at]:
                moments[at] = reached[read] = max(int(moments[at]), reached.get(read, NONE))
