"""nonmonotonic-poll: a read repeated records, or went back."""

from __future__ import annotations

from typing import Final

import numpy as np

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims, Said
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


def tell(case: Case) -> Witness | None:
    """An answer that goes back, within itself or behind its start; or parts of one that do."""
    row, positions = case.row, case.returned(case.row)
    told = case.told(row) if case.exact(row) == NONE else case.exact(row)
    end = int(case.history.part_of[row])
    if end in case.others and NONE != case.exact(end) < case.lower(row):
        below = case.exact(end)
        said: Said = (Claims.TOLD_TAIL(end, tail=below), ", although ", Claims.GOT_FURTHER(end, tail=below))
        return case.witness((row, end), *said, position=below)
    if case.rule == "polls" or _is_below_its_parts(case):
        said = (Claims.TOLD_TAIL(row, tail=told), ", although ", Claims.GOT_FURTHER(row, tail=told))
        return case.witness((*case.others, row), *said, position=told)
    if case.rule == "tail-below":
        return case.witness((row,), Claims.TOLD_TAIL(row, tail=told), ", but ", Claims.RETURNED_BEYOND(row, tail=told))
    back = np.flatnonzero(positions[1:] <= positions[:-1]) + 1
    if case.is_read and len(back):
        position, before = int(positions[back[0]]), int(positions[back[0] - 1])
        again = Claims.AGAIN(row, position=position)
        went = again if position == before else Claims.WENT_BACK(row, position=position, before=before)
        return case.witness((row,), went, position=position)
    if case.rule in ("before-start", "too-early") or _is_before_its_start(case):
        position, after = int(positions[0]), int(case.columns.after[case.m])
        if after != NONE:
            went = Claims.WENT_BACK(row, position=position, before=after - 1)
            return case.witness((row,), went, position=position)
        early = (Claims.BEFORE_TIME if case.rule == "too-early" else Claims.BEFORE_START)(row, position=position)
        return case.witness((row,), early, position=position)
    return None


def _is_before_its_start(case: Case) -> bool:
    """Did it return a record from before the position that it named, where it should have been refused as well?"""
    columns, m = case.columns, case.m
    if case.rule not in ("at-tail", "beyond-tail") or not case.is_read or columns.after[m] != NONE:
        return False
    return bool(not columns.clamp[m] and (case.returned(case.row)[:1] < columns.start[m]).any())


def _is_below_its_parts(case: Case) -> bool:
    """Did an answer end with a refusal that tells a tail below what its parts had reached?"""
    parts = case.rows[case.history.part_of[case.rows] == case.row].tolist()
    return case.rule == "behind" and any(case.lower(part) > case.upper(case.row) for part in parts)
