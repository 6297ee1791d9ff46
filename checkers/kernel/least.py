"""The least tails at which the moments of a history can have been, one after another in the order of invocation.

A moment needs a tail at or above each that there had been before it (by the clock, or by program order), and one at
which :mod:`.spec` allows its answer. Taking the least of these each time, as these bounds allow, gives the least
solution of all: where a moment finds none, no order explains the history (Theorem 2 of docs/checking.md).

Whatever is not certain is taken as the moment likes it best: any token that may have been in force, any trim point that
there may have been, timestamps that nobody reported as early or as late as they can be. So nothing that some order
explains is refuted. Integers and columns only: CPython runs this source on lists, and compiled it runs on columns.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from fencepost.harness.history.chain_hash import signed_link as link
from fencepost.harness.history.history import NONE

from .gone import left_out, returned, shows
from .spec import (
    APPEND,
    AT,
    EXACT,
    FLOOR,
    IN_FORCE,
    MATCH_REFUSED,
    REFUSED,
    RIGHT,
    STATE,
    TOKEN_REFUSED,
    WHY,
    Asked,
    Log,
    Records,
    first_at,
    since_slot,
    slot,
    start_at,
    step,
)

BEHIND: Final = -1
"""The tail that was told had been surpassed before."""
NOWHERE: Final = -2
"""The tail that was told was none."""
TOO_SOON: Final = -3
"""No tail that the answer allows had been reached when it was returned."""

STEPS: Final = STATE
"""After the state of the specification: how many tails may still be tried. When none may, anything is right."""
WORK: Final = STATE + 1

MOST_STAMPS: Final = 16
"""Among how many records without a known timestamp the first of a time is looked for."""


class Stops(NamedTuple):
    """The tails that there may have been, ascending: trim point, earliest ``time``, and run of tokens (its index).

    The tokens of run i are ``token[low[i]:low[i + 1]]``.
    """

    tail: Any
    floor: Any
    time: Any
    run: Any
    low: Any
    token: Any


class Schedule(NamedTuple):
    """The moments that are in every order, as columns of all moments or lists of some.

    ``order`` by invocation, ``leaving`` by return. ``place`` is where an append took effect. ``most`` bounds the tail
    before each. ``early`` is the earliest timestamp of each slot. Before moment m are
    ``before[ahead[m]:ahead[m + 1]]``. ``scratch`` is room for as many timestamps as are tried.
    """

    order: Any
    leaving: Any
    place: Any
    most: Any
    early: Any
    ahead: Any
    before: Any
    scratch: Any


def solve(
    asked: Asked,
    records: Records,
    log: Log,
    state: Any,
    stops: Stops,
    schedule: Schedule,
    x: Any,
    because: Any,
    why: Any,
) -> Any:
    """``x`` becomes the least tail at which each moment can be, ``because`` what keeps it from an earlier one.

    ``why`` becomes the reason where a moment has no place. Returns the first of these, or NONE. ``x`` holds NONE.
    """
    bound, by, leaving, first = log.base[0], NONE, 0, NONE
    for i in range(len(schedule.order)):
        m = schedule.order[i]
        while leaving < len(schedule.leaving) and asked.returned[schedule.leaving[leaving]] < asked.invoked[m]:
            one = schedule.leaving[leaving]
            leaving += 1
            end = after(asked, x, one)
            if end > bound:
                bound, by = end, one
        low = bound
        because[m] = by
        for k in range(schedule.ahead[m], schedule.ahead[m + 1]):
            one = schedule.before[k]
            if x[one] != NONE:
                end = after(asked, x, one)
                if end > low:
                    low = end
                    because[m] = one
        why[m] = _place(asked, records, log, state, stops, schedule, x, m, low)
        if why[m] != RIGHT and first == NONE:
            first = m
    return first


def after(asked: Asked, x: Any, m: Any) -> Any:
    """The tail after a moment."""
    if asked.ask[m] == APPEND:
        return x[m] + asked.high[m] - asked.low[m]
    return x[m]


def _place(
    asked: Asked,
    records: Records,
    log: Log,
    state: Any,
    stops: Stops,
    schedule: Schedule,
    x: Any,
    m: Any,
    low: Any,
) -> Any:
    """Put ``x[m]`` to the least tail from ``low`` on that is right; RIGHT, or why there is none."""
    ask = asked.ask[m]
    exact = NONE
    if ask == APPEND:
        exact = schedule.place[m]
    elif ask in EXACT:
        exact = asked.at[m]
    if exact != NONE and exact < low:
        return BEHIND
    j = first_at(stops.tail, low if exact == NONE else exact, len(stops.tail))
    if exact != NONE and (j == len(stops.tail) or stops.tail[j] != exact):
        return NOWHERE
    why = NOWHERE
    while j < len(stops.tail) and (exact == NONE or stops.tail[j] == exact):
        if stops.tail[j] > schedule.most[m]:
            if exact != NONE:
                x[m] = exact  # what comes later is behind it then
            return why if why != NOWHERE else TOO_SOON
        if state[STEPS] <= 0:
            x[m] = stops.tail[j]
            return RIGHT
        state[STEPS] -= 1
        found = allowed(asked, records, log, state, stops, schedule, x, m, j)
        if found == RIGHT:
            x[m] = stops.tail[j]
            return RIGHT
        if found != TOO_SOON or why == NOWHERE:
            why = found
        j += 1
    return why


PLAIN: Final = 0
BY_TOKEN: Final = 1
BY_BEGINNING: Final = 2
BY_TIME: Final = 3


def allowed(
    asked: Asked, records: Records, log: Log, state: Any, stops: Stops, schedule: Schedule, x: Any, m: Any, j: Any
) -> Any:
    """Whether a moment can be at a stop: RIGHT, or why not. Tries all that is not certain and that it depends on.

    That is the token in force; or the tail at which the read began, the latest first, since that leaves out the fewest
    records; or where the first record of a time is, as far as timestamps are not known.
    """
    ask, run = asked.ask[m], stops.run[j]
    tail = state[AT] = stops.tail[j]
    state[FLOOR] = stops.floor[j]
    mode, trial, last = PLAIN, 0, 0
    low = high = 0
    if ask in (APPEND, TOKEN_REFUSED, MATCH_REFUSED, REFUSED):
        mode, trial, last = BY_TOKEN, stops.low[run], stops.low[run + 1] - 1
    elif asked.after[m] == NONE and asked.begun[m] != NONE:
        mode, last = BY_BEGINNING, j
    elif asked.after[m] == NONE and asked.since[m] != NONE:
        end = slot(log, tail)
        low, high = since_slot(log, asked.since[m], end), first_at(schedule.early, asked.since[m], end)
        mode, last = BY_TIME, high - low
        if last > MOST_STAMPS:
            return RIGHT
    why = TOO_SOON
    if stops.time[j] > asked.returned[m]:
        return why
    while trial <= last:
        if state[STEPS] <= 0:
            return RIGHT
        is_possible = True
        if mode == BY_TOKEN:
            state[IN_FORCE] = stops.token[trial]
        elif mode == BY_BEGINNING:
            begun, begin = asked.begun[m], stops.tail[j - trial]
            if begin < x[begun]:
                return why
            log.begun[begun] = start_at(asked.start[begun], asked.offset[begun], asked.clamp[begun], begin)
            # It did not begin at the tail, unless it was to follow.
            is_possible = begin <= schedule.most[begun] and (log.begun[begun] < begin or asked.follows[begun] != 0)
        if is_possible:
            state[STEPS] -= 1
            for i in range(low, low + trial if mode == BY_TIME else low):
                schedule.scratch[i - low] = log.stamp[i]
                log.stamp[i] = asked.since[m] - 1
            why = step(asked, records, log, state, m, False)
            for i in range(low, low + trial if mode == BY_TIME else low):
                log.stamp[i] = schedule.scratch[i - low]
            if why == RIGHT:
                return why
        trial += 1
    return why


def resurrected(
    asked: Asked, records: Records, log: Log, state: Any, stops: Stops, schedule: Schedule, x: Any, tree: Any
) -> Any:
    """The first moment that shows a record to be gone and had returned before another that returned it was invoked.

    NONE if there is none. When that was is in ``state[WHY]``. ``tree`` is room for twice as many slots as may be gone.
    """
    last_whole = returned(asked, records, log, asked.invoked, tree)
    for m in schedule.order:
        if shows(asked, m):
            # The later it began, the less it shows, where the tail says where that was.
            latest = min(schedule.most[m], stops.tail[len(stops.tail) - 1])
            start = asked.after[m]
            if start == NONE:
                if asked.begun[m] != NONE:
                    latest = min(latest, schedule.most[asked.begun[m]])
                start = start_at(asked.start[m], asked.offset[m], asked.clamp[m], latest)
            state[WHY] = left_out(asked, records, log, schedule.early, tree, last_whole, m, slot(log, start), x[m])
            if state[WHY] > asked.returned[m]:
                return m
    return NONE


# -- hashes


def chain_hashes(digest: Any, known: Any, at: Any, told: Any, start: Any) -> Any:
    """The first whole read that told another hash than follows from what is known, or NONE.

    Whole reads ``told`` hashes at tails ``at`` (ascending, from 0); ``start`` is whether the first hash is known, and
    the hash.
    """
    is_known, chained, tail = start[0], start[1], 0
    for w in range(len(at)):
        while is_known and tail < at[w]:
            is_known = known[tail]
            chained = link(chained, digest[tail])
            tail += 1
        if is_known and chained != told[w]:
            return w
        is_known, chained, tail = 1, told[w], at[w]
    return NONE
