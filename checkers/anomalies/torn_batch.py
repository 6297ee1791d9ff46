"""torn-batch: a batch was applied in part, not contiguously, or a tail was seen inside it."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE, Kind
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
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
    if case.rule in ("inside", "tail-inside") and case.ask != spec.MATCH_REFUSED:
        return _inside(case)
    if case.content is None:
        return None
    position, read, digest = case.content
    for row, index in case.senders(digest):
        start, size = position - index, len(case.sent(row))
        for k in range(size):
            wrong = [
                one for one in case.readers(start + k).tolist() if case.digest_read(one, start + k) != case.sent(row)[k]
            ]
            if not case.failed(row) and wrong:
                returned = case.read_of(read, position, row, index)
                another = case.read_another(wrong[-1], start + k, row, k)
                rows = (row, read, wrong[-1])
                accused = row if case.rule == "overlap" else read
                return case.witness(rows, returned, ", but ", another, accused=(accused,), position=position)
    return _without_room(case) if case.rule == "torn" else None


def _without_room(case: Case) -> Witness | None:
    """A record of an append whose batch as a whole does not fit there."""
    position, read, digest = case.content or (NONE, NONE, NONE)
    for row, index in case.senders(digest):
        start, end = position - index, position - index + len(case.sent(row))
        other = next((one for at in range(start, end) if (one := case.holding(at, row)) != NONE), NONE)
        why = Claims.FIRST_TAIL(tail=case.asked.tail)
        if other != NONE:
            why = Claims.STANDS(other, places=case.place(other))
        if not case.failed(row) and (other != NONE or start < case.asked.tail):
            room, returned = Claims.NO_ROOM(row, places=(start, end)), case.read_of(read, position, row, index)
            rows = (other, row, read)
            return case.witness(rows, returned, ", but ", room, ": ", why, accused=(read,), position=position)
        for k, sent in enumerate(case.sent(row)):
            for elsewhere in case.positions_of(sent) if not case.failed(row) else ():
                if elsewhere != start + k:
                    reader = next(one for one in case.readers(elsewhere) if case.digest_read(one, elsewhere) == sent)
                    said = case.read_of(read, position, row, index), ", but ", case.read_of(reader, elsewhere, row, k)
                    return case.witness((row, reader, read), *said, accused=(read,), position=position)
    return None


def _inside(case: Case) -> Witness | None:
    tail = case.exact(case.row)
    tail = int(case.columns.told[case.m]) if tail == NONE else tail
    writer = next((row for row in case.others if case.kind(row) is Kind.APPEND), case.holding(tail, case.row))
    if writer == NONE:
        return None
    told = Claims.TOLD_TAIL(case.row, tail=tail)
    return case.witness((writer, case.row), told, ", ", case.inside(writer, tail), position=tail)
