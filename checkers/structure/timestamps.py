"""Timestamps: one for each record, whoever tells it, and never less than the one before."""

from __future__ import annotations

import numpy as np

from fencepost.harness.history.history import NONE

from ..chain.claims import Claims
from ..explanation.sentences import Witness, sentence
from ..judgement import Judgement


def check(judgement: Judgement) -> None:
    """inconsistent-offsets (two timestamps of one record), nonmonotonic-timestamp."""
    claims, held = judgement.claims, judgement.chain.contents
    at, inside = held.axis.find(claims.position)
    wrong = np.zeros(len(claims.row), dtype=np.bool_)
    if held.axis.size:
        wrong = inside & (held.timestamp[at] != claims.timestamp)
    known = np.flatnonzero(held.timestamp != NONE)
    position = np.concatenate((held.axis.positions(known), claims.position[~inside]))
    timestamp = np.concatenate((held.timestamp[known], claims.timestamp[~inside]))
    if not inside.all():
        order = np.lexsort((timestamp, position))
        position, timestamp = position[order], timestamp[order]
    same = position[1:] == position[:-1]
    clash = np.flatnonzero(same & (timestamp[1:] != timestamp[:-1]))
    fall = np.flatnonzero(~same & (timestamp[1:] < timestamp[:-1]))
    offenders = np.unique(np.concatenate((claims.position[wrong], position[clash]))).tolist()
    for one in judgement.findings.few("inconsistent-offsets", offenders):
        _two(judgement, claims, int(one))
    for i in judgement.findings.few("nonmonotonic-timestamp", fall.tolist()):
        _fall(judgement, claims, (int(position[i]), int(timestamp[i])), (int(position[i + 1]), int(timestamp[i + 1])))


def _tellers(claims: Claims, position: int) -> list[tuple[int, int]]:
    """(timestamp, row) of the first to tell each timestamp of a position."""
    found: dict[int, int] = {}
    for at in np.flatnonzero(claims.position == position).tolist():
        found.setdefault(int(claims.timestamp[at]), int(claims.row[at]))
    return list(found.items())


def _two(judgement: Judgement, claims: Claims, position: int) -> None:
    (one, first), (other, second) = _tellers(claims, position)[:2]
    teller = judgement.teller(first, second)
    text = (
        f"the record at position {position} has the timestamp {one} by {teller.name(first)}, "
        f"and {other} by {teller.name(second)}"
    )
    rows = tuple(dict.fromkeys((first, second)))
    witness = Witness(rows, (sentence(text), *(teller.told(row) for row in rows)), suspects=rows)
    judgement.findings.add("inconsistent-offsets", witness, position)


def _fall(judgement: Judgement, claims: Claims, before: tuple[int, int], after: tuple[int, int]) -> None:
    rows = [row for place, value in (before, after) for told, row in _tellers(claims, place) if told == value]
    rows = list(dict.fromkeys(rows))
    teller = judgement.teller(*rows)
    text = f"the record at position {after[0]} has the timestamp {after[1]}, below {before[1]} at position {before[0]}"
    witness = Witness(tuple(rows), (sentence(text), *(teller.told(row) for row in rows)), suspects=tuple(rows))
    judgement.findings.add("nonmonotonic-timestamp", witness, after[0])
