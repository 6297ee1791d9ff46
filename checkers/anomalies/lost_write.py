"""lost-write: acknowledged records are missing (a prefix, the middle or a suffix of the stream)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fencepost.harness.history.history import FOREVER, NONE, Kind
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
from ..explanation.elision import few
from ..explanation.sentences import Witness, order
from ..kernel import spec
from . import promises

RANK: Final = 40

ROW: Final = Anomaly(
    "lost-write",
    "acknowledged records are missing (a prefix, the middle or a suffix of the stream)",
    Severity.CRITICAL,
    "an acknowledged record is returned by every later read of its position",
    promises.DURABLE,
    "Acknowledged records are missing",
)


def tell(case: Case) -> Witness | None:
    """An acknowledged append whose place another took, that a read left out, or past which the last reads ended."""
    return _overwritten(case) or _left_out(case) or _cut_off(case)


def _overwritten(case: Case) -> Witness | None:
    if case.content is None:
        return None
    position, read, digest = case.content
    owner, place = next(((row, i) for row, i in case.senders(digest) if not case.failed(row)), (NONE, NONE))
    for row in case.acked_at(position, position + 1).tolist():
        index = position - int(case.history.appends.start[row])
        if owner in (NONE, row) or case.digest_sent(row, index) == digest:
            continue
        acked, returned = Claims.ACKNOWLEDGED(row), case.read_of(read, position, owner, place)
        said = acked, ", but ", returned
        return case.witness((row, read), *said, context=(owner,), accused=(row,), position=position)
    return None


def _left_out(case: Case) -> Witness | None:
    if case.rule not in ("left-out", "no-reason", "at-tail"):
        return None
    found = list(_missing(case))
    if not found:
        return None
    start, high, row = found[0]
    reads = case.leaving_out(start)
    missing = Claims.LEFT_OUT_WHERE(case.row, places=(start, high), where=case.part(start, high))
    more = [
        (Claims.LEFT_OUT(case.row, places=(low, end)), ", although ", Claims.ACKNOWLEDGED(other))
        for low, end, other in found[1:]
    ]
    return case.witness(
        (row, case.row),
        missing,
        ", although ",
        Claims.ACKNOWLEDGED(row),
        more=few(more),
        accused=reads,
        position=start,
        count=len(reads),
    )


def _missing(case: Case) -> Iterator[tuple[int, int, int]]:
    """What was left out and cannot have been trimmed, and the first append that had been acknowledged there."""
    for low, high in case.gaps:
        start = max(low, case.trimmed)
        if start < high and not (len(case.trims) and low < case.trimmed):
            rows = case.acked_at(start, high)
            rows = rows[case.history.invoked[rows] <= case.history.returned[case.row]]
            if len(rows):
                yield start, high, int(rows[0])


def _cut_off(case: Case) -> Witness | None:
    """The last word on the tail, said by a read: acknowledged records past it that no later read returned are lost."""
    history, reads, row = case.history, case.history.reads, case.row
    if case.kind(row) is not Kind.READ or case.ask in (spec.PART, spec.ABSENT):
        return None
    end = case.upper(row)
    later = case.rows[(history.kind[case.rows] == Kind.READ) & (history.returned[case.rows] > history.invoked[row])]
    later = later[reads.offset[later + 1] > reads.offset[later]]
    if end == NONE or int(reads.seq_num[reads.offset[later + 1] - 1].max(initial=NONE)) >= end:
        return None
    gone = case.acked_at(end, FOREVER)
    gone = gone[history.returned[gone] < history.invoked[row]]
    if not len(gone) or int(history.appends.start[gone[0]]) > end:
        return None  # between the end that was seen and what was acknowledged nobody wrote anything: it is not cut off
    first, lost = int(gone[0]), gone.tolist()
    return case.witness(
        (first, row),
        Claims.FOUND_END(row, tail=end),
        ", although ",
        Claims.ACKNOWLEDGED(first),
        "; ",
        Claims.LOST_FROM_THERE(row, tail=end, batches=len(lost)),
        clock=order(history, first, row),
        accused=lost,
        position=end,
    )
