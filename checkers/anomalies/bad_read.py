"""bad-read: an answer to a read that no state allows."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claimed, Claims
from ..explanation.sentences import Witness, order
from ..kernel import spec
from . import promises

RANK: Final = 100

ROW: Final = Anomaly(
    "bad-read",
    "an answer to a read that no state allows: more than was asked for, another start, a 416 or none in its place",
    Severity.SERIOUS,
    "an answer starts where it was to, keeps its count, bytes and until, and is a 416 where nothing is to be read",
    promises.ASKED,
    "A read was answered wrongly",
)


_WHAT: Final = {"too-many": Claims.TOO_MANY, "too-large": Claims.TOO_LARGE, "too-late": Claims.TOO_LATE}

_AT_TAIL: Final = ("at-tail", "beyond-tail")
_BEYOND: Final = ("hole", "too-soon", "nowhere")


def tell(case: Case) -> Witness | None:
    """More than was asked for, an answer in place of a 416, an end without a reason, or a start that missed records."""
    row, m, rule = case.row, case.m, case.rule
    if rule in _WHAT:
        return case.witness((row,), _WHAT[rule](row))
    empty = case.is_read and not len(case.returned(row))
    too_soon = len(case.returned(row)) and any(order(case.history, row, other) for other in case.others)
    at_tail = case.columns.start[m] == NONE == case.columns.since[m] and case.columns.offset[m] <= 0
    # Else it was there, or was to be, at another time.
    fresh = empty or (rule == "at-tail" and at_tail) or (case.cause is None and not too_soon)
    nothing = empty or case.ask == spec.BEGIN
    if fresh and (rule in _AT_TAIL or (nothing and rule in _BEYOND and not case.columns.follows[m])):
        start = int(case.columns.start[m])
        due = Claims.NOTHING_AT_TAIL(row) if start == NONE else Claims.NOTHING_AT(row, position=start)
        return case.witness((*case.others, row), Claims.ANSWERED(row), ", although ", due)
    if rule in ("left-out", "in-range", "no-reason") and case.missed is not None:
        return _by_time(case, case.missed)
    if rule == "left-out" and case.is_read and not case.gaps:
        position = int(case.returned(row)[0])
        return case.witness((*case.others, row), Claims.BEGAN_LATE(row, position=position), position=position)
    return _stopped(case)


def _by_time(case: Case, stamped: Claimed) -> Witness:
    """A start by timestamp that left out a record of that time, or an answer that found none."""
    row, position = case.row, int(stamped.values["position"])
    missing = Claims.FOUND_NOTHING(row)
    if len(case.returned(row)):
        first = max(position, case.trimmed)
        missing = Claims.LEFT_OUT(row, places=(first, first + 1))
    said = missing, ", although ", stamped, ", and ", Claims.ASKED_SINCE(row)
    return case.witness((*stamped.rows, row), *said, position=position)


def _stopped(case: Case) -> Witness | None:
    """An end before the tail and before any bound of the read."""
    if case.rule != "no-reason" or not case.is_read or case.cause is not None:
        return None
    row, returned, m = case.row, case.returned(case.row), case.m
    start = int(max(case.columns.after[m], case.columns.start[m]))
    position = int(returned[-1]) + 1 if len(returned) else start
    if any(max(low, case.trimmed) < high for low, high in case.gaps):
        return None
    stopped = Claims.FOUND_NOTHING(row)
    if position != NONE:
        position = max(position, case.trimmed)
        stopped = Claims.STOPPED(row, position=position)
    return case.witness((*case.others, row), stopped, ", although ", Claims.NO_BOUND(row), position=position)
