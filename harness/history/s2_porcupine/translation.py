"""Translates operations into s2-porcupine's format, and counts what is lost.

It writes only what the history proves. A read that the format cannot express becomes as much as it can express, or a
failure, which constrains nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from ..chain_hash import fold
from ..evidence import mismatched
from ..history import FOREVER, NONE, History, Int64s, Kind, Outcome
from ..losses import Losses
from .lines import Append, Arguments, Asked, AtTail, Failure, Success, Whole

PAGE_RECORDS: Final = 1000
PAGE_BYTES: Final = 1024 * 1024
"""The bounds that every unary read carries."""

WRAPPING: Final = 2**32
"""The model of s2-porcupine counts positions modulo this."""

_FAILED: Final[dict[Kind, Failure]] = {Kind.APPEND: "AppendDefiniteFailure", Kind.READ: "ReadFailure"}
"""What a failure becomes. That of any other kind, which answers the exact tail, becomes a check-tail's."""


@dataclass(frozen=True, slots=True)
class Translated:
    """An operation in the other format. ``ended`` (ns) is when it finished; FOREVER means after everything else."""

    start: Append | Asked
    finish: Success | Failure
    ended: int


class Translation:
    """Translates the operations of one stream (``rows``), and counts what is lost.

    ``contents_known`` says that the records from before the first operation (below ``first_tail``) are known. Only then
    do hashes of the whole stream mean something.
    """

    def __init__(self, history: History, rows: Int64s, losses: Losses, contents_known: bool, first_tail: int) -> None:
        self._history = history
        self._losses = losses
        self._contents_known = contents_known
        self._first_tail = first_tail
        self._mismatched = mismatched(history)
        self._in_parts = set(history.part_of[rows].tolist()) - {NONE}
        appends, reads = history.appends, history.reads
        trims = any(row in commands for row in rows.tolist() for commands in (appends.trims, reads.trims))
        self._may_vanish = trims or history.header.retention_ms is not None
        self._largest = max(int(appends.size.max(initial=0)), int(reads.size.max(initial=0)))

    def __call__(self, row: int) -> Translated | None:
        """Return what the operation becomes; None for a frame, which has no place of its own there."""
        if self._history.part_of[row] != NONE:
            self._losses.add("a part of an answer (frame): left out")
            return None
        match Kind(int(self._history.kind[row])):
            case Kind.APPEND:
                return self._append(row)
            case Kind.READ:
                return self._read(row)
            case kind:
                return self._tail(row, kind)

    def _append(self, row: int) -> Translated:
        history, appends, lose = self._history, self._history.appends, self._losses.add
        part = slice(int(appends.offset[row]), int(appends.offset[row + 1]))
        token, fence = int(appends.token[row]), int(appends.last_fence[row])
        match = int(appends.match_seq_num[row])
        start = Append(
            Arguments(
                num_records=part.stop - part.start,
                record_hashes=appends.digest[part].tolist(),
                set_fencing_token=None if fence == NONE else history.tokens[fence],
                fencing_token=None if token == NONE else history.tokens[token],
                match_seq_num=None if match == NONE else match,
            )
        )
        lose("an append with a trim command: written as one with an ordinary record", int(row in appends.trims))
        lose("an append that gave timestamps", int(row in appends.timestamps))
        lose("an append of a session: that its batches land in order", int(history.session[row] != NONE))
        outcome, ended = history.outcome[row], int(history.ended[row])
        if outcome == Outcome.INDEFINITE:
            return Translated(start, "AppendIndefiniteFailure", FOREVER)
        if outcome == Outcome.FAILED:
            told = self._mismatched[row]
            lose("a refused append: the tail or the token that the 412 named", int(told))
            lose("a failed append: why it failed", int(not told and history.status[row] != NONE))
            return Translated(start, _FAILED[Kind.APPEND], ended)
        first, end, tail = (int(column[row]) for column in (appends.start, appends.end, appends.tail))
        lose("an acknowledgement with a tail other than the batch's end: the tail", int(tail != end))
        lose(
            "an acknowledgement of another length than the batch's: its start",
            int(end - first != part.stop - part.start),
        )
        self._wraps(end)
        return Translated(start, Success(append=AtTail(end)), ended)

    def _tail(self, row: int, kind: Kind) -> Translated:
        history = self._history
        if history.outcome[row] != Outcome.OK:
            return self._nothing(row, kind)
        return self._at_tail(int(history.observed_tail[row]), int(history.ended[row]))

    def _read(self, row: int) -> Translated:
        history, lose = self._history, self._losses.add
        ended, tail = int(history.ended[row]), int(history.observed_tail[row])
        if history.reads.hashed[row]:
            if self._contents_known:
                return Translated("Read", Success(read=Whole(tail, int(history.reads.stream_hash[row]))), ended)
            lose("a read of a stream of which not all is known: written as a check-tail")
            return self._at_tail(tail, ended)
        if history.outcome[row] == Outcome.FAILED and tail != NONE:
            if tail == 0:
                waits = history.reads.wait[row] > 0 or history.session[row] != NONE
                asked = int(waits or history.reads.from_seq_num[row] != 0)
                lose("a read refused on an empty stream (416): what it asked for", asked)
                return Translated("Read", Success(read=Whole(0, 0)), ended)
            lose("a read beyond the tail (416): written as a check-tail")
            return self._at_tail(tail, ended)
        if history.outcome[row] != Outcome.OK:
            return self._nothing(row, Kind.READ)
        found = self._exact(row)
        if found is None:
            lose("a read that does not prove the exact tail: written as one that failed")
            return Translated("Read", "ReadFailure", ended)
        first, end = found
        if first == 0 and self._contents_known:
            part = slice(history.reads.offset[row], history.reads.offset[row + 1])
            return Translated("Read", Success(read=Whole(end, fold(history.reads.digest[part].tolist()))), ended)
        lose("a read of a part of the stream, up to its tail: written as a check-tail")
        return self._at_tail(end, ended)

    def _exact(self, row: int) -> tuple[int, int] | None:
        """Return the first position that was read and the exact tail, if the answer proves them.

        It does if the read neither waited nor came in parts, and any record of the history would have fitted after the
        last one. Nothing follows where there are trim commands, where records vanish by age, or for records from before
        the history, which may have been trimmed.
        """
        history, reads = self._history, self._history.reads
        part = slice(int(reads.offset[row]), int(reads.offset[row + 1]))
        seq_nums, number = reads.seq_num[part], part.stop - part.start
        waits = reads.wait[row] > 0 or history.session[row] != NONE or row in self._in_parts
        if not number or self._may_vanish or waits or reads.until[row] != NONE:
            return None
        count, size = (int(column[row]) for column in (reads.count, reads.bytes))
        most = PAGE_RECORDS if count == NONE else min(count, PAGE_RECORDS)
        room = PAGE_BYTES if size == NONE else min(size, PAGE_BYTES)
        if number >= most or int(reads.size[part].sum(dtype=np.int64)) + self._largest > room:
            return None
        first = int(seq_nums[0])
        if reads.from_seq_num[row] != first or (np.diff(seq_nums) != 1).any():
            return None
        end = int(seq_nums[-1]) + 1
        return (first, end) if end >= self._first_tail else None

    def _at_tail(self, tail: int, ended: int) -> Translated:
        self._wraps(tail)
        return Translated("CheckTail", Success(check_tail=AtTail(tail)), ended)

    def _nothing(self, row: int, kind: Kind) -> Translated:
        asked: Asked = "Read" if kind is Kind.READ else "CheckTail"
        return Translated(asked, _FAILED.get(kind, "CheckTailFailure"), int(self._history.ended[row]))

    def _wraps(self, tail: int) -> None:
        self._losses.add("a position of 2³² or more: s2-porcupine counts modulo 2³²", int(tail >= WRAPPING))
