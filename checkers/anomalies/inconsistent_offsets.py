"""inconsistent-offsets: answers that disagree about what the stream holds."""

from __future__ import annotations

from typing import Final

import numpy as np

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
from ..explanation.sentences import Witness
from ..kernel import spec
from . import promises

RANK: Final = 140

ROW: Final = Anomaly(
    "inconsistent-offsets",
    "one seq_num, two contents (a split brain), or one record acknowledged and read at different positions",
    Severity.CRITICAL,
    "all sources agree on what a position holds",
    promises.NO_GAPS,
    "Answers disagree about what the stream holds",
)


def tell(case: Case) -> Witness | None:
    """Two contents, two timestamps or two places of one record; or a hash that is not that of what was acknowledged."""
    if case.ask == spec.WHOLE and case.rule == "hash":
        tail = case.exact(case.row)
        told, others = Claims.OTHER_HASH(case.row, tail=tail), Claims.OTHER_RECORDS(case.row, tail=tail)
        return case.witness((*case.others, case.row), told, ", but ", others, position=tail)
    if case.rule == "claims":
        return _timestamps(case) or _before(case)
    if case.content is None:
        return None
    return _displaced(case) or _contents(case)


def _timestamps(case: Case) -> Witness | None:
    position, stamp, rows = case.stamps
    clash = np.flatnonzero((position[1:] == position[:-1]) & (stamp[1:] != stamp[:-1]))
    if not len(clash):
        return None
    mine = clash[(rows[clash] == case.row) | (rows[clash + 1] == case.row)]
    first = int(mine[0] if len(mine) else clash[0])
    one, other = (
        Claims.STAMPED(int(rows[at]), position=int(position[at]), timestamp=int(stamp[at])) for at in (first, first + 1)
    )
    both = sorted((*one.rows, *other.rows))
    accused = [case.row] if case.row in both else both[1:]
    return case.witness(both, one, ", but ", other, accused=accused, position=int(position[first]))


def _before(case: Case) -> Witness | None:
    """A read of what was there before the history: not what others read there, or sent by this history."""
    read, base = case.row, case.asked.tail
    for position in [one for one in case.returned(read).tolist() if one < base]:
        digest = case.digest_read(read, position)
        others = [one for one in case.readers(position).tolist() if case.digest_read(one, position) != digest]
        if others:
            return _two(case, position, read, others[-1])
        for row, index in case.senders(digest):
            if case.history.header.unique_records:
                returned, began = case.read_of(read, position, row, index), Claims.FIRST_TAIL(tail=base)
                return case.witness((row, read), returned, ", but ", began, position=position)
    return None


def _displaced(case: Case) -> Witness | None:
    position, read, digest = case.content or (NONE, NONE, NONE)
    for row, index in case.senders(digest):
        if case.history.appends.start[row] not in (NONE, position - index):
            returned = case.read_of(read, position, row, index)
            return case.witness((row, read), Claims.ACKNOWLEDGED(row), ", but ", returned, position=position)
    return None


def _contents(case: Case) -> Witness | None:
    position, read, digest = case.content or (NONE, NONE, NONE)
    others = [one for one in case.readers(position).tolist() if case.digest_read(one, position) != digest]
    if others:
        return _two(case, position, read, others[-1])
    for row in case.acked_at(position, position + 1).tolist():
        index = position - int(case.history.appends.start[row])
        if case.digest_sent(row, index) != digest:
            another = case.read_another(read, position, row, index)
            acked = Claims.ACKNOWLEDGED(row)
            return case.witness((row, read), acked, ", but ", another, accused=(row,), position=position)
    return None


def _two(case: Case, position: int, read: int, other: int) -> Witness:
    first, second = sorted((read, other))
    one, two = case.read_at(first, position), case.read_at(second, position)
    return case.witness((first, second), one, ", but ", two, position=position)
