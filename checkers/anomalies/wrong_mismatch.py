"""wrong-mismatch: the tail or token that a refusal reports was never there while the operation ran."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
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
    row, tail = case.row, case.exact(case.row)
    refused = (Claims.REFUSED_TOKEN if case.ask == spec.TOKEN_REFUSED else Claims.REFUSED_TAIL)(row)
    if case.rule in ("token-held", "match-held") and not case.gave_condition:
        no_such = Claims.GAVE_NO_TOKEN if case.rule == "token-held" else Claims.GAVE_NO_MATCH
        return case.witness((row,), refused, ", but ", no_such(row), position=tail)
    if case.ask == spec.TOKEN_REFUSED:
        return case.witness((*case.others, row), refused, ", but ", Claims.NOT_IN_FORCE(row))
    if case.rule in ("token-first", "token"):
        fence = case.fence_below(tail)
        said = refused, ", although ", Claims.TOKEN_FIRST(row), ": ", *case.in_force(tail)
        return case.witness((NONE if fence is None else fence.row, row), *said, position=tail)
    writer = case.split(tail)
    if writer != NONE:
        return case.witness((writer, row), refused, ", ", case.inside(writer, tail), position=tail)
    why = {
        "below-first": Claims.FIRST_TAIL(tail=case.asked.tail),
        "nowhere": Claims.NOT_THERE(row),
        **dict.fromkeys(("beyond", "hole", "too-soon"), Claims.UNREACHED(row, tail=tail)),
    }.get(case.rule)
    return None if why is None else case.witness((*case.others, row), refused, ", but ", why, position=tail)
