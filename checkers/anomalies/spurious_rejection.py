"""spurious-rejection: an operation was refused although what it asked for held."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
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

_WHAT: Final = {
    "token-held": "was refused with the very token that it gave",
    "match-held": "was refused with the very tail that it asked for",
    "all-held": "was refused for a condition, and all that it asked for held",
    "in-range": "was refused as out of range, yet there was something to read, or it was to wait",
}


def tell(case: Case) -> Witness | None:
    """An operation that was refused, and what it asked for held."""
    appends, row = case.history.appends, case.row
    given = {"token-held": appends.token[row], "match-held": appends.match_seq_num[row]}
    if case.rule not in _WHAT or given.get(case.rule, 0) == NONE:
        return None
    if case.rule == "token-held" and appends.token[row] != case.refused_token:
        return None
    if case.rule == "in-range" and case.columns.since[case.m] != NONE:
        return None
    what, teller = _WHAT[case.rule], case.teller(case.row)
    if case.rule == "all-held" and appends.token[row] == NONE and appends.match_seq_num[row] == NONE:
        what = "was refused for a condition, and gave none"
    others = () if case.rule in given or case.rule == "in-range" else case.others
    tail = case.exact(row)
    return case.witness(f"{teller.who(row)} {what}", (*others, row), position=None if tail == NONE else tail)
