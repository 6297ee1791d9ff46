"""nonmonotonic-timestamp: a timestamp is below that of the record before."""

from __future__ import annotations

from typing import Final

import numpy as np

from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
from ..explanation.sentences import Witness

RANK: Final = 270

ROW: Final = Anomaly(
    "nonmonotonic-timestamp",
    "a timestamp is below that of the record before",
    Severity.MINOR,
    "timestamps do not decrease along the stream",
    "a timestamp (milliseconds, never decreasing along the stream)",
    "A timestamp goes backwards",
)


def tell(case: Case) -> Witness | None:
    """A record whose timestamp is below that of one before it."""
    if case.rule != "claims":
        return None
    position, stamp, rows = case.stamps
    greatest = np.maximum.accumulate(stamp)
    fall = np.flatnonzero((stamp[1:] < greatest[:-1]) & (position[1:] > position[:-1])) + 1
    if not len(fall):
        return None
    before, after = (
        Claims.STAMPED(int(rows[at]), position=int(position[at]), timestamp=int(stamp[at]))
        for at in (np.argmax(stamp[: fall[0]]), fall[0])
    )
    return case.witness((*before.rows, *after.rows), after, ", but ", before, position=after.values["position"])
