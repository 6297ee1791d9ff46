"""stale-read: a read, check-tail or refusal missed an append acknowledged before it began (G-single-realtime)."""

from __future__ import annotations

from typing import Final

from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.cycles import cycle
from ..explanation.sentences import Witness
from . import promises

RANK: Final = 190

ROW: Final = Anomaly(
    "stale-read",
    "a read, check-tail or refusal missed an append acknowledged before it began (G-single-realtime)",
    Severity.CRITICAL,
    "rw + rt",
    promises.STRONG,
    "An answer was out of date",
)


def tell(case: Case) -> Witness | None:
    """An observation of a tail that an append which had been acknowledged before had left behind."""
    if case.is_append or case.cause is None or not case.wrote_past(case.cause, case.upper(case.row)):
        return None
    return cycle(case, (case.cause, case.row))
