"""inconsistent-offsets: answers that disagree about what the stream holds."""

from __future__ import annotations

from typing import Final

import numpy as np

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.sentences import Witness
from ..kernel import spec
from ..kernel.log import reported
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
        teller, tail = case.teller(case.row), case.exact(case.row)
        text = (
            f"{teller.who(case.row)} returned {tail:,} records, but by their hash these are not the {tail:,} records "
            "that stand there by all other answers"
        )
        return case.witness(text, (*case.others, case.row), position=tail)
    if case.rule == "claims":
        return _timestamps(case) or _before(case)
    if case.content is None:
        return None
    return _displaced(case) or _contents(case)


def _timestamps(case: Case) -> Witness | None:
    position, stamp, rows = reported(case.asked, case.rows)
    order = np.lexsort((rows, stamp, position))
    position, stamp, rows = position[order], stamp[order], rows[order]
    clash = np.flatnonzero((position[1:] == position[:-1]) & (stamp[1:] != stamp[:-1]))
    if not len(clash):
        return None
    at = clash[0]
    first, second = sorted((int(rows[at]), int(rows[at + 1])))
    one, other = (int(stamp[at + (int(rows[at]) != row)]) for row in (first, second))
    teller = case.teller(first, second)
    text = (
        f"the record at position {int(position[at])} has the timestamp {one} by {teller.name(first)}, "
        f"and {other} by {teller.name(second)}"
    )
    return case.witness(text, (first, second), position=int(position[at]))


def _before(case: Case) -> Witness | None:
    """A read of what was there before the history: not what others read there, or sent by this history."""
    read, base = case.row, case.asked.tail
    for position in [one for one in case.returned(read).tolist() if one < base]:
        digest = case.digest_read(read, position)
        others = [one for one in case.readers(position).tolist() if case.digest_read(one, position) != digest]
        if others:
            return _two(case, position, read, others[-1])
        for row, _ in case.senders(digest):
            if case.history.header.unique_records:
                teller = case.teller(row, read)
                text = (
                    f"{teller.name(read)} returned a record of {teller.who(row)} at position {position}, "
                    f"below the tail {base} at which the history begins"
                )
                return case.witness(text, (row, read), position=position)
    return None


def _displaced(case: Case) -> Witness | None:
    position, read, digest = case.content or (NONE, NONE, NONE)
    for row, index in case.senders(digest):
        start = int(case.history.appends.start[row])
        if start not in (NONE, position - index):
            teller = case.teller(row, read)
            text = (
                f"{teller.who(row)} was acknowledged at {start}, but {teller.name(read)} returned its "
                f"{teller.record(row, index)} at {position}"
            )
            return case.witness(text, (row, read), position=position)
    return None


def _contents(case: Case) -> Witness | None:
    position, read, digest = case.content or (NONE, NONE, NONE)
    others = [one for one in case.readers(position).tolist() if case.digest_read(one, position) != digest]
    if others:
        return _two(case, position, read, others[-1])
    for row in case.acked_at(position, position + 1).tolist():
        if case.digest_sent(row, position - int(case.history.appends.start[row])) != digest:
            teller = case.teller(row, read)
            text = (
                f"{teller.name(row)} was acknowledged at position {position}, "
                f"and {teller.name(read)} read another there: {teller.returned(read, position)}"
            )
            return case.witness(text, (row, read), accused=(row,), position=position)
    return None


def _two(case: Case, position: int, read: int, other: int) -> Witness:
    first, second = sorted((read, other))
    teller = case.teller(first, second)
    text = (
        f"at position {position}, {teller.name(second)} returned another record than {teller.name(first)}: "
        f"{teller.returned(second, position)}, not {teller.returned(first, position)}"
    )
    return case.witness(text, (first, second), position=position)
