"""nonmonotonic-timestamp: a timestamp is below that of the record before."""

from __future__ import annotations

from typing import Final

import numpy as np

from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.sentences import Witness
from ..kernel.log import reported

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
    position, stamp, rows = reported(case.asked, case.rows)
    order = np.lexsort((stamp, position))
    position, stamp, rows = position[order], stamp[order], rows[order]
    greatest = np.maximum.accumulate(stamp)
    fall = np.flatnonzero((stamp[1:] < greatest[:-1]) & (position[1:] > position[:-1])) + 1
    if not len(fall):
        return None
    after = int(fall[0])
    before = int(np.argmax(stamp[:after]))
    rows = rows[[before, after]].tolist()
    case.teller(*rows)
    text = (
        f"the record at position {int(position[after])} has the timestamp {int(stamp[after])}, "
        f"below {int(stamp[before])} at position {int(position[before])}"
    )
    return case.witness(text, rows, position=int(position[after]))
