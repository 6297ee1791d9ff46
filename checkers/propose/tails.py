"""Where each moment of a stream can have been, once it is known which appends took effect, and where.

These appends make a chain of *states*: state i is the stream before the i-th of them. A moment takes the least state in
which its answer is right, at or after what its invocation had to follow (Theorem 2 of docs/checking.md). Which answer
is right in a state, the kernel's specification says; this only skips states in which it cannot be. CPython runs this
source on lists, and compiled it runs on columns (:mod:`.compiled_tails`).

The place of a moment is a *key*, ``state * width + rank``: moments of one state by rank, and its append last.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from fencepost.harness.history.history import NONE

from ..kernel.gone import left_out, returned, shows
from ..kernel.spec import (
    ABSENT,
    APPEND,
    AT,
    BEGIN,
    END,
    EXACT,
    FLOOR,
    IN_FORCE,
    PART,
    POISONED,
    RIGHT,
    TOKEN_REFUSED,
    first_at,
    slot,
    start_at,
    start_of,
    step,
)

TRIES: Final = 100
"""States in which an answer is tried before it counts as right in none."""

STEP: Final = 8
"""Ranks between neighbours, so that something fits between them."""


class Chain(NamedTuple):
    """The states: their ``tail``, ``token`` in force, and ``floor`` (int64, shape (states,)).

    ``at`` has the first state at or beyond each position from the base on. ``slots`` are the states at which a token
    came into force, as ``(token + 2) * states + state``, ascending.
    """

    tail: Any
    token: Any
    floor: Any
    at: Any
    slots: Any


class Places(NamedTuple):
    """What is known of the place of each moment (int64, shape (moments,)).

    ``applied`` is the state in which an append took effect, NONE for none; ``least`` bounds the key, which is ``key``
    in the end, and ``latest`` the last state that it can have met. Of a read that begins apart, ``first`` is the first
    record that it returned (NONE: none). ``by_return`` are the moments in the order of their return, ``order`` by
    invocation, and the end of an answer after its parts. ``wrong`` becomes 1 where a moment is right in no state.
    """

    applied: Any
    least: Any
    key: Any
    first: Any
    latest: Any
    by_return: Any
    order: Any
    wrong: Any


def width(moments: Any) -> Any:
    """By how much the keys of one state differ from those of the next."""
    return STEP * (moments + 2)


def place(asked: Any, records: Any, log: Any, chain: Any, places: Any, state: Any) -> Any:
    """Find the keys, the least ones; the first moment that has no place, NONE if each has one."""
    reached, over, failed, wide = 0, 0, NONE, width(len(asked.row))
    for m in range(len(asked.row)):
        if places.applied[m] != NONE:
            i = slot(log, chain.tail[places.applied[m]]) - asked.low[m]
            for record in range(asked.low[m], asked.high[m]):
                log.size[i + record] = records.sent_size[record]
    for m in places.order:
        while asked.returned[places.by_return[over]] < asked.invoked[m]:
            reached = max(reached, (places.key[places.by_return[over]] + 1) // wide)
            over += 1
        low = max(reached, places.least[m] // wide)
        ask, found = asked.ask[m], NONE
        if ask == APPEND:
            found = places.applied[m]
            if found == NONE and asked.optional[m]:
                places.key[m] = NONE
                continue
            places.key[m] = found * wide + wide - 1
            wrong = found < low or asked.token[m] not in (NONE, chain.token[found])
            if wrong:
                places.wrong[m] = 1
                failed = m if failed == NONE else failed
            continue
        if ask == ABSENT:
            places.key[m] = 0
            continue
        if ask != POISONED:
            found = _least(asked, records, log, chain, places, state, m, low)
        if found == NONE or found > places.latest[m]:
            failed = m if failed == NONE else failed
        if found == NONE:
            places.wrong[m] = 1
            found = min(low, places.latest[m])
        if ask == BEGIN:
            log.begun[m] = start_at(asked.start[m], asked.offset[m], asked.clamp[m], chain.tail[found])
        places.key[m] = max(found * wide + STEP * (m + 1), places.least[m])
    return failed


def _least(asked: Any, records: Any, log: Any, chain: Any, places: Any, state: Any, m: Any, i: Any) -> Any:
    """The least state from ``i`` on in which the answer is right; NONE if there is none, or none near."""
    for _ in range(TRIES):
        i = _skip(asked, records, log, chain, places, m, i)
        if i == NONE or i >= len(chain.tail):
            return NONE
        state[AT], state[IN_FORCE], state[FLOOR] = chain.tail[i], chain.token[i], chain.floor[i]
        if step(asked, records, log, state, m, False) == RIGHT:
            return i
        i += 1
    return NONE


def _skip(asked: Any, records: Any, log: Any, chain: Any, places: Any, m: Any, i: Any) -> Any:
    """The first state from ``i`` on that may be right; NONE if there is none."""
    ask = asked.ask[m]
    if ask in EXACT:
        exact = _state(log, chain, asked.at[m])
        return exact if exact >= i and asked.at[m] >= log.base[0] else NONE
    if i >= len(chain.tail):
        return NONE
    if ask == TOKEN_REFUSED:
        if chain.token[i] == asked.told[m]:
            return i
        wanted = (asked.told[m] + 2) * len(chain.tail)
        found = first_at(chain.slots, wanted + i, len(chain.slots))
        if found < len(chain.slots) and chain.slots[found] < wanted + len(chain.tail):
            return chain.slots[found] - wanted
        return NONE
    if ask == BEGIN:
        return _beginning(asked, log, chain, places, m, i)
    if ask in (PART, END):
        return _returned(asked, records, log, chain, m, i)
    return i


def _state(log: Any, chain: Any, position: Any) -> Any:
    """The first state whose tail is at or beyond a position."""
    at = position - log.base[0]
    if at <= 0:
        return 0
    return chain.at[at] if at < len(chain.at) else len(chain.tail)


def _beginning(asked: Any, log: Any, chain: Any, places: Any, m: Any, i: Any) -> Any:
    """Where the read began so that its first record was the first that there was; else as early as can be."""
    first = places.first[m]
    if first == NONE:
        return i
    low, high = i, len(chain.tail)
    while low < high:
        middle = (low + high) // 2
        if start_at(asked.start[m], asked.offset[m], asked.clamp[m], chain.tail[middle]) < first:
            low = middle + 1
        else:
            high = middle
    if low >= len(chain.tail) or low > places.latest[m]:
        return i
    return low if start_at(asked.start[m], asked.offset[m], asked.clamp[m], chain.tail[low]) == first else i


def _returned(asked: Any, records: Any, log: Any, chain: Any, m: Any, i: Any) -> Any:
    low, high, relative = asked.low[m], asked.high[m], False
    start, gone = NONE, NONE
    if asked.after[m] != NONE or asked.begun[m] != NONE:
        start = start_of(asked, log, m, 0)
    elif asked.since[m] == NONE:
        relative = asked.start[m] == NONE or asked.clamp[m] != 0
        start = NONE if relative else asked.start[m]
    at, room = start, asked.room[m]
    for record in range(low, high):
        seq_num = records.seq_num[record]
        if at != NONE and seq_num > at:
            gone = seq_num
        at = seq_num + 1
        room -= records.size[record]
    i = max(i, _state(log, chain, at))
    if asked.told[m] != NONE:
        i = max(i, _state(log, chain, asked.told[m]))
    if gone != NONE:
        i = max(i, first_at(chain.floor, gone, len(chain.floor)))
    if relative and high > low and i < len(chain.tail):
        first = records.seq_num[low]
        if asked.start[m] == NONE and first > 0 and chain.floor[i] < first:
            i = max(i, _state(log, chain, first + max(asked.offset[m], 0)))
    if asked.ask[m] == END and at >= log.base[0] and asked.places[m] > high - low and i < len(chain.tail):
        there = slot(log, at)
        fits = there >= len(log.size) or (
            log.size[there] <= room and (asked.until[m] == NONE or log.stamp[there] < asked.until[m])
        )
        if fits and chain.tail[i] > at and chain.floor[i] <= at:
            i = first_at(chain.floor, at + 1, len(chain.floor))
    return i


def settle(asked: Any, records: Any, log: Any, chain: Any, places: Any, tree: Any) -> Any:
    """Put what shows that a record was gone after all that returned it (V2); whether anything has to move for that.

    ``tree`` is room for the greatest key at which each of the first slots was returned: twice as long as these.
    """
    changed, last_whole = 0, returned(asked, records, log, places.key, tree)
    for m in range(len(asked.row)):
        if shows(asked, m):
            tail = chain.tail[places.key[m] // width(len(asked.row))]
            at = slot(log, min(start_of(asked, log, m, tail), tail))
            latest = left_out(asked, records, log, log.stamp, tree, last_whole, m, at, tail)
            if latest >= places.key[m]:
                places.least[m] = latest + 1
                changed = 1
    return changed
