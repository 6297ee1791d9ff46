"""torn-batch: a batch was applied in part, not contiguously, or a tail was seen inside it."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims, Said
from ..explanation.sentences import Witness
from ..kernel import spec
from . import promises

RANK: Final = 80

ROW: Final = Anomaly(
    "torn-batch",
    "a batch was applied in part, not contiguously, or a tail was seen inside it",
    Severity.CRITICAL,
    "the record at index i of a batch stands at start + i; no tail t with start < t < end",
    promises.ATOMIC,
    "A batch was not applied as a whole",
)


def tell(case: Case) -> Witness | None:
    """A batch of which a read shows a part, or a tail that is inside one."""
    told = case.exact(case.row)
    if told == NONE and case.rule in ("inside", "tail-inside"):
        told = int(case.columns.told[case.m])
    writer = case.split(told)
    if writer != NONE and case.ask != spec.MATCH_REFUSED:
        inside = Claims.TOLD_TAIL(case.row, tail=told), ", ", case.inside(writer, told)
        return case.witness((writer, case.row), *inside, position=told)
    if case.content is None:
        return None
    position, read, digest = case.content
    for row, index in case.senders(digest):
        wrong = case.other_readers(row, position - index)
        if not case.failed(row) and wrong:
            k, other = wrong[0]
            returned = case.read_of(read, position, row, index)
            another = case.read_another(other, position - index + k, row, k)
            accused = row if case.rule == "overlap" else read
            rows = (row, read, other)
            return case.witness(rows, returned, ", but ", another, accused=(accused,), position=position)
    return _without_room(case) if case.rule in ("torn", "duplicate") else None


def _without_room(case: Case) -> Witness | None:
    """A record of an append whose batch as a whole does not fit there."""
    position, read, digest = case.content or (NONE, NONE, NONE)
    row, index = next(((row, k) for row, k in case.senders(digest) if not case.failed(row)), (NONE, NONE))
    if row == NONE:
        return None
    start, end = position - index, position - index + len(case.sent(row))
    if case.rule == "duplicate" and start >= case.asked.tail:
        return None
    other = next((one for at in range(start, end) if (one := case.holding(at, row)) != NONE), NONE)
    said: Said = (case.read_of(read, position, row, index), ", but ", Claims.NO_ROOM(row, places=(start, end)))
    if other != NONE:
        said = (*said, ": ", Claims.STANDS(other, places=case.place(other)))
    elif start < case.asked.tail:
        said = (*said, ": ", Claims.FIRST_TAIL(tail=case.asked.tail))
    return case.witness((other, row, read), *said, accused=(read,), position=position)
