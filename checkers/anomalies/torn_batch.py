"""torn-batch: a batch was applied in part, not contiguously, or a tail was seen inside it."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE, Kind
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
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
                teller = case.teller(row, read, wrong[-1])
                text = (
                    f"{teller.who(row)} was applied in part: its {teller.record(row, index)} stands at position "
                    f"{position}, but its {teller.record(row, k)} is not at {start + k}"
                )
                return case.witness(text, (row, read, wrong[-1]), accused=(read,), position=position)
    return None


def _inside(case: Case) -> Witness | None:
    tail = case.exact(case.row)
    tail = int(case.columns.told[case.m]) if tail == NONE else tail
    writer = next((row for row in case.others if case.kind(row) is Kind.APPEND), case.holding(tail, case.row))
    if writer == NONE:
        return None
    place, teller = case.place(writer), case.teller(writer, case.row)
    where = f" at {teller.place(*place)}" if place else ""
    text = f"{teller.name(case.row)} found the tail at {tail}, inside the batch of {teller.who(writer)}{where}"
    return case.witness(text, (writer, case.row), position=tail)
