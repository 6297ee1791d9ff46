"""spurious-rejection: an operation was refused although what it asked for held."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
from ..explanation.sentences import Witness
from . import promises

RANK: Final = 170

ROW: Final = Anomaly(
    "spurious-rejection",
    "an operation was refused although what it asked for held",
    Severity.SERIOUS,
    "the state that a refusal reports does not satisfy the condition",
    promises.REFUSAL,
    "An operation was refused without reason",
)


def tell(case: Case) -> Witness | None:
    """An operation that was refused, and what it asked for held."""
    appends, row, rule = case.history.appends, case.row, case.rule
    token, match, tail = int(appends.token[row]), int(appends.match_seq_num[row]), case.exact(row)
    if rule == "token-held" and token == case.refused_token != NONE:
        return case.witness((row,), Claims.REFUSED_TOKEN(row), ", although ", Claims.GAVE_THAT_TOKEN(row))
    if rule == "match-held" and match != NONE:
        return case.witness((row,), Claims.REFUSED_TAIL(row), ", although ", Claims.GAVE_THAT_TAIL(row), position=tail)
    if rule == "all-held" and token == match == NONE:
        return case.witness((row,), Claims.REFUSED(row), ", but ", Claims.GAVE_NOTHING(row))
    if rule == "all-held":
        return case.witness((*case.others, row), Claims.REFUSED(row), ", but ", Claims.ALL_HELD(row))
    if rule == "in-range" and case.missed is None:
        waits = case.columns.follows[case.m] and case.columns.clamp[case.m]
        readable = Claims.WAS_TO_WAIT(row) if waits else Claims.SOMETHING_TO_READ(row)
        return case.witness((row,), Claims.OUT_OF_RANGE(row), ", although ", readable, position=tail)
    return None
