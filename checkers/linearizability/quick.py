"""The fast acceptance: most histories are valid for simple reasons, and these are quickly tested.

A stream is accepted here if its acknowledged appends alone tile it, each under its conditions; if every answer to
anything else is of a simple kind and agrees with that; and if the scan finds each operation a place (Theorems 1 and
2 of ``docs/checking.md``). Then there is a linearization, which can be asked for. What is not accepted is not
condemned: the whole of :mod:`.judging` has its say then. So every doubt here is a "not quick".

Left out, as never accepted: trims, sessions, followed reads, reads that wait or start by time or at the tail or that
returned nothing, refusals without a body, bounds by bytes or time. Appends of unknown outcome do no harm where nothing
is missing: that they were never applied is an explanation.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.chain_hash import chain_hash
from fencepost.harness.history.history import FOREVER, NONE, History, Int32s, Int64s, Kind, Outcome, UInt64s
from fencepost.harness.history.selection import select

from ..chain.axis import ranges
from ..chain.bounds import BYTES, RECORDS
from ..chain.stream import UNKNOWN, Stream
from . import loops

COMPILED_FROM: Final = 60_000
"""Operations from which on it pays to load the compiled loops."""

_BLOCK: Final = 1 << 16
"""Rows that are looked at at a time: what is made of them on the way then fits in memory that was used before."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Why a stream is valid: ``at`` is the tail that each row has reached once it is done.

    It is NONE for what neither took effect nor saw anything. ``tail`` and ``token`` are what the stream began with; the
    token is UNKNOWN only if it does not matter. ``records`` were appended. ``own`` are the rows of the history that the
    stream has, None if it has all.
    """

    stream: Stream
    at: Int64s
    tail: int
    token: int
    records: int
    own: Int64s | None

    def order(self) -> Int64s:
        """The rows in the order of a linearization (that of Theorem 1's proof)."""
        start = self.stream.history.appends.start
        at = self.at
        if self.own is not None:
            start = start[self.own]
        order = np.empty(int((at != NONE).sum()), dtype=np.int64)
        number = np.zeros(2 * (self.records + 1), dtype=np.int64)
        run = _loops(len(at))
        if run is loops:
            run.ordered(at.tolist(), start.tolist(), self.tail, number.tolist(), order)
        else:
            run.ordered(at, start, self.tail, number, order)
        return order if self.own is None else self.own[order]


def accept(stream: Stream) -> Accepted | None:
    """Why the stream is valid, if that is for simple reasons; None if it is not so simple, or not valid."""
    own = None if len(stream.rows) == len(stream.history) else stream.rows
    history = stream.history if own is None else select(stream.history, own)
    if _is_special(history):
        return None
    attempt = _Attempt(stream, history)
    if not (attempt.tiles() and attempt.appends() and attempt.exact() and attempt.reads() and attempt.timestamps()):
        return None
    if not attempt.scan():
        return None
    return Accepted(stream, attempt.at, stream.tail, attempt.first_token(), attempt.size, own)


def _is_special(history: History) -> bool:
    appends, reads = history.appends, history.reads
    return bool(
        not len(history)
        or appends.trims
        or reads.trims
        or appends.timestamps
        or reads.contents
        or (history.session != NONE).any()
        or (history.part_of != NONE).any()
        or (reads.tail != NONE).any()
    )


def _loops(operations: int) -> ModuleType:
    """Compiled loops where they pay."""
    if operations < COMPILED_FROM and "numba" not in sys.modules:
        return loops
    from . import compiled_loops

    return compiled_loops


class _Attempt:
    """One attempt. The steps build on each other; each says whether all is as simple as it has to be.

    The place of each row is in [``at``, ``upper``], until the scan makes ``at`` what it is to be.
    """

    def __init__(self, stream: Stream, history: History) -> None:
        self.history = history
        self.tail = stream.tail
        self.token = stream.token
        self._loops = _loops(len(history))
        append, self._ok = history.kind == Kind.APPEND, history.outcome == Outcome.OK
        self._applied = append & self._ok
        self._acked = np.flatnonzero(self._applied)
        self._failed = append & (history.outcome == Outcome.FAILED)
        self.at = np.full(len(history), NONE, dtype=np.int64)
        self.upper = np.full(len(history), NONE, dtype=np.int64)
        self.wanted: Int32s = np.broadcast_to(np.int32(NONE), len(history))
        self.size = 0
        self._batch = np.zeros(0, dtype=np.int32)
        self._token_at = np.zeros(0, dtype=np.int32)

    def tiles(self) -> bool:
        """Acknowledged appends lie side by side, and nothing is between them; their conditions held."""
        appends, acked = self.history.appends, self._acked
        last = self.tail
        for low in range(0, len(acked), _BLOCK):
            rows = acked[low : low + _BLOCK]
            start, end = appends.start[rows], appends.end[rows]
            lengths = end - start
            if (lengths != appends.offset[rows + 1] - appends.offset[rows]).any() or (start < self.tail).any():
                return False
            self.size += int(lengths.sum())
            last = max(last, int(end.max()))
        if last - self.tail != self.size:
            return False
        self._batch = np.zeros(self.size + 1, dtype=np.int32)
        self._token_at = np.full(self.size + 1, NONE, dtype=np.int32)
        columns = acked, appends.start, appends.end, appends.tail, appends.offset, appends.match_seq_num
        tokens = appends.token, appends.last_fence
        laid = self._run("chain", (*columns, *tokens, self.tail, self.token), (self._batch, self._token_at))
        np.copyto(self.at, appends.end, where=self._applied)
        np.copyto(self.upper, appends.start, where=self._applied)
        return laid

    def first_token(self) -> int:
        """The token before the first operation: where that is not known, the one that the first had to give."""
        if self.token != UNKNOWN:
            return self.token
        rows = self._batch[self._batch != 0] - 1
        appends = self.history.appends
        told = np.flatnonzero((appends.token[rows] != NONE) | (appends.last_fence[rows] != NONE))
        given = int(appends.token[rows[told[0]]]) if len(told) else NONE
        return UNKNOWN if given == NONE else given

    def _run(self, name: str, told: tuple[Any, ...], filled: tuple[NDArray[Any], ...]) -> bool:
        """A loop over columns, which it reads and fills; over lists where it is not compiled."""
        if self._loops is not loops:
            return bool(getattr(self._loops, name)(*told, *filled))
        lists = [one.tolist() if isinstance(one, np.ndarray) else one for one in (*told, *filled)]
        done = bool(getattr(loops, name)(*lists))
        for column, values in zip(filled, lists[len(told) :], strict=True):
            column[:] = values
        return done

    def appends(self) -> bool:
        """Refusals: each has a body, and by that it was right to refuse."""
        history, appends = self.history, self.history.appends
        tail, token = history.seq_num_mismatch, history.token_mismatch
        by_tail, by_token = tail != NONE, token != NONE
        if ((by_tail | by_token) != (self._failed & (history.status == 412))).any():
            return False
        rows = np.flatnonzero(by_tail)
        if len(rows):
            match, given, told = appends.match_seq_num[rows], appends.token[rows], tail[rows]
            if (match == NONE).any() or (match == told).any() or not self._are_boundaries(told):
                return False
            if ((given != NONE) & (self._token_at[told - self.tail] != given)).any():
                return False
            self.at[rows] = self.upper[rows] = told
        rows = np.flatnonzero(by_token)
        if len(rows):
            given = appends.token[rows]
            if self.token == UNKNOWN or (given == NONE).any() or (given == token[rows]).any():
                return False
            self.at[rows], self.upper[rows], self.wanted = self.tail, FOREVER, token
        return True

    def _are_boundaries(self, tails: Int64s) -> bool:
        places = tails - self.tail
        if ((places < 0) | (places > self.size)).any():
            return False
        return bool(((self._batch[places] != 0) | (places == self.size)).all())

    def exact(self) -> bool:
        """Exact tails are where a batch ends, and what was read below them has the hash that it should have."""
        hashed = self.history.reads.hashed & self._ok
        hashes = self._hashes() if self.tail == 0 and hashed.any() else None
        blocks = (slice(low, low + _BLOCK) for low in range(0, len(hashed), _BLOCK))
        return all(self._exact(block, hashed[block], hashes) for block in blocks)

    def _exact(self, block: slice, hashed: NDArray[np.bool_], hashes: UInt64s | None) -> bool:
        history = self.history
        told = hashed | (self._ok[block] & (history.kind[block] == Kind.CHECK_TAIL))
        observed = history.observed_tail[block]
        if ((observed != NONE) != told).any():
            return False
        if not self._are_boundaries(observed[told]):
            return False
        np.copyto(self.at[block], observed, where=told)
        np.copyto(self.upper[block], observed, where=told)
        if not hashed.any():
            return True
        return hashes is not None and bool((hashes[observed[hashed]] == history.reads.stream_hash[block][hashed]).all())

    def _hashes(self) -> UInt64s:
        """The chained hash of all below each boundary. Shape (size + 1,)."""
        appends = self.history.appends
        hashes = np.zeros(self.size + 1, dtype=np.uint64)
        if self._loops is not loops:
            self._loops.chained(self._batch, appends.offset, appends.digest, np.uint64(0), hashes)
            return hashes
        found = hashes.tolist()
        columns = self._batch.tolist(), appends.offset.tolist(), appends.digest.tolist()
        loops.chained(*columns, 0, chain_hash, found)
        hashes[:] = found
        return hashes

    def reads(self) -> bool:
        """Answers with records: what was appended there, without a gap, and ended for a reason that is plain."""
        reads = self.history.reads
        rows = np.flatnonzero((self.history.kind == Kind.READ) & self._ok & ~reads.hashed)
        if not len(rows):
            return True
        begin, count = reads.offset[rows], reads.offset[rows + 1] - reads.offset[rows]
        most = np.where(reads.count[rows] == NONE, RECORDS, np.minimum(reads.count[rows], RECORDS))
        start = reads.from_seq_num[rows]
        others = (reads.from_timestamp, reads.tail_offset, reads.bytes, reads.until)
        if (
            ((count == 0) | (count > most) | (start < self.tail)).any()
            or any((column[rows] != NONE).any() for column in others)
            or reads.clamp[rows].any()
            or (reads.wait[rows] > 0).any()
        ):
            return False
        after = start + count
        record = ranges(begin, count)
        position = ranges(start, count)
        if (after > self.tail + self.size).any() or not np.array_equal(reads.seq_num[record], position):
            return False
        digest, size = self._contents()
        at = position - self.tail
        if not (np.array_equal(reads.digest[record], digest[at]) and np.array_equal(reads.size[record], size[at])):
            return False
        total = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(size)))
        low, high = start - self.tail, after - self.tail
        held = total[high] - total[low]
        following = np.append(size, BYTES)[high]
        fits = (high < self.size) & (count < most) & (held + following <= BYTES)
        if (held > BYTES).any() or not self._are_boundaries(after[fits]):
            return False
        ends = np.append(np.flatnonzero(self._batch), self.size)
        self.at[rows] = ends[np.searchsorted(ends, high)] + self.tail
        self.upper[rows] = np.where(fits, after, FOREVER)
        return True

    def _contents(self) -> tuple[UInt64s, Int64s]:
        """Digest and metered size of the record at each position."""
        appends, acked = self.history.appends, self._acked
        lengths = appends.end[acked] - appends.start[acked]
        record = ranges(appends.offset[acked], lengths)
        at = ranges(appends.start[acked] - self.tail, lengths)
        digest, size = np.zeros(self.size, dtype=np.uint64), np.zeros(self.size, dtype=np.int64)
        digest[at], size[at] = appends.digest[record], appends.size[record]
        return digest, size

    def timestamps(self) -> bool:
        """Each record has one, whoever tells it, and they never fall."""
        told = [(at, time) for at, time in self._told_timestamps() if (time != NONE).any()]
        known = np.full(self.size + 1, NONE, dtype=np.int64)
        for at, time in told:
            at, time = at[time != NONE], time[time != NONE]
            if (at < -1).any() or (at >= self.size).any() or (self.tail == 0 and time[at == -1].any()):
                return False
            known[at + 1] = time
        if any((known[at[time != NONE] + 1] != time[time != NONE]).any() for at, time in told):
            return False
        known = known[known != NONE]
        return bool((known[1:] >= known[:-1]).all())

    def _told_timestamps(self) -> list[tuple[Int64s, Int64s]]:
        """Positions, counted from the first tail, and the ms (or NONE) that answers tell of them."""
        history, appends, reads = self.history, self.history.appends, self.history.reads
        acked, observed = self._acked, np.flatnonzero(history.observed_tail != NONE)
        columns = (
            (appends.start, appends.start_timestamp, acked, 0),
            (appends.end, appends.end_timestamp, acked, -1),
            (appends.tail, appends.tail_timestamp, acked, -1),
            (history.observed_tail, history.observed_tail_timestamp, observed, -1),
        )
        told = [
            (position[rows] + shift - self.tail, time[rows])
            for position, time, rows, shift in columns
            if not _constant(time)
        ]
        return [*told, (reads.seq_num - self.tail, reads.timestamp)]

    def scan(self) -> bool:
        """Does each operation find a place?"""
        history, appends = self.history, self.history.appends
        by_return = np.argsort(history.returned, kind="stable")
        times = history.invoked, history.returned, history.process, by_return
        places = self.upper, self.wanted, self.tail, appends.end, self._batch, self._token_at
        return self._run("sweep", (*times, *places), (self.at,))


def _constant(column: NDArray[Any]) -> bool:
    """Does a column hold NONE everywhere, in the memory of one value?"""
    return column.strides == (0,) and len(column) > 0 and bool(column[0] == NONE)
