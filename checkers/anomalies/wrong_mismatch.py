"""wrong-mismatch: the tail or token that a refusal reports was never there while the operation ran."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.sentences import Witness
from ..kernel import spec
from . import promises

RANK: Final = 180

ROW: Final = Anomaly(
    "wrong-mismatch",
    "the tail or token that a refusal reports was never there while the operation ran",
    Severity.SERIOUS,
    "the state that a refusal reports is one of the stream's, and the condition named was given",
    promises.REFUSAL,
    "A refusal reports a state that never was",
)


def tell(case: Case) -> Witness | None:
    """A refusal that names a tail or a token that was not there, or a condition that was not given."""
    if case.ask not in (spec.MATCH_REFUSED, spec.TOKEN_REFUSED):
        return None
    row, teller = case.row, case.teller(case.row, *case.others)
    tail = case.exact(row)
    position = None if tail == NONE else tail
    if case.rule == "token-first":
        fence = case.fence_below(tail)
        by = "from the beginning" if fence is None else f"set by {teller.name(fence.row)}"
        token = teller.initial(case.asked.stream) if fence is None else teller.token(fence.token)
        text = (
            f"{teller.who(row)} was refused for its match_seq_num at the tail {tail}, where its token should have been "
            f"refused first: the token there is {token}, {by}"
        )
        return case.witness(text, (NONE if fence is None else fence.row, row), position=position)
    if case.rule in ("token-held", "match-held") and not case.gave_condition:
        condition = "fencing token" if case.rule == "token-held" else "match_seq_num"
        text = f"{teller.who(row)} was refused for its {condition}, and gave none"
        return case.witness(text, (row,), position=position)
    if case.ask == spec.TOKEN_REFUSED:
        told = teller.token(case.refused_token)
        text = f"{teller.who(row)} was refused with the token {told}, which was not in force while it ran"
        return case.witness(text, (*case.others, row))
    writer = case.holding(tail, row)
    place = None if writer == NONE else case.place(writer)
    if place and place[0] < tail:
        text = f"{teller.name(row)} found the tail at {tail}, inside the batch of {teller.name(writer)}"
        return case.witness(text, (writer, row), position=tail)
    if case.rule in ("beyond", "hole", "nowhere", "too-soon", "below-first"):
        text = f"{teller.who(row)} was refused with the tail {tail}, which there was not while it ran"
        return case.witness(text, (*case.others, row), position=tail)
    return None
