"""lost-stream: a stream that had answered is said not to be there, or to be about to go, and nobody deleted it."""

from __future__ import annotations

from typing import Final

import numpy as np

from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims, Said
from ..explanation.sentences import Witness, order
from ..kernel import spec
from . import promises

RANK: Final = 90

ROW: Final = Anomaly(
    "lost-stream",
    "a stream that had answered is said not to be there, or to be about to go, and nobody deleted it",
    Severity.CRITICAL,
    "no answer claims that the stream is absent after one that shows it, unless somebody may have deleted it",
    promises.EXISTS,
    "The stream vanished",
)


def tell(case: Case) -> Witness | None:
    """A claim of absence after an answer that shows the stream, and nobody who may have deleted it."""
    if case.ask != spec.ABSENT:
        return None
    history, columns = case.history, case.columns
    shows = columns.row[(columns.ask != spec.ABSENT) & (columns.optional == 0)]
    if not len(shows):
        return None
    first = int(shows[np.argmin(history.returned[shows])])
    claims = columns.row[columns.ask == spec.ABSENT]
    lost = claims[history.invoked[claims] > history.returned[first]]
    if not len(lost):
        first, lost = case.others[0] if case.others else first, claims[claims == case.row]
    claim = int(lost[0])
    said: Said = (Claims.FOUND_STREAM(first), ", but ", Claims.WAS_TOLD(claim))
    if len(lost) > 1:
        said = (*said, ", and ", Claims.TOLD_IN_ALL(*lost.tolist(), answers=len(lost)))
    said = (*said, "; ", Claims.NOT_DELETED())
    return case.witness((first, claim), *said, clock=order(history, first, claim), accused=lost.tolist())
