"""bad-ack: an impossible acknowledgement: wrong length, overlapping another, leaving a gap, or tail < end."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE, Kind
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
from ..explanation.cycles import cycle
from ..explanation.sentences import Witness, order
from . import promises

RANK: Final = 130

ROW: Final = Anomaly(
    "bad-ack",
    "an impossible acknowledgement: wrong length, overlapping another, leaving a gap, or tail < end",
    Severity.SERIOUS,
    "end − start = n, tail ≥ end, and acknowledged ranges tile the stream",
    promises.ACK,
    "An acknowledgement cannot be true",
)


def tell(case: Case) -> Witness | None:
    """An acknowledgement that is impossible by itself, or beside another."""
    row, appends = case.row, case.history.appends
    if case.kind(row) is not Kind.APPEND or not case.acked(row):
        return None
    start, end = int(appends.start[row]), int(appends.end[row])
    acked = Claims.ACKNOWLEDGED(row)
    beyond = [one for one in case.others if case.acked(one) and int(appends.end[one]) <= start < case.told(one)]
    told = [one for one in beyond if order(case.history, one, row)]
    if case.rule == "behind" and told:
        return cycle(case, (told[0], row), accused=told[:1])
    if case.rule in ("empty", "length"):
        return case.witness((row,), acked, ", but ", Claims.SENT(row), position=start)
    if case.rule == "below-end":
        tail = Claims.WITH_TAIL(row, tail=int(appends.tail[row]))
        return case.witness((row,), acked, ", but ", tail, position=end)
    if case.rule == "below-first":
        return case.witness((row,), acked, ", but ", Claims.FIRST_TAIL(tail=case.asked.tail), position=start)
    if case.rule == "overlap" and case.others:
        first, second = sorted((row, case.others[0]))
        shared = max(appends.start[first], appends.start[second]), min(appends.end[first], appends.end[second])
        both = Claims.BOTH_ACKNOWLEDGED(first, second, places=tuple(map(int, shared)))
        return case.witness((first, second), both, accused=(row,), position=case.position)
    if case.rule in ("hole", "beyond", "start", "nowhere"):
        unreached = Claims.UNREACHED(row, tail=start if NONE < case.position < start else int(appends.tail[row]))
        return case.witness((*case.others, row), acked, ", but ", unreached, position=start)
    return None
