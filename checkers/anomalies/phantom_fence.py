"""phantom-fence: a refusal reports a token that no fence set."""

from __future__ import annotations

from typing import Final

from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
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
    row, token = case.row, case.refused_token
    if case.ask != spec.TOKEN_REFUSED or case.rule == "token-held" or case.slots(token) or case.may_be_set(token):
        return None
    if case.initial is None:
        return None
    return case.witness((row,), Claims.REFUSED_TOKEN(row), ", but ", Claims.NEVER_SET(row))
