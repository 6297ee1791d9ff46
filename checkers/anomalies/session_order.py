"""session-order: batches of one append session landed out of order."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
from ..explanation.cycles import contradiction
from ..explanation.sentences import Link, Witness, joined
from . import promises

RANK: Final = 230

ROW: Final = Anomaly(
    "session-order",
    "batches of one append session landed out of order",
    Severity.SERIOUS,
    "ww + session",
    promises.SESSION_ORDER,
    "The batches of a session are out of order",
)


def tell(case: Case) -> Witness | None:
    """Two batches of one session of which the later one stands first."""
    row = case.row
    if case.rule == "session":
        before = joined([(Claims.UNAPPLIED_BEFORE(other, row),) for other in case.others], ", and ")
        return case.witness((*case.others, row), case.applied(row), ", although ", *before)
    session = case.history.session[row]
    rows = [one for one in (row, *case.others) if case.history.session[one] == session and case.place(one)]
    if session == NONE or len(rows) < 2:
        return None
    one, other = sorted(rows[:2])
    (first, _), (second, _) = case.place(one) or (0, 0), case.place(other) or (0, 0)
    if second >= first:
        return None
    edges = [Link(one, other, "session", (Claims.SAME_SESSION(one, other),)), case.stands_before(other, one)]
    said = joined([edge.because for edge in edges], ", but ")
    return case.witness((one, other), *said, edges=edges, more=[contradiction(edges)], position=second)
