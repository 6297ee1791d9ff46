"""fence-regression: an old token was reported after a newer fence had been acknowledged or seen."""

from __future__ import annotations

from typing import Final

from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.cycles import cycle
from ..explanation.sentences import Witness
from ..kernel import spec
from . import promises

RANK: Final = 150

ROW: Final = Anomaly(
    "fence-regression",
    "an old token was reported after a newer fence had been acknowledged or seen",
    Severity.CRITICAL,
    "tr + rt: cycle of the refusal and the newer fence",
    promises.FENCE,
    "A fence was undone",
)


def tell(case: Case) -> Witness | None:
    """A refusal with a token that a fence had replaced before it began."""
    history, slots = case.history, case.slots(case.refused_token) if case.ask == spec.TOKEN_REFUSED else []
    ender = slots[-1][1] if slots else None
    if ender is None:
        return None
    before = [row for row in case.others if history.returned[row] <= history.invoked[case.row]]
    proof = next((row for row in before if case.lower(row) > ender.start), None)
    if proof is None:
        return cycle(case, (*before[::-1], case.row)) if before else None
    return cycle(case, (proof, case.row))
