"""nonmonotonic-read: two observations, one after the other, go backwards."""

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

RANK: Final = 210

ROW: Final = Anomaly(
    "nonmonotonic-read",
    "two observations, one after the other, go backwards",
    Severity.SERIOUS,
    "rw + wr + rt (or process)",
    promises.STRONG,
    "The stream seemed to go backwards",
)


def tell(case: Case) -> Witness | None:
    """Two observations of which the later one shows less."""
    row, history = case.row, case.history
    if case.is_append or case.ask == spec.TOKEN_REFUSED:
        return None
    if case.cause is not None and not case.wrote_past(case.cause, case.upper(row)):
        return cycle(case, (case.cause, row), accused=[case.cause])
    for other in case.others if case.rule != "exhausted" else ():
        later = history.returned[row] <= history.invoked[other]
        if later and case.place(other) is None and NONE != case.upper(other) < case.lower(row):
            return cycle(case, (row, other), accused=[row])
    before = [other for other in case.others if order(history, other, row)]
    if case.rule == "behind" and before:
        return cycle(case, (*before[::-1], row), accused=[before[0]])
    if case.rule == "below-first" and case.ask != spec.MATCH_REFUSED:
        saw, began = Claims.SAW_TAIL(row, tail=case.exact(row)), Claims.FIRST_TAIL(tail=case.asked.tail)
        return case.witness((row,), saw, ", but ", began)
    return None
