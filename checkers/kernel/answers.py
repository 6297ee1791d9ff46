"""Which moments tell a tail or return records, the records that they return, and the order in which they began."""

from __future__ import annotations

from typing import Final

import numpy as np

from fencepost.harness.history.history import Int64s

from . import spec
from .columns import Mask, Requirements, spans

_IS_EXACT: Final = np.isin(np.arange(spec.POISONED + 1), spec.EXACT)


def exacts(asked: Requirements) -> Mask:
    """Which moments tell the exact tail."""
    found: Mask = _IS_EXACT[asked.asked.ask]
    return found


def reads(asked: Requirements) -> Mask:
    """Which moments are an answer to a read, or a part of one."""
    found: Mask = (asked.asked.ask == spec.PART) | (asked.asked.ask == spec.END)
    return found


def by_invocation(asked: Requirements) -> Int64s:
    """The moments by invocation; the end of an answer that came in parts begins with them, and stands after them."""
    row, history = asked.asked.row, asked.history
    in_parts = np.zeros(len(history) + 1, dtype=np.bool_)
    in_parts[history.part_of[row]] = True
    in_parts[-1] = False  # where NONE points to
    return np.lexsort((in_parts[row] & (asked.asked.ask != spec.BEGIN), asked.asked.invoked))


def returning(asked: Requirements) -> Int64s:
    """The moments that return records."""
    return np.flatnonzero(reads(asked) & (asked.asked.high > asked.asked.low))


def returned(asked: Requirements) -> tuple[Int64s, Int64s]:
    """Every record that was returned, as indices into the returned ones, and the moment that returned it."""
    moments = returning(asked)
    lengths = asked.asked.high[moments] - asked.asked.low[moments]
    return spans(asked.asked.low[moments], lengths), np.repeat(moments, lengths)
