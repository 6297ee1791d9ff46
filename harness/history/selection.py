"""Makes a history of some rows of another one."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from .history import NONE, Appends, History, Int64s, Reads

T = TypeVar("T")

_FLAT = {Appends: ("digest", "size"), Reads: ("seq_num", "timestamp", "digest", "size")}


def select(history: History, rows: Int64s) -> History:
    """Return a history of the operations ``rows`` (each at most once), in this order.

    A frame whose read is left out is no longer part of anything. Checkers need rows in the order of invocation. Ids,
    faults and remarks stay.
    """
    columns = {
        field.name: getattr(history, field.name)[rows]
        for field in fields(History)
        if isinstance(getattr(history, field.name), np.ndarray)
    }
    place = np.full(len(history) + 1, NONE, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    columns["part_of"] = place[columns["part_of"]]
    by_row = {int(row): new for new, row in enumerate(rows.tolist())}
    appends, reads = _part(history.appends, rows, by_row), _part(history.reads, rows, by_row)
    return replace(history, **columns, appends=appends, reads=reads)


def _part(part: T, rows: Int64s, by_row: dict[int, int]) -> T:
    kind: Any = type(part)
    offset: Int64s = part.offset  # type: ignore[attr-defined]
    lengths = offset[rows + 1] - offset[rows]
    fresh = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)))
    source = np.repeat(offset[rows] - fresh[:-1], lengths) + np.arange(fresh[-1])
    changed: dict[str, Any] = {"offset": fresh}
    for field in fields(kind):
        value = getattr(part, field.name)
        if isinstance(value, dict):
            found = {by_row[row]: one for row, one in value.items() if row in by_row}
            changed[field.name] = dict(sorted(found.items()))
        elif field.name in _FLAT[kind]:
            changed[field.name] = value[source]
        elif field.name != "offset":
            changed[field.name] = value[rows]
    return replace(part, **changed)  # type: ignore[type-var]
