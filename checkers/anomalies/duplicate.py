"""duplicate: one record stands at two positions."""

from __future__ import annotations

from typing import Final

from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.sentences import Witness
from . import promises

RANK: Final = 50

ROW: Final = Anomaly(
    "duplicate",
    "one record stands at two positions",
    Severity.CRITICAL,
    "a record that was sent once stands at one position",
    promises.ATOMIC,
    "A record is in the stream twice",
)


def tell(case: Case) -> Witness | None:
    """A record that was read at more positions than it was sent for."""
    if case.content is None:
        return None
    position, read, digest = case.content
    senders = [(row, index) for row, index in case.senders(digest) if not case.failed(row)]
    places = case.positions_of(digest)
    if not senders or len(places) <= len(senders):
        return None
    row, index = senders[0]
    teller = case.teller(row, read)
    others = [one for one in places if one != position]
    text = (
        f"{teller.who(row)} was sent once, and its {teller.record(row, index)} stands at position {others[0]}, "
        f"and again at position {position}"
    )
    other = int(case.readers(others[0])[-1])
    return case.witness(text, (row, other, read), accused=(read,), position=position)
