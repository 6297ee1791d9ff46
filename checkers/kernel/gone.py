"""What answers show to be gone by leaving it out, and who returned it (V2).

CPython runs this source on lists, and compiled it runs on columns.
"""

from __future__ import annotations

from typing import Any, Final

from fencepost.harness.history.history import NONE

from .spec import END, OUT_OF_RANGE, PART, WHOLE, Asked, Log, Records, first_at, since_slot, slot

MOST_WALKED: Final = 4096
"""How many records that are gone are derived from the end of one answer at most."""


def shows(asked: Asked, m: Any) -> Any:
    """Whether a moment may show that records are gone."""
    return asked.ask[m] in (PART, END, OUT_OF_RANGE)


def returned(asked: Asked, records: Records, log: Log, values: Any, tree: Any) -> Any:
    """``tree`` becomes the greatest value of the moments that returned each slot, as far as half of it is long.

    Returns the greatest value of the whole reads, NONE if there is none.
    """
    slots, last_whole = len(tree) // 2, NONE
    for i in range(len(tree)):
        tree[i] = NONE
    for m in range(len(asked.row)):
        if asked.ask[m] == WHOLE:
            last_whole = max(last_whole, values[m])
        if asked.ask[m] in (PART, END):
            for record in range(asked.low[m], asked.high[m]):
                i = slot(log, records.seq_num[record])
                if 0 <= i < slots:
                    tree[slots + i] = max(tree[slots + i], values[m])
    for i in range(slots - 1, 0, -1):
        tree[i] = max(tree[2 * i], tree[2 * i + 1])
    return last_whole


def left_out(
    asked: Asked, records: Records, log: Log, early: Any, tree: Any, last_whole: Any, m: Any, at: Any, tail: Any
) -> Any:
    """The greatest value of what returned anything that the answer of a moment leaves out; NONE if nothing did.

    The answer starts at slot ``at`` if no timestamp decides, and all below ``tail`` was there; ``early`` are the least
    timestamps of the slots. What :func:`returned` found is in ``tree`` and ``last_whole``.
    """
    low, high, end = asked.low[m], asked.high[m], slot(log, tail)
    by_time = asked.since[m] != NONE and asked.after[m] == NONE
    if by_time:
        at = first_at(early, asked.since[m], end)
    if asked.ask[m] == OUT_OF_RANGE:
        return _latest(tree, last_whole, at, end) if by_time else NONE
    latest, room = NONE, asked.room[m]
    for record in range(low, high):
        upto = slot(log, records.seq_num[record])
        latest = max(latest, _latest(tree, last_whole, at, upto))
        at = upto + 1
        room -= records.size[record]
    if asked.ask[m] == PART or asked.places[m] <= high - low:
        return latest
    if by_time and high == low and since_slot(log, asked.since[m], end) != at:
        return latest  # nobody knows which record did not fit
    upto, until = at, asked.until[m]
    while upto < min(end, at + MOST_WALKED) and log.size[upto] <= room and (until == NONE or log.stamp[upto] < until):
        upto += 1
    return max(latest, _latest(tree, last_whole, at, upto))


def _latest(tree: Any, last_whole: Any, low: Any, high: Any) -> Any:
    """The greatest value of what returned any of the slots ``[low, high)``."""
    if low >= high:
        return NONE
    slots, found = len(tree) // 2, last_whole
    low, high = slots + min(low, slots), slots + min(high, slots)
    while low < high:
        if low % 2:
            found = max(found, tree[low])
            low += 1
        if high % 2:
            high -= 1
            found = max(found, tree[high])
        low //= 2
        high //= 2
    return found
