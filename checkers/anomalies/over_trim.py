"""over-trim: a record at or above the trim point is gone."""

from __future__ import annotations

from typing import Final

from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims, Said
from ..explanation.sentences import Witness
from . import promises

RANK: Final = 110

ROW: Final = Anomaly(
    "over-trim",
    "a record at or above the trim point is gone",
    Severity.CRITICAL,
    "a read skips only what lies below a trim point that may be in force",
    promises.TRIM,
    "Records that nobody trimmed are gone",
)


def tell(case: Case) -> Witness | None:
    """A read that left out what no trim that may have been in force by then reaches."""
    if case.rule not in ("left-out", "no-reason", "hole", "too-soon") or not len(case.trims):
        return None
    for low, high in case.gaps:
        low, start = max(low, case.asked.tail), max(low, case.trimmed)
        if low >= min(high, case.trimmed):
            continue  # it was no trim, or it was before the history
        if start >= high:
            said: Said = (Claims.LEFT_OUT(case.row, places=(low, high)), ", although ", Claims.TRIMMED_LATER(case.row))
            return case.witness((case.row,), *said, position=low)
        rows = case.acked_at(start, high)[:1].tolist()
        said = (Claims.LEFT_OUT(case.row, places=(start, high)), ", although ", Claims.NO_TRIM(position=start))
        said = (*said, *(one for row in rows for one in (", and ", Claims.ACKNOWLEDGED(row))))
        return case.witness((*rows, case.row), *said, position=start)
    return None
