"""Holes that leave a stream unknown: whether they are open, and whether the appends named for them fit."""

from __future__ import annotations

import numpy as np

from fencepost.harness.history.history import NONE, Int64s

from . import spec
from .answers import returned
from .columns import Requirements
from .format import OpenHole
from .refuted import Refuted, refute


def check(asked: Requirements, hole: OpenHole) -> None:
    """Raises Refuted unless the stream got past the hole, nobody is known to have written it, and candidates fit."""
    start, end = hole.start, hole.end
    if not asked.tail <= start < end:
        raise Refuted(f"positions {start} to {end} are no stretch that was appended")
    if _reached(asked) < (start + 1 if hole.ragged else end):
        raise Refuted(f"nothing says that the stream got to {end}")
    columns = asked.asked
    over = (columns.ask == spec.APPEND) & (columns.at != NONE) & (columns.at < end) & (columns.end > start)
    if over.any():
        refute(asked.history, int(columns.row[np.argmax(over)]), f"wrote some of the positions {start} to {end}")
    record, reader = returned(asked)
    seq_num = asked.records.seq_num[record]
    inside = (seq_num >= start) & (seq_num < end)
    if inside.any():
        row, position = int(columns.row[reader[np.argmax(inside)]]), int(seq_num[np.argmax(inside)])
        refute(asked.history, row, f"returned position {position}, said to be open")
    if not len(hole.candidates):
        raise Refuted(f"nobody is named who may have written position {start}")
    fits = set(fitting(asked, start, end, hole.ragged).tolist())
    for row in hole.candidates:
        (m,) = asked.find(np.array([row]), np.array([0])).tolist()
        if m == NONE or not columns.optional[m]:
            refute(asked.history, row, "is named for a hole, and is no append of unknown outcome to this stream")
        if m not in fits:
            refute(asked.history, row, f"is named for the positions {start} to {end}, and does not fit")


def fitting(asked: Requirements, start: int, end: int, ragged: bool = False) -> Int64s:
    """The appends (moments) of unknown outcome that fit between two positions.

    If it is ``ragged``, they may reach beyond the second.
    """
    columns = asked.asked
    appends = np.flatnonzero(columns.optional > 0)
    size, match = columns.high[appends] - columns.low[appends], columns.match[appends]
    least = np.maximum(start, match)
    fits = (least < end) & ((match == NONE) | (match == least)) & (ragged | (least + size <= end))
    found: Int64s = appends[fits]
    return found


def _reached(asked: Requirements) -> int:
    """The greatest tail that an answer names or proves."""
    columns = asked.asked
    speaks = (columns.ask == spec.APPEND) | (columns.ask == spec.PART)
    named = (
        columns.at,
        columns.end,
        np.where(speaks, columns.told, NONE),
        asked.records.seq_num[returned(asked)[0]] + 1,
    )
    return max(asked.tail, *(int(column.max(initial=NONE)) for column in named))
