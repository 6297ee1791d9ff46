"""nonmonotonic-poll: a read repeated records, or went back."""

from __future__ import annotations

from typing import Final

import numpy as np

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.sentences import Witness
from . import promises

RANK: Final = 260

ROW: Final = Anomaly(
    "nonmonotonic-poll",
    "a read repeated records, or went back",
    Severity.SERIOUS,
    "the seq_nums of an answer increase, from its start on",
    promises.POLL,
    "A read went backwards",
)

_WHAT: Final = {
    "not-ascending": "returned a position again, or one below another",
    "before-start": "returned a position before where it was to start",
    "too-early": "returned a record from before the time at which it was to start",
    "tail-below": "told a tail below what it returned",
}


def tell(case: Case) -> Witness | None:
    """An answer that goes back, within itself or behind its start; or parts of one that do."""
    row = case.row
    if case.rule == "polls" or _is_below_its_parts(case):
        teller = case.teller(row)
        told = max(int(case.history.reads.tail[row]), int(case.history.observed_tail[row]))
        text = f"{teller.name(row)} told the tail {told}, after another part of the same answer had got further"
        return case.witness(text, (*case.others, row), position=told)
    if case.rule not in _WHAT:
        return None
    teller, positions = case.teller(row), case.returned(row)
    back = np.flatnonzero(positions[1:] <= positions[:-1]) + 1
    position = int(positions[back[0]] if len(back) else positions[0]) if len(positions) else NONE
    return case.witness(f"{teller.name(row)} {_WHAT[case.rule]} ({position})", (row,), position=position)


def _is_below_its_parts(case: Case) -> bool:
    """Did an answer end with a refusal that tells a tail below what its parts had reached?"""
    parts = case.rows[case.history.part_of[case.rows] == case.row].tolist()
    return case.rule == "behind" and any(case.lower(part) > case.upper(case.row) for part in parts)
