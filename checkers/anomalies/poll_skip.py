"""poll-skip: a read jumped over records."""

from __future__ import annotations

from typing import Final

from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
from ..explanation.sentences import Witness
from . import promises

RANK: Final = 250

ROW: Final = Anomaly(
    "poll-skip",
    "a read jumped over records",
    Severity.SERIOUS,
    "the seq_nums of an answer are consecutive, but for what may have vanished",
    promises.POLL,
    "A read jumped over records",
)


def tell(case: Case) -> Witness | None:
    """An answer that left out what cannot have been gone."""
    if case.rule not in ("left-out", "no-reason"):
        return None
    for low, high in case.gaps:
        start = max(low, case.trimmed)
        if start < high:
            missing = Claims.LEFT_OUT(case.row, places=(start, high))
            return case.witness((*case.others, case.row), missing, position=start)
    return None
