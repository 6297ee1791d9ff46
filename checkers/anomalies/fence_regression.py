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
    """A refusal with a token that a fence had replaced before it began, and that was not in force again so soon."""
    history, row = case.history, case.row
    if case.ask != spec.TOKEN_REFUSED:
        return None
    before = [one for one in case.others if history.returned[one] <= history.invoked[row]]
    later = [one for one in case.others if history.returned[row] <= history.invoked[one]]
    enders = [ender for _, ender in case.slots(case.refused_token) if ender is not None]
    before = before or [one.row for one in enders[-1:] if history.returned[one.row] <= history.invoked[row]]
    if not before or not enders:
        return None
    bound = max(case.lower(one) for one in before)
    again = any(ender is None or ender.start >= bound for _, ender in case.slots(case.refused_token))
    if later and again:  # it is in force again, but only past what was seen after the refusal
        return cycle(case, (*before[::-1], row, later[0]), accused=[row])
    proof = next((one for one in before if case.lower(one) > enders[0].start), None)
    return cycle(case, (*before[::-1], row) if proof is None else (proof, row))
