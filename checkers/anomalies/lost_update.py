"""lost-update: two appends with the same match_seq_num were both accepted."""

from __future__ import annotations

from typing import Final

import numpy as np

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
from ..explanation.sentences import Witness
from ..kernel import spec
from . import promises

RANK: Final = 30

ROW: Final = Anomaly(
    "lost-update",
    "two appends with the same match_seq_num were both accepted",
    Severity.CRITICAL,
    "no two accepted appends have the same match_seq_num",
    promises.MATCH,
    "Two writers won the same race",
)


def tell(case: Case) -> Witness | None:
    """Two accepted appends that asked for the same position."""
    if not case.is_append or case.rule not in ("match", "start", "overlap"):
        return None
    appends, columns = case.history.appends, case.columns
    for row in (case.row, *case.others):
        match = int(appends.match_seq_num[row])
        same = np.flatnonzero((columns.match == match) & (columns.ask == spec.APPEND) & (columns.at != NONE))
        others = [one for one in columns.row[same].tolist() if one != row]
        if match == NONE or not others:
            continue
        # Where one of the two stands elsewhere than it asked for, that one is to blame.
        first, second = sorted((row, others[0]), key=lambda one: (appends.start[one] != match, one))
        return case.witness((first, second), Claims.BOTH_ACCEPTED(first, second, match=match), position=match)
    return None
