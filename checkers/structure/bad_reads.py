"""Answers to reads that are wrong whatever the stream holds, or by the timestamps that are known."""

from __future__ import annotations

import numpy as np

from fencepost.harness.history.history import NONE

from ..explanation.sentences import Witness, sentence
from ..judgement import Judgement
from ..kernel import spec
from ..kernel.answers import returning


def check(judgement: Judgement) -> None:
    """bad-read: more than was asked for, nothing in place of a 416, a start by timestamp that missed what qualified."""
    _exceeding(judgement)
    _nothing(judgement)
    _by_time(judgement)


def _exceeding(judgement: Judgement) -> None:
    """More records, bytes or later timestamps than the read allowed, of all parts of an answer together."""
    asked, records = judgement.asked.asked, judgement.asked.records
    read = returning(judgement.asked)
    sizes = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(records.size)))
    count, used = asked.high[read] - asked.low[read], sizes[asked.high[read]] - sizes[asked.low[read]]
    last = records.timestamp[asked.high[read] - 1]
    until = asked.until[read]
    for wrong, what in (
        (count > asked.places[read], "more records than it was asked for"),
        (used > asked.room[read], "more bytes than it was asked for"),
        ((until != NONE) & (last >= until), "a record from the time at which it was to end, or later"),
    ):
        offenders = asked.row[read[wrong]]
        for row in judgement.findings.few("bad-read", offenders.tolist(), offenders.tolist()):
            _tell(judgement, f"returned {what}", [int(row)])
            judgement.accused.add(int(row))


def _nothing(judgement: Judgement) -> None:
    """An answer without any record whose start nobody had begun to write: the read began at the tail or beyond it."""
    asked, history = judgement.asked.asked, judgement.history
    empty = (asked.ask == spec.END) & (asked.high == asked.low) & (asked.after == NONE) & (asked.begun == NONE)
    empty &= (asked.start >= judgement.stream.tail) & (asked.clamp == 0)
    unplaced = history.invoked[judgement.chain.unused]
    for m in np.flatnonzero(empty).tolist():
        row, start, returned = int(asked.row[m]), int(asked.start[m]), int(asked.returned[m])
        holder = _holder(judgement, start)
        if (history.invoked[holder] > returned) if holder != NONE else not (unplaced <= returned).any():
            _tell(
                judgement,
                f"was answered with no record, although its start, {start}, was not there: a 416 was due",
                [row],
            )
            judgement.accused.add(row)


def _by_time(judgement: Judgement) -> None:
    """A start by timestamp that left out a record of that time, appended before, or an answer that found none."""
    asked, records = judgement.asked.asked, judgement.asked.records
    ask = asked.ask
    reads = np.flatnonzero((asked.since != NONE) & (asked.after == NONE) & ((ask == spec.END) | (ask == spec.PART)))
    reads = reads[(asked.high[reads] > asked.low[reads]) | (ask[reads] == spec.END)]
    refused = np.flatnonzero((asked.since != NONE) & (asked.after == NONE) & (ask == spec.OUT_OF_RANGE))
    for m in np.sort(np.concatenate((reads, refused))).tolist():
        low, high = int(asked.low[m]), int(asked.high[m])
        end = int(records.seq_num[low]) if high > low else int(asked.at[m]) if ask[m] == spec.OUT_OF_RANGE else NONE
        if end == NONE:
            continue
        missed = _missed(judgement, int(asked.row[m]), int(asked.since[m]), end)
        if missed != NONE:
            what = "left out" if high > low else "found nothing to read, although there was"
            row = _holder(judgement, missed)
            others = [row] if row != NONE else []
            since = f"whose timestamp is not below {int(asked.since[m])}"
            _tell(judgement, f"{what} position {missed}, {since}", [*others, int(asked.row[m])], missed)
            judgement.accused.add(int(asked.row[m]))


def _missed(judgement: Judgement, row: int, since: int, end: int) -> int:
    """The first position below ``end`` that qualifies, was there before the read began and cannot have been gone."""
    held = judgement.chain.contents
    known = np.flatnonzero((held.timestamp != NONE) & (held.timestamp >= since))
    position = held.axis.positions(known)
    position = position[(position < end) & (position >= judgement.trims.greatest)]
    for one in position[:16].tolist():
        holder = _holder(judgement, int(one))
        if one < judgement.stream.tail or (
            holder != NONE and judgement.history.returned[holder] < judgement.history.invoked[row]
        ):
            return int(one)
        if end != NONE and one < end and holder != NONE:
            return int(one)
    return NONE


def _holder(judgement: Judgement, position: int) -> int:
    return judgement.chain.holding(position)


def _tell(judgement: Judgement, what: str, rows: list[int], position: int | None = None) -> None:
    teller = judgement.teller(*rows)
    text = sentence(f"{teller.name(rows[-1])} {what}")
    witness = Witness(tuple(rows), (text, *(teller.told(row) for row in rows)), culprit=rows[-1])
    judgement.findings.add("bad-read", witness, position)
