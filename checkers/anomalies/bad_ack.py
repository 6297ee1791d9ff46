"""bad-ack: an impossible acknowledgement: wrong length, overlapping another, leaving a gap, or tail < end."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import Kind
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.sentences import Witness
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
    start, end, number = int(appends.start[row]), int(appends.end[row]), len(case.sent(row))
    teller = case.teller(row, *case.others)
    if case.rule in ("empty", "length"):
        records = "record" if number == 1 else "records"
        what = f"{teller.who(row)} acknowledges [{start}, {end}), but it sent {number} {records}"
        return case.witness(what, (row,), position=start)
    if case.rule == "below-end":
        what = f"{teller.who(row)} was acknowledged up to {end}, yet with the tail {int(appends.tail[row])} below that"
        return case.witness(what, (row,), position=end)
    if case.rule == "below-first":
        tail = case.asked.tail
        what = f"{teller.who(row)} was acknowledged at {start}, but the stream's tail was {tail} from the beginning"
        return case.witness(what, (row,), position=start)
    if case.rule == "overlap":
        first, second = sorted((row, case.others[0]))
        shared = teller.place(
            max(appends.start[first], appends.start[second]), min(appends.end[first], appends.end[second])
        )
        what = (
            f"{teller.who(first)} and {teller.who(second)} were both acknowledged at {shared}: "
            "a position holds one record"
        )
        return case.witness(what, (first, second), accused=(row,), position=case.position)
    if case.rule in ("hole", "beyond", "start", "nowhere"):
        what = (
            f"{teller.who(row)} was acknowledged up to {int(appends.tail[row])}, but what lies below can have been "
            f"written by no append of this history: each stands elsewhere, failed, came later or does not fit"
        )
        return case.witness(what, (*case.others, row), position=start)
    return None
