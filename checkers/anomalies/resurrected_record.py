"""resurrected-record: a record that was seen to be gone came back."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.sentences import Witness, sentence
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
    teller = case.teller(gone, row)
    where = "a record" if case.position == NONE else f"position {case.position}"
    text = f"{teller.name(gone)} found {where} gone, and {teller.name(row)} read there again"
    edges = teller.order(gone, row)
    more = [sentence(edge.because) for edge in edges]
    position = None if case.position == NONE else case.position
    return case.witness(text, (*case.others[1:], gone, row), edges=edges, more=more, position=position)
