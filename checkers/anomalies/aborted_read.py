"""aborted-read: a record of an append that failed for certain is present (G1a)."""

from __future__ import annotations

from typing import Final

from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.sentences import Witness
from . import promises

RANK: Final = 60

ROW: Final = Anomaly(
    "aborted-read",
    "a record of an append that failed for certain is present (G1a)",
    Severity.CRITICAL,
    "wr from a failed append",
    promises.DEFINITE,
    "An append that failed was applied",
)


def tell(case: Case) -> Witness | None:
    """A record that only appends which failed had sent."""
    if case.content is None:
        return None
    position, read, digest = case.content
    senders = case.senders(digest)
    if not senders or not all(case.failed(row) for row, _ in senders):
        return None
    row, index = senders[0]
    teller = case.teller(row, read)
    text = (
        f"{teller.who(row)} failed for certain, yet {teller.name(read)} returned its {teller.record(row, index)} "
        f"at position {position}"
    )
    edge = teller.edge(row, read, "wr", f"{teller.name(read)} returned a record of {teller.name(row)}")
    return case.witness(text, (row, read), edges=[edge], position=position)
