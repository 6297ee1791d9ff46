"""bad-read: an answer to a read that no state allows."""

from __future__ import annotations

from typing import Final

import numpy as np

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.sentences import Witness
from ..kernel.log import reported
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

_WHAT: Final = {
    "too-many": "returned more records than it was asked for",
    "too-large": "returned more bytes than it was asked for",
    "too-late": "returned a record from the time at which it was to end, or later",
}


def tell(case: Case) -> Witness | None:
    """More than was asked for, nothing in place of a 416, a start by timestamp that missed what qualified."""
    row, teller = case.row, case.teller(case.row)
    if case.rule in _WHAT:
        return case.witness(f"{teller.name(row)} {_WHAT[case.rule]}", (row,))
    empty = case.is_read and not len(case.returned(row))
    if empty and case.rule in ("at-tail", "beyond-tail", "hole", "too-soon", "nowhere"):
        start = int(case.columns.start[case.m])
        at = "it started at the tail" if start == NONE else f"its start, {start}, was not there"
        what = f"{teller.name(row)} was answered with no record, although {at}"
        return case.witness(f"{what}: a 416 was due", (row,))
    since = int(case.columns.since[case.m]) if case.m != NONE else NONE
    if since == NONE or case.columns.after[case.m] != NONE or case.rule not in ("left-out", "in-range", "no-reason"):
        return None
    return _by_time(case, since)


def _by_time(case: Case, since: int) -> Witness | None:
    """A start by timestamp that left out a record of that time, or an answer that found none."""
    returned = case.returned(case.row)
    end = int(returned[0]) if len(returned) else int(case.columns.at[case.m])
    position, stamp, rows = reported(case.asked, case.rows)
    missed = np.flatnonzero((stamp >= since) & (position >= case.trimmed) & ((position < end) | (end == NONE)))
    if not len(missed):
        return None
    at = missed[np.argmin(position[missed])]
    where, teller = int(position[at]), case.teller(int(rows[at]), case.row)
    what = "left out" if len(returned) else "found nothing to read, although there was"
    text = f"{teller.name(case.row)} {what} position {where}, whose timestamp is not below {since}"
    return case.witness(text, (int(rows[at]), case.row), position=where)
