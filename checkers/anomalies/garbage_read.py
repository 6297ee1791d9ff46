"""garbage-read: a record that nobody sent to this stream, or altered content."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
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
    teller = case.teller(read, owner, stranger)
    returned = teller.returned(read, position)
    text = f"{teller.name(read)} returned at position {position} {returned} that nobody sent to this stream"
    if stranger != NONE:
        text += f": {teller.who(stranger)} sent it to the stream {case.history.operation(stranger).stream}"
    elif owner != NONE:
        text += f": what {teller.who(owner)} put there was altered"
    return case.witness(text, (stranger, read), context=(owner,), position=position)
