"""session-poison: a batch of an append session was applied after the session had failed."""

from __future__ import annotations

from typing import Final

import numpy as np

from fencepost.harness.history.history import NONE, Kind, Outcome
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
from ..explanation.sentences import Link, Witness
from . import promises

RANK: Final = 240

ROW: Final = Anomaly(
    "session-poison",
    "a batch of an append session was applied after the session had failed",
    Severity.CRITICAL,
    "no batch of a session is applied after its first failure",
    promises.POISON,
    "A session went on after it had failed",
)


def tell(case: Case) -> Witness | None:
    """A batch that was applied after a failure of its session."""
    history = case.history
    rows = (case.row,) if case.content is None else tuple(row for row, _ in case.senders(case.content[2]))
    for row in rows:
        session = int(history.session[row])
        before = np.flatnonzero((history.session == session) & (history.outcome == Outcome.FAILED))
        before = before[(before < row) & (history.kind[before] == Kind.APPEND)]
        failed_itself = case.failed(row) and not case.poisoned(row)
        if session == NONE or case.kind(row) is not Kind.APPEND or failed_itself or not len(before):
            continue
        failed = int(before[0])
        because = Claims.FAILED_BEFORE(failed, row)
        edges = [Link(failed, row, "session", (because,))]
        return case.witness((failed, row, case.row), case.applied(row), ", although ", because, edges=edges)
    return None
