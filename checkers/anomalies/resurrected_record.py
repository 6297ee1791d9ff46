"""resurrected-record: a record that was seen to be gone came back."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims, Said
from ..explanation.sentences import Witness, order
from . import promises

RANK: Final = 120

ROW: Final = Anomaly(
    "resurrected-record",
    "a record that was seen to be gone came back",
    Severity.SERIOUS,
    "wr after rw: skipped by one read, returned by a later one",
    promises.TRIM,
    "A record that was gone came back",
)


def tell(case: Case) -> Witness | None:
    """A record that one answer shows to be gone, and a later one returns."""
    if case.rule not in ("resurrected", "was-gone", "not-whole", "cycle") or not case.others:
        return None
    gone, row = case.others[0], case.row
    missing = [range(low, high) for low, high in case.gaps_of(case.moment(gone))]
    position = next((one for one in case.returned(row).tolist() if any(one in gap for gap in missing)), NONE)
    said: Said = (Claims.FOUND_SOME_GONE(gone), ", and ", Claims.RETURNED_SOME(row))
    if position != NONE:
        said = (Claims.FOUND_GONE(gone, position=position), ", and ", case.read_at(row, position))
    clock = order(case.history, gone, row)
    return case.witness((*case.others[1:], gone, row), *said, clock=clock, position=position)
