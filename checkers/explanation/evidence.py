"""One contradiction that the kernel found in a stream, and what the anomalies ask of it to see whether they are it.

Everything here serves names and sentences. Nothing decides: that the stream is invalid was proven before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import NONE, OK, History, Int64s, Kind, Outcome
from fencepost.harness.s2.errors import SESSION_POISONED

from ..kernel import spec
from ..kernel.columns import Requirements
from ..kernel.contradiction import Contradiction
from ..kernel.facts import trimming
from ..kernel.log import reported

_LATE: Final = frozenset(
    ("behind", "nowhere", "too-soon", "other-tail", "not-there", "no-reason", "at-tail", "beyond-tail", "in-range")
)
"""The rules by which an answer may have been right at another time."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A fence at ``[start, end)`` by the append ``row``: from ``end`` on its ``token`` is in force."""

    start: int
    end: int
    token: int
    row: int


class Evidence:
    """A ``contradiction`` in the stream of ``asked``, whose rows are ``rows``. Rows are those of the history there."""

    def __init__(self, asked: Requirements, rows: Int64s, contradiction: Contradiction) -> None:
        self.asked, self.rows, self.contradiction = asked, rows, contradiction
        self.columns, self.records = asked.asked, asked.records
        self.history: History = asked.history
        self.rule, self.position = contradiction.rule, contradiction.position
        self.row, self.others = contradiction.rows[0], contradiction.rows[1:]
        self.m = contradiction.moment if contradiction.moment != NONE else self.moment(self.row)
        self.ask = int(self.columns.ask[self.m]) if self.m != NONE else NONE

    def about(self, row: int) -> Self:
        """The case of another operation that breaks the same rule, of which nothing is said but that."""
        other = type(self)(self.asked, self.rows, replace(self.contradiction, rows=(row,), moment=NONE, more=()))
        shared = ("_places", "_placed", "fences", "trims", "trimmed", "stamps", "_returned")
        vars(other).update({name: value for name, value in vars(self).items() if name in shared})
        return other

    @cached_property
    def stamps(self) -> tuple[Int64s, Int64s, Int64s]:
        """The timestamps (ms) that answers tell: position, timestamp, row of the answer; ascending."""
        position, stamp, rows = reported(self.asked, self.rows)
        order = np.lexsort((rows, stamp, position))
        return position[order], stamp[order], rows[order]

    def moment(self, row: int) -> int:
        """The first moment of an operation; NONE if it has none."""
        at = int(np.searchsorted(self.columns.row, row))
        return at if at < len(self.asked) and self.columns.row[at] == row else NONE

    # -- what operations said

    @property
    def is_append(self) -> bool:
        """Is it an append that was applied, or is said to have been, that is accused?"""
        return self.ask == spec.APPEND

    @property
    def is_read(self) -> bool:
        """Is it an answer with records, or the end of one?"""
        return self.ask in (spec.PART, spec.END)

    def kind(self, row: int) -> Kind:
        """The kind of an operation."""
        return Kind(int(self.history.kind[row]))

    def acked(self, row: int) -> bool:
        """Was it an append, and acknowledged?"""
        return bool(self.history.appends.start[row] != NONE)

    def failed(self, row: int) -> bool:
        """Did it fail for certain?"""
        return bool(self.history.outcome[row] == Outcome.FAILED)

    def poisoned(self, row: int) -> bool:
        """Did it fail for certain only because an earlier batch of its session had failed?"""
        return self.failed(row) and self.history.codes[self.history.code[row]] == SESSION_POISONED.code

    @property
    def gave_condition(self) -> bool:
        """Did the accused give the condition for which it was refused?"""
        appends = self.history.appends
        given = appends.token if self.ask == spec.TOKEN_REFUSED else appends.match_seq_num
        return bool(given[self.row] != NONE)

    @property
    def refused_token(self) -> int:
        """The token that the accused answer told as the one in force; NONE if it told none."""
        return int(self.history.token_mismatch[self.row])

    # -- what stands where

    @cached_property
    def _places(self) -> Int64s:
        """Where each append took effect, by moment; NONE where that is not certain."""
        if self.contradiction.place is not None:
            return self.contradiction.place
        return np.where(self.columns.ask == spec.APPEND, self.columns.at, NONE)

    @cached_property
    def _placed(self) -> tuple[Int64s, Int64s, Int64s]:
        """The moments of appends that have a place, their starts and ends, ascending."""
        moments = np.flatnonzero(self._places != NONE)
        moments = moments[np.argsort(self._places[moments], kind="stable")]
        start = self._places[moments]
        return moments, start, start + (self.columns.high - self.columns.low)[moments]

    def place(self, row: int) -> tuple[int, int] | None:
        """Start and end of an append, if it has a place."""
        m = self.moment(row)
        if m == NONE or self._places[m] == NONE:
            return None
        start = int(self._places[m])
        return start, start + int(self.columns.high[m] - self.columns.low[m])

    def holding(self, position: int, *others: int) -> int:
        """The row of an append whose records stand at a position, none of ``others``; NONE if there is none."""
        moments, start, end = self._placed
        for at in np.flatnonzero((start <= position) & (end > position)).tolist():
            if int(self.columns.row[moments[at]]) not in others:
                return int(self.columns.row[moments[at]])
        return NONE

    def other_readers(self, row: int, start: int) -> list[tuple[int, int]]:
        """Reads that returned other records than an append's where these would stand from a start on, by index."""
        sent = enumerate(self.sent(row))
        reads = ((k, digest, read) for k, digest in sent for read in self.readers(start + k)[::-1].tolist())
        return [(k, read) for k, digest, read in reads if self.digest_read(read, start + k) != digest]

    def split(self, tail: int) -> int:
        """The row of the append inside of whose batch a tail that the accused told is; NONE if it is in none."""
        if self.rule in ("inside", "tail-inside"):
            told = next((row for row in self.others if self.kind(row) is Kind.APPEND), NONE)
            return self.holding(tail, self.row) if told == NONE else told
        writer = self.holding(tail, self.row)
        place = self.place(writer)
        return writer if place is not None and place[0] < tail else NONE

    def acked_at(self, low: int, high: int) -> Int64s:
        """The rows of acknowledged appends with a record in ``[low, high)``, in their order there."""
        appends, columns = self.history.appends, self.columns
        rows = columns.row[(columns.ask == spec.APPEND) & (columns.at != NONE)]
        rows = rows[(appends.start[rows] < high) & (appends.end[rows] > low)]
        return np.asarray(rows[np.argsort(appends.start[rows], kind="stable")])

    def part(self, low: int, high: int) -> str:
        """Which part of the stream ``[low, high)`` is, by what was appended and read beside it."""
        (_, start, end), (_, at, _) = self._placed, self._returned
        below, above = bool((start < low).any() or (at < low).any()), bool((end > high).any() or (at >= high).any())
        if below:
            return "in the middle of" if above else "at the end of"
        return "at the beginning of" if above else "and so all of"

    def readers(self, position: int) -> Int64s:
        """The rows of reads that returned a record at a position, ascending."""
        row, at, _ = self._returned
        return np.asarray(row[at == position])

    def digest_read(self, row: int, position: int) -> int:
        """What a read returned at a position, the last time that it did; NONE if nothing."""
        reads = self.history.reads
        low, high = int(reads.offset[row]), int(reads.offset[row + 1])
        at = np.flatnonzero(reads.seq_num[low:high] == position)
        return int(reads.digest[low + at[-1]]) if len(at) else NONE

    def digest_sent(self, row: int, index: int) -> int:
        """The record of an append with this index; NONE if there is none."""
        sent = self.sent(row)
        return sent[index] if 0 <= index < len(sent) else NONE

    def senders(self, digest: int, *, elsewhere: bool = False) -> list[tuple[int, int]]:
        """The appends to this stream (or to others) that sent a record, and the record's index in each."""
        appends = self.history.appends
        record = np.flatnonzero(appends.digest == np.uint64(digest))
        rows = np.searchsorted(appends.offset, record, side="right") - 1
        mine = (self.history.stream[rows] != self.asked.stream) == elsewhere
        return list(zip(rows[mine].tolist(), (record - appends.offset[rows])[mine].tolist(), strict=True))

    def sent(self, row: int) -> list[int]:
        """The digests of the records of an append."""
        appends = self.history.appends
        found: list[int] = appends.digest[appends.offset[row] : appends.offset[row + 1]].tolist()
        return found

    def returned(self, row: int) -> Int64s:
        """The positions that the answer to a read holds, as they come."""
        reads = self.history.reads
        return np.asarray(reads.seq_num[reads.offset[row] : reads.offset[row + 1]])

    def positions_of(self, digest: int) -> list[int]:
        """Where a record was read, ascending."""
        _, at, read = self._returned
        return sorted(set(at[read == np.uint64(digest)].tolist()))

    @cached_property
    def _returned(self) -> tuple[Int64s, Int64s, NDArray[np.uint64]]:
        """Rows, positions and digests of all records that reads of the stream returned, whose answers count."""
        history, reads = self.history, self.history.reads
        row = np.repeat(np.arange(len(history)), np.diff(reads.offset))
        mine = (history.stream[row] == self.asked.stream) & (history.outcome[row] == OK)
        return row[mine], reads.seq_num[mine], reads.digest[mine]

    @cached_property
    def contents(self) -> list[tuple[int, int, int]]:
        """What was read where something else should be: position, row of the read, digest; empty if nothing was.

        Of two acknowledgements of one place, it is what the last read found there. Where nobody can have written a
        stretch, it is a record that was read too often.
        """
        if self.rule in ("hole", "beyond") and (stray := self._stray()):
            return [stray]
        if self.position == NONE:
            return []
        if self.rule == "overlap":
            rows = self.readers(self.position)[-1:].tolist()
        else:
            rows = [self.row, *self.others] if self.is_read else []
        found = ((self.position, row, self.digest_read(row, self.position)) for row in rows)
        return [one for one in found if one[2] != NONE]

    def _stray(self) -> tuple[int, int, int] | None:
        """The first record that was read at more positions than it was sent for, as :attr:`contents`; None if none."""
        history, appends, (_, position, digest) = self.history, self.history.appends, self._returned
        own = position >= self.asked.tail
        digest, position = digest[own], position[own]
        order = np.lexsort((position, digest))
        digest, position = digest[order], position[order]
        new = np.append(True, (digest[1:] != digest[:-1]) | (position[1:] != position[:-1]))[: len(digest)]
        digest, position = digest[new], position[new]
        may_be = (history.stream == self.asked.stream) & (history.outcome != Outcome.FAILED)
        sent = np.sort(appends.digest[np.repeat(may_be, np.diff(appends.offset))])
        often = np.searchsorted(sent, digest, "right") - np.searchsorted(sent, digest)
        stray = np.flatnonzero(np.arange(len(digest)) - np.searchsorted(digest, digest) >= often)
        if not len(stray):
            return None
        at = stray[np.argmin(position[stray])]
        where, what = int(position[at]), int(digest[at])
        rows = self.readers(where).tolist()
        return where, next((row for row in rows if self.digest_read(row, where) == what), rows[-1]), what

    @property
    def content(self) -> tuple[int, int, int] | None:
        """The first of :attr:`contents`."""
        return self.contents[0] if self.contents else None

    # -- tokens

    @property
    def initial(self) -> str | None:
        """The token with which the stream began; None if it is unknown."""
        return self.history.header.streams[self.asked.stream].fencing_token

    @cached_property
    def fences(self) -> list[Fence]:
        """The fences whose place is certain, in their order."""
        moments, start, end = self._placed
        setting = np.flatnonzero(self.columns.fence[moments] != NONE)
        columns = start[setting], end[setting], self.columns.fence[moments[setting]], self.columns.row[moments[setting]]
        return [Fence(*one) for one in zip(*(column.tolist() for column in columns), strict=True)]

    def fence_below(self, tail: int) -> Fence | None:
        """The fence whose token is in force at a tail; None if it is the initial one, or nobody's."""
        below = [fence for fence in self.fences if fence.end <= tail]
        return below[-1] if below else None

    def slots(self, token: int) -> list[tuple[Fence | None, Fence | None]]:
        """Where a token was in force for certain: the fence that set it (None: the initial one), and what ended it."""
        began = self.initial is not None and self.history.tokens[token] == self.initial if token >= 0 else False
        tokens = [self.history.tokens.index(self.initial) if self.initial in self.history.tokens else NONE]
        tokens += [fence.token for fence in self.fences]
        changes = [fence for fence, before in zip(self.fences, tokens, strict=False) if fence.token != before]
        found: list[tuple[Fence | None, Fence | None]] = [(None, next(iter(changes), None))] if began else []
        after = [*changes, None][1:]
        return found + [pair for pair in zip(changes, after, strict=True) if pair[0].token == token]

    def may_be_set(self, token: int) -> bool:
        """Did anybody send a fence that sets a token, and may it have been applied?"""
        return bool(((self.columns.ask == spec.APPEND) & (self.columns.fence == token)).any())

    # -- trims

    @cached_property
    def trims(self) -> Int64s:
        """The points to which trims that may have been applied trim, as far as the stream went there; ascending."""
        appends = np.flatnonzero(self.columns.ask == spec.APPEND)
        return np.sort(trimming(self.asked, appends, self._places[appends])[1])

    @cached_property
    def trimmed(self) -> int:
        """Below this anything may be gone: the highest point that a trim may have set, or where the history began."""
        return int(max(self.asked.tail, self.trims.max(initial=0)))

    @property
    def gaps(self) -> list[tuple[int, int]]:
        """The positions ``[start, end)`` that the accused answer left out: before its first record, and between two."""
        return self.gaps_of(self.m) if self.is_read else []

    def gaps_of(self, m: int) -> list[tuple[int, int]]:
        """The same of another answer to a read, which was given at a moment."""
        columns = self.columns
        low, high = int(columns.low[m]), int(columns.high[m])
        start = int(columns.after[m] if columns.after[m] != NONE else columns.start[m])
        if high == low:
            return [(start, start + 1)] if start != NONE and columns.ask[m] == spec.END else []
        positions = self.records.seq_num[low:high]
        before = np.concatenate(([start if start != NONE else positions[0]], positions[:-1] + 1))
        left_out = np.flatnonzero(positions > before)
        return list(zip(before[left_out].tolist(), positions[left_out].tolist(), strict=True))

    def leaving_out(self, position: int) -> list[int]:
        """The rows of the accused, and of those that break the same rule, whose answers left out a position."""
        found = []
        for row in (self.row, *self.contradiction.more):
            m = self.m if row == self.row else self.moment(row)
            if any(low <= position < high for low, high in self.gaps_of(m)):
                found.append(row)
        return found

    # -- where operations were

    @cached_property
    def cause(self) -> int | None:
        """What had returned before the accused operation began, and proves a greater tail than it saw; None if none.

        None too where the answer is wrong whenever it was given.
        """
        upper = self.upper(self.row)
        columns, m = self.columns, self.m
        told = m != NONE and self.is_read and columns.start[m] == NONE == columns.since[m]  # the tail tells its start
        if self.rule not in _LATE and not (told and self.rule in ("before-start", "left-out")):
            return None
        if not self.is_append and upper != NONE:  # an append shows it best: the first that was missed
            moments, _, end = self._placed
            rows = self.columns.row[moments[np.searchsorted(end, upper, side="right") :]]
            over = self.history.returned[rows] < self.history.invoked[self.row]
            if over.any():
                return int(rows[np.argmax(over)])
        for row in self.others:
            if self.lower(row) > upper != NONE and self.history.returned[row] <= self.history.invoked[self.row]:
                return row
        return None

    def told(self, row: int) -> int:
        """The tail that an acknowledgement, or a part of an answer, told beside its positions; NONE if none."""
        return int(max(self.history.appends.tail[row], self.history.reads.tail[row]))

    def exact(self, row: int) -> int:
        """The tail that an answer tells exactly; NONE if it tells none."""
        told = (self.history.observed_tail[row], self.history.seq_num_mismatch[row])
        return int(max(told))

    def lower(self, row: int) -> int:
        """The least tail that there was after an operation, by its own answer."""
        place, exact = self.place(row), self.exact(row)
        own = place[1] if place else NONE if exact != NONE else self._end(row)
        return max(own, exact, self.told(row))

    def wrote_past(self, row: int, tail: int) -> bool:
        """Whether an append took effect, for certain, so that it ends past a tail."""
        place = self.place(row)
        return place is not None and place[1] > tail

    def upper(self, row: int) -> int:
        """The greatest tail that there was before an operation, by its own answer."""
        place, exact = self.place(row), self.exact(row)
        return place[0] if place else exact if exact != NONE else self._end(row)

    def _end(self, row: int) -> int:
        """The end of what a read returned, or where it was to start if that was nothing; and a tail that it told."""
        reads = self.history.reads
        low, high = int(reads.offset[row]), int(reads.offset[row + 1])
        return int(reads.seq_num[high - 1]) + 1 if high > low else int(reads.from_seq_num[row])
