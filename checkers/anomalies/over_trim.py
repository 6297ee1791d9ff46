"""over-trim: a record at or above the trim point is gone."""

from __future__ import annotations

from typing import Final

from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
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
        start = max(low, case.trimmed)
        if low >= case.trimmed:
            continue
        teller = case.teller(case.row)
        if start >= high:
            text = f"{teller.who(case.row)} left out records that were trimmed, if at all, only after where it ended"
            return case.witness(text, (case.row,), position=low)
        rows = case.acked_at(start, high)[:1].tolist()
        teller = case.teller(*rows, case.row)
        text = (
            f"{teller.name(case.row)} left out {teller.place(start, high)}, although no trim that may have been in "
            f"force reaches there"
        )
        if rows:
            text += f", where {teller.who(rows[0])} was acknowledged ({case.part(start, high)})"
        return case.witness(text, (*rows, case.row), position=start)
    return None
