"""phantom-fence: a refusal reports a token that no fence set."""

from __future__ import annotations

from typing import Final

from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.sentences import Witness
from ..kernel import spec
from . import promises

RANK: Final = 160

ROW: Final = Anomaly(
    "phantom-fence",
    "a refusal reports a token that no fence set",
    Severity.SERIOUS,
    "the token reported is the initial one, or was set by a fence",
    promises.REFUSAL,
    "A refusal reports a token that was never set",
)


def tell(case: Case) -> Witness | None:
    """A token that was not the first one, and that no fence which may have been applied sets."""
    token = case.refused_token
    if case.ask != spec.TOKEN_REFUSED or case.rule == "token-held" or case.slots(token) or case.may_be_set(token):
        return None
    if case.history.header.streams[case.asked.stream].fencing_token is None:
        return None
    teller = case.teller(case.row)
    text = f"{teller.who(case.row)} was refused with a token in force that no fence ever set"
    return case.witness(text, (case.row,))
