"""future-read: something was observed that nobody had yet begun to append (G1c-realtime)."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
from ..explanation.cycles import cycle
from ..explanation.sentences import Witness, order
from ..kernel import spec
from . import promises

RANK: Final = 200

ROW: Final = Anomaly(
    "future-read",
    "something was observed that nobody had yet begun to append (G1c-realtime)",
    Severity.CRITICAL,
    "wr + rt",
    promises.DURABLE_READ,
    "An answer shows what nobody had written yet",
)


def tell(case: Case) -> Witness | None:
    """An observation of what an append wrote that had not begun, or of a tail that nothing can have led to by then."""
    row, history = case.row, case.history
    if case.is_append:
        observed = case.cause is not None and case.place(case.cause) is None
        return cycle(case, (case.cause, row), accused=[case.cause]) if case.cause is not None and observed else None
    tail = max(case.lower(row), case.told(row))
    for other in case.others:
        place = case.place(other)
        if place is not None and place[0] < tail and order(history, row, other):
            return cycle(case, (row, other), accused=[row])
    if case.ask == spec.MATCH_REFUSED or case.rule not in ("too-soon", "hole", "beyond", "not-there", "tail-not-there"):
        return None
    if tail == NONE or case.split(case.exact(row)) != NONE:
        return None
    if case.history.part_of[row] in case.others:
        return None  # its own answer went back
    if (
        case.is_read
        and case.content is not None
        and all(case.failed(sender) for sender, _ in case.senders(case.content[2]))
    ):
        return None
    saw, unreached = Claims.SAW_UP_TO(row, tail=tail), Claims.UNREACHED(row, tail=tail)
    return case.witness((*case.others, row), saw, ", but ", unreached, position=tail)
