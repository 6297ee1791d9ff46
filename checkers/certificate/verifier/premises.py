"""What follows if every answer of a stream is right: who sent what, where batches stand, when tokens were in force.

An invalid verdict is proven by contradiction. So answers are premises here, and everything derived from them is certain
under them; where nothing certain follows, the widest that may be is taken. Nothing is computed before it is needed.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, History, Int64s, Kind, Outcome, UInt64s

from .log import ABSENT, spans

LARGEST: Final = 1024 * 1024
"""Metered bytes: the most that a record can have."""

Span = tuple[int, int]
"""Tails from the first to the second, both included."""


class Premises:
    """The answers of one stream. ``rows`` are its rows, ``tail`` its first tail, ``token`` its first token.

    The token is an index into the history's tokens, ABSENT for one that the history does not mention, NONE if unknown.
    """

    def __init__(self, history: History, stream: int, rows: Int64s) -> None:
        state = history.header.streams[stream]
        self.history, self.stream, self.rows, self.tail = history, stream, rows, state.tail
        known = state.fencing_token in history.tokens
        self.token = NONE if state.fencing_token is None else ABSENT
        if known and state.fencing_token is not None:
            self.token = history.tokens.index(state.fencing_token)

    @cached_property
    def first(self) -> int:
        """The first token; where nobody knows it, the one of an append before any fence; NONE if none tells."""
        appends = self.history.appends
        if self.token != NONE or (appends.last_fence[self.unplaced] != NONE).any():
            return self.token
        needing = self.acked[appends.token[self.acked] != NONE]
        needing = needing[appends.start[needing] <= (self.fences[0][0] if self.fences else FOREVER)]
        return int(appends.token[needing[np.argmin(appends.start[needing])]]) if len(needing) else NONE

    # -- who sent what

    @cached_property
    def appends(self) -> Int64s:
        """Rows of appends."""
        return np.asarray(self.rows[self.history.kind[self.rows] == Kind.APPEND], dtype=np.int64)

    @cached_property
    def applicable(self) -> Int64s:
        """Rows of appends that were applied, or may have been."""
        return np.asarray(self.appends[self.history.outcome[self.appends] != Outcome.FAILED], dtype=np.int64)

    @cached_property
    def lost(self) -> Int64s:
        """Rows of appends of unknown outcome."""
        return np.asarray(self.appends[self.history.outcome[self.appends] == Outcome.INDEFINITE], dtype=np.int64)

    @cached_property
    def acked(self) -> Int64s:
        """Rows of acknowledged appends."""
        return np.asarray(self.appends[self.history.outcome[self.appends] == Outcome.OK], dtype=np.int64)

    def size(self, row: int) -> int:
        """The records of a batch."""
        offset = self.history.appends.offset
        return int(offset[row + 1] - offset[row])

    def digests(self, row: int) -> UInt64s:
        """The contents of a batch."""
        offset = self.history.appends.offset
        return self.history.appends.digest[offset[row] : offset[row + 1]]

    @cached_property
    def _sent(self) -> tuple[UInt64s, Int64s]:
        """Every content that may be in the stream, ascending, and how often it was sent."""
        offset = self.history.appends.offset
        records = spans(offset[self.applicable], offset[self.applicable + 1] - offset[self.applicable])
        return np.unique(self.history.appends.digest[records], return_counts=True)

    def copies(self, digests: UInt64s) -> Int64s:
        """How often each content was sent by appends that may have been applied."""
        sent, count = self._sent
        if not len(sent):
            return np.zeros(len(digests), dtype=np.int64)
        at = np.minimum(np.searchsorted(sent, digests), len(sent) - 1)
        return np.where(sent[at] == digests, count[at], 0)

    # -- where batches stand

    @cached_property
    def _unclaimed(self) -> tuple[UInt64s, Int64s]:
        """Every content that was returned where no acknowledged batch stands, ascending, and a position of it."""
        history, reads = self.history, self.history.reads
        rows = self.rows[(history.kind[self.rows] == Kind.READ) & (history.outcome[self.rows] == Outcome.OK)]
        record = spans(reads.offset[rows], reads.offset[rows + 1] - reads.offset[rows])
        record = record[reads.seq_num[record] >= self.tail]
        order = self.acked[self._by_start]
        below = np.searchsorted(history.appends.start[order], reads.seq_num[record], side="right")
        reach = np.concatenate((np.array([NONE]), np.maximum.accumulate(history.appends.end[order])))
        record = record[reach[below] <= reads.seq_num[record]]
        digest, first = np.unique(reads.digest[record], return_index=True)
        return digest, reads.seq_num[record][first]

    @cached_property
    def places(self) -> dict[int, int]:
        """Where batches of unknown outcome begin: by any record seen that no other such batch holds.

        Copies in acknowledged batches stand where those do.
        """
        offset, digest = self.history.appends.offset, self.history.appends.digest
        lengths = offset[self.lost + 1] - offset[self.lost]
        records, owner = spans(offset[self.lost], lengths), np.repeat(self.lost, lengths)
        seen, position = self._unclaimed
        if not len(seen) or not len(records):
            return {}
        at = np.minimum(np.searchsorted(seen, digest[records]), len(seen) - 1)
        _, which, copies = np.unique(digest[records], return_inverse=True, return_counts=True)
        found = (seen[at] == digest[records]) & (copies[which] == 1)
        starts = position[at[found]] - (records[found] - offset[owner[found]])
        return dict(zip(owner[found][::-1].tolist(), starts[::-1].tolist(), strict=True))

    def place(self, row: int) -> int | None:
        """Where a batch begins, if that is known."""
        if self.history.outcome[row] == Outcome.OK:
            return int(self.history.appends.start[row])
        return self.places.get(row)

    @cached_property
    def unplaced(self) -> Int64s:
        """Appends of unknown outcome that may be anywhere, or nowhere.

        Left out are those that cannot have been applied: others stand where they asked to be, or their token was never
        in force, since nobody set it who can have been applied.
        """
        placed, appends = np.fromiter(self.places, dtype=np.int64, count=len(self.places)), self.history.appends
        rows = self.lost[~np.isin(self.lost, placed)]
        starts = np.sort(appends.start[self.acked])
        reach = np.concatenate((np.array([NONE]), np.maximum.accumulate(appends.end[self.acked][self._by_start])))
        match = appends.match_seq_num[rows]
        rows = rows[(match == NONE) | (reach[np.searchsorted(starts, match, side="right")] <= match)]
        tokens = {NONE, self.token, *appends.last_fence[np.concatenate((self.acked, placed))].tolist()}
        while self.token != NONE:
            usable = np.isin(appends.token[rows], list(tokens))
            more = {*tokens, *appends.last_fence[rows[usable]].tolist()}
            if more == tokens:
                return np.asarray(rows[usable], dtype=np.int64)
            tokens = more
        return np.asarray(rows, dtype=np.int64)

    @cached_property
    def _by_start(self) -> Int64s:
        return np.argsort(self.history.appends.start[self.acked], kind="stable")

    def release(self, row: int) -> int:
        """A tail that the stream had certainly reached when a row was invoked."""
        history, rows = self.history, self.rows
        before = rows[history.returned[rows] < history.invoked[row]]
        reached = np.maximum(history.appends.end[before], history.observed_tail[before])
        reached = np.maximum(reached, np.maximum(history.seq_num_mismatch[before], history.reads.tail[before]))
        return int(max(reached.max(initial=0), self.tail))

    def furthest(self, by: int) -> int:
        """A tail beyond which the stream cannot have got with what had been invoked by a time (ns)."""
        appends, invoked = self.history.appends, self.history.invoked
        acked = self.acked[invoked[self.acked] <= by]
        ends = [start + self.size(row) for row, start in self.places.items() if invoked[row] <= by]
        known = int(max(appends.end[acked].max(initial=0), max(ends, default=0), self.tail))
        free = self.unplaced[invoked[self.unplaced] <= by]
        size, match = appends.offset[free + 1] - appends.offset[free], appends.match_seq_num[free]
        while True:  # one that asked for a tail that the stream did not reach was not applied
            reach = known + int(size.sum())
            kept = match <= reach - size
            if kept.all():
                return reach
            size, match = size[kept], match[kept]

    def standings(self, row: int) -> list[int]:
        """Where a batch begins by any of the answers that tell: they may contradict each other."""
        history, reads = self.history, self.history.reads
        found = {int(history.appends.start[row])} if history.appends.start[row] != NONE else set()
        digests = self.digests(row)
        if len(digests) and self.copies(digests).max() <= 1:
            records = np.flatnonzero(np.isin(reads.digest, digests))
            of = np.searchsorted(reads.offset, records, side="right") - 1
            records = records[history.stream[of] == self.stream]
            index = {digest: i for i, digest in enumerate(digests.tolist())}
            found |= {
                int(seq_num) - index[digest]
                for seq_num, digest in zip(reads.seq_num[records], reads.digest[records].tolist(), strict=True)
            }
        return sorted(found)

    def end_of(self, tail: int) -> int:
        """The tail, or the end of the acknowledged batch that it is inside of."""
        at = self._acked_around(tail)
        return tail if at == NONE else int(self.history.appends.end[at])

    def start_of(self, tail: int) -> int:
        """The tail, or the start of the acknowledged batch that it is inside of."""
        at = self._acked_around(tail)
        return tail if at == NONE else int(self.history.appends.start[at])

    def _acked_around(self, tail: int) -> int:
        order = self.acked[self._by_start]
        at = int(np.searchsorted(self.history.appends.start[order], tail)) - 1
        return int(order[at]) if at >= 0 and tail < self.history.appends.end[order[at]] else NONE

    def covered(self, position: int) -> int:
        """The row of a batch that holds a position, NONE if none is known to."""
        starts, ends = self.history.appends.start[self.acked], self.history.appends.end[self.acked]
        at = np.flatnonzero((starts <= position) & (position < ends))
        if len(at):
            return int(self.acked[at[0]])
        return next((r for r, start in self.places.items() if start <= position < start + self.size(r)), NONE)

    def largest(self, position: int) -> int:
        """The most metered bytes that the record at a position can have."""
        row = self.covered(position)
        index = position - (self.place(row) or 0) if row != NONE else 0
        if row != NONE and index < self.size(row):
            return int(self.history.appends.size[self.history.appends.offset[row] + index])
        if row != NONE or position < self.tail:
            return LARGEST
        offset = self.history.appends.offset
        record = spans(offset[self.applicable], offset[self.applicable + 1] - offset[self.applicable])
        return int(self.history.appends.size[record].max(initial=0))

    # -- which token was in force, and what may have been trimmed

    @cached_property
    def fences(self) -> list[tuple[int, int, int]]:
        """Start, end and token of every batch that is known to have fenced, ascending."""
        appends = self.history.appends
        acked = self.acked[appends.last_fence[self.acked] != NONE]
        found = [
            (int(appends.start[row]), int(appends.end[row]), int(appends.last_fence[row])) for row in acked.tolist()
        ]
        found += [
            (start, start + self.size(row), int(appends.last_fence[row]))
            for row, start in self.places.items()
            if appends.last_fence[row] != NONE
        ]
        return sorted(found)

    def slots(self, token: int, first: int, other: bool = False) -> list[Span]:
        """The tails at which a token (or another one) may have been in force, if ``first`` was the first."""
        last = self.history.appends.last_fence
        found, since, held = [], 0, first
        for start, end, then in [*self.fences, (FOREVER, FOREVER, NONE)]:
            if (held == token) != other and since <= start:
                found.append((since, start))
            since, held = end, then
        for row in self.unplaced[last[self.unplaced] != NONE].tolist():
            if (last[row] == token) != other:
                found.append((self.release(row) + self.size(row), FOREVER))
        return found

    @cached_property
    def trims(self) -> list[tuple[int, int, int]]:
        """Least tail, invocation and trim point of every trim that may have been in force."""
        found, appends = [], self.history.appends
        applicable = {*self.acked.tolist(), *self.places, *self.unplaced.tolist()} if appends.trims else set()
        for row, asked in appends.trims.items():
            if row in applicable:
                start = self.place(row)
                reach = max(n if start is None else min(n, start + index + 1) for index, n in asked.items())
                since = self.release(row) if start is None else start
                found.append((since + self.size(row), int(self.history.invoked[row]), reach))
        return found

    def trimmed(self, position: int, by: int) -> int:
        """The least tail at which all below ``position`` may be gone, by trims invoked by a time; FOREVER if never."""
        if position <= self.tail:
            return 0
        return min((tail for tail, asked, reach in self.trims if reach >= position and asked <= by), default=FOREVER)
