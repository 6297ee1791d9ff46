"""garbage-read: a record that nobody sent to this stream, or altered content."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims, Said
from ..explanation.sentences import Witness
from . import promises

RANK: Final = 70

ROW: Final = Anomaly(
    "garbage-read",
    "a record that nobody sent to this stream, or altered content",
    Severity.CRITICAL,
    "every record read was sent in an append to this stream",
    promises.SEQUENCE,
    "A read returned what nobody wrote",
)


def tell(case: Case) -> Witness | None:
    """A record that nobody sent to this stream."""
    found = next(((p, read, digest) for p, read, digest in case.contents if not case.senders(digest)), None)
    if found is None:
        return None
    position, read, digest = found
    if position < case.asked.tail:
        return None  # it may have been there before
    stranger = next((row for row, _ in case.senders(digest, elsewhere=True)), NONE)
    owner = case.holding(position)
    said: Said = (case.read_at(read, position), ", but ", Claims.NOBODY_SENT(digest=digest))
    if stranger != NONE:
        said = (*said, ": ", Claims.SENT_ELSEWHERE(stranger, digest=digest))
    elif owner != NONE:
        said = (*said, ": ", Claims.STANDS(owner, places=case.place(owner)))
    return case.witness((read,), *said, context=(stranger, owner), position=position)
