"""append-reorder: an acknowledged append stands after one that was begun later (G0-realtime)."""

from __future__ import annotations

from typing import Final

from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.cycles import cycle
from ..explanation.sentences import Witness
from . import promises

RANK: Final = 220

ROW: Final = Anomaly(
    "append-reorder",
    "an acknowledged append stands after one that was begun later (G0-realtime)",
    Severity.CRITICAL,
    "ww + rt (or process)",
    promises.SEQUENCE,
    "Appends are in the wrong order",
)


def tell(case: Case) -> Witness | None:
    """An append that stands after one that was invoked when it had been acknowledged."""
    history, place = case.history, case.place(case.row)
    if not case.is_append or place is None:
        return None
    for other in case.others:
        its = case.place(other)
        if its is None:
            continue
        if history.returned[case.row] <= history.invoked[other] and its[0] < place[0]:
            return cycle(case, (case.row, other), accused=[case.row])
        if history.returned[other] <= history.invoked[case.row] and place[0] < its[0]:
            return cycle(case, (other, case.row), accused=[other])
    return None
