"""duplicate: one record stands at two positions."""

from __future__ import annotations

from typing import Final

from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
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
    elsewhere = places[0] if places[0] != position else places[-1]
    readers = case.readers(elsewhere).tolist()
    other = next((one for one in readers if case.digest_read(one, elsewhere) == digest), readers[-1])
    return case.witness(
        (row, other, read),
        Claims.SENT_TIMES(row, index=index, digest=digest, times=len(senders)),
        ", but ",
        Claims.RETURNED_IT(other, digest=digest, position=elsewhere),
        ", and ",
        Claims.RETURNED_IT(read, digest=digest, position=position),
        accused=(read,),
        position=position,
    )
