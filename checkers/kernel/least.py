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

from fencepost.harness.history.history import FOREVER, NONE

from . import spec

BEHIND: Final = -1
"""The tail that it tells had been surpassed before."""
NOWHERE: Final = -2
"""The tail that it tells was none."""
TOO_SOON: Final = -3
"""No tail that it allows had been reached when it returned."""

STEPS: Final = spec.STATE
"""After the state of the specification, one more entry: how many tails may still be tried."""
WORK: Final = spec.STATE + 1

MOST_STAMPS: Final = 16


class Stops(NamedTuple):
    """The tails that there may have been, ascending: trim point, and run of tokens. ``run`` holds indices of runs.

    The tokens of run i are ``token[low[i]:low[i + 1]]``, in force from ``time`` on at the earliest.
    """

    tail: Any
    floor: Any
    run: Any
    low: Any
    token: Any
    time: Any


class Plan(NamedTuple):
    """The moments that are in every order, as columns of all moments or lists of some.

    ``order`` by invocation, ``leaving`` by return; ``invoked`` and ``returned`` are at least as tight as the clock's.
    ``place`` is where an append took effect. ``least`` and ``most`` bound the tail before each (``most`` the tail
    after). ``early`` is the earliest timestamp of each slot. Before moment m are ``before[ahead[m]:ahead[m + 1]]``.
    """

    order: Any
    leaving: Any
    invoked: Any
    returned: Any
    place: Any
    least: Any
    most: Any
    early: Any
    ahead: Any
    before: Any


def solve(
    asked: spec.Asked, records: spec.Records, log: spec.Log, state: Any, stops: Stops, plan: Plan, x: Any, because: Any
) -> Any:
    """``x`` becomes the least tail at which each moment can be, ``because`` the moment that keeps it from an earlier one.

    Returns the first moment that has no place, with the reason in ``state[spec.WHY]``, or NONE. ``x`` holds NONE, or
    lower bounds found before.
    """
    bound, by, leaving = log.base[0], NONE, 0
    for i in range(len(plan.order)):
        m = plan.order[i]
        while leaving < len(plan.leaving) and plan.returned[plan.leaving[leaving]] < plan.invoked[m]:
            one = plan.leaving[leaving]
            leaving += 1
            end = after(asked, x, one)
            if end > bound:
                bound, by = end, one
        low = bound
        because[m] = by
        for k in range(plan.ahead[m], plan.ahead[m + 1]):
            one = plan.before[k]
            if x[one] != NONE:
                end = after(asked, x, one)
                if end > low:
                    low = end
                    because[m] = one
        if plan.least[m] > low:
            low = plan.least[m]
        why = _place(asked, records, log, state, stops, plan, x, m, low)
        if why != spec.RIGHT:
            state[spec.WHY] = why
            return m
    return NONE


def after(asked: spec.Asked, x: Any, m: Any) -> Any:
    """The tail after a moment."""
    if asked.ask[m] == spec.APPEND:
        return x[m] + asked.high[m] - asked.low[m]
    return x[m]


def stop_from(stops: Stops, tail: Any) -> Any:
    """The first stop at or above a tail."""
    low, high = 0, len(stops.tail)
    while low < high:
        middle = (low + high) // 2
        if stops.tail[middle] < tail:
            low = middle + 1
        else:
            high = middle
    return low


def _place(
    asked: spec.Asked,
    records: spec.Records,
    log: spec.Log,
    state: Any,
    stops: Stops,
    plan: Plan,
    x: Any,
    m: Any,
    low: Any,
) -> Any:
    """Put ``x[m]`` to the least tail from ``low`` on that is right; RIGHT, or why there is none."""
    ask = asked.ask[m]
    exact = NONE
    if ask == spec.APPEND:
        exact = plan.place[m]
    elif ask in (spec.TAIL, spec.WHOLE, spec.MATCH_REFUSED, spec.OUT_OF_RANGE):
        exact = asked.at[m]
    if exact != NONE and exact < low:
        return BEHIND
    j = stop_from(stops, low if exact == NONE else exact)
    if exact != NONE and (j == len(stops.tail) or stops.tail[j] != exact):
        return NOWHERE
    why = NOWHERE
    while j < len(stops.tail) and (exact == NONE or stops.tail[j] == exact):
        if stops.tail[j] > plan.most[m]:
            return why if why != NOWHERE else TOO_SOON
        if state[STEPS] <= 0:
            x[m] = stops.tail[j]
            return spec.RIGHT
        state[STEPS] -= 1
        found = allowed(asked, records, log, state, stops, plan, x, m, j)
        if found == spec.RIGHT:
            x[m] = stops.tail[j]
            return spec.RIGHT
        if found != TOO_SOON or why == NOWHERE:
            why = found
        j += 1
    return why


def allowed(
    asked: spec.Asked,
    records: spec.Records,
    log: spec.Log,
    state: Any,
    stops: Stops,
    plan: Plan,
    x: Any,
    m: Any,
    j: Any,
) -> Any:
    """Whether a moment can be at a stop: RIGHT, or why not."""
    ask, run = asked.ask[m], stops.run[j]
    state[spec.AT] = stops.tail[j]
    state[spec.FLOOR] = stops.floor[j]
    conditional = ask in (spec.APPEND, spec.TOKEN_REFUSED, spec.MATCH_REFUSED, spec.REFUSED)
    why = TOO_SOON
    for k in range(stops.low[run], stops.low[run + 1]):
        if stops.time[k] > plan.returned[m]:
            continue
        state[spec.IN_FORCE] = stops.token[k]
        if conditional:
            why = spec.step(asked, records, log, state, m, False)
        else:
            why = _reads(asked, records, log, state, stops, plan, x, m, j)
        if why == spec.RIGHT or not conditional:
            return why
    return why


def _reads(
    asked: spec.Asked,
    records: spec.Records,
    log: spec.Log,
    state: Any,
    stops: Stops,
    plan: Plan,
    x: Any,
    m: Any,
    j: Any,
) -> Any:
    begun = asked.begun[m]
    if begun != NONE and asked.after[m] == NONE:
        return _begun(asked, records, log, state, stops, x, m, begun, j)
    if asked.since[m] != NONE and asked.after[m] == NONE:
        return _since(asked, records, log, state, plan, m)
    return spec.step(asked, records, log, state, m, False)


def _begun(
    asked: spec.Asked,
    records: spec.Records,
    log: spec.Log,
    state: Any,
    stops: Stops,
    x: Any,
    m: Any,
    begun: Any,
    j: Any,
) -> Any:
    """Try every tail at which the read may have begun, the latest first: of that the fewest records are left out."""
    why = NOWHERE
    i = j
    while i >= 0 and stops.tail[i] >= x[begun]:
        if state[STEPS] <= 0:
            return spec.RIGHT
        start = spec.start_at(asked.start[begun], asked.offset[begun], asked.clamp[begun], stops.tail[i])
        # It did not begin at the tail, unless it was to follow.
        if start < stops.tail[i] or asked.follows[begun]:
            state[STEPS] -= 1
            log.begun[begun] = start
            why = spec.step(asked, records, log, state, m, False)
            if why == spec.RIGHT:
                return why
        i -= 1
    return why


def _since(asked: spec.Asked, records: spec.Records, log: spec.Log, state: Any, plan: Plan, m: Any) -> Any:
    """Try where the first record of a time may be, as far as timestamps are not known."""
    why = spec.step(asked, records, log, state, m, False)
    if why == spec.RIGHT:
        return why
    since, end = asked.since[m], spec.slot(log, state[spec.AT])
    low, high = spec.since_slot(log, since, end), since_early(plan, since, end)
    if high - low > MOST_STAMPS:
        return spec.RIGHT
    for first in range(high, low, -1):
        for i in range(low, first):
            plan.early[len(log.stamp) + i - low] = log.stamp[i]
            log.stamp[i] = since - 1
        why = spec.step(asked, records, log, state, m, False)
        for i in range(low, first):
            log.stamp[i] = plan.early[len(log.stamp) + i - low]
        if why == spec.RIGHT:
            return why
    return why


def since_early(plan: Plan, since: Any, end: Any) -> Any:
    """The first slot below ``end`` whose timestamp is certainly at least ``since``; ``end`` if there is none."""
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        if plan.early[middle] < since:
            low = middle + 1
        else:
            high = middle
    return low


# -- what answers show to be gone


def vanished(
    asked: spec.Asked, log: spec.Log, stops: Stops, plan: Plan, x: Any, m: Any, first: Any, last: Any, gone: Any
) -> Any:
    """Which positions the answer of a moment shows to be gone wherever it is, from ``x[m]`` on: two spans in ``gone``.

    ``first`` and ``last`` are the first record returned and the one after the last (NONE if there is none).
    """
    tail, ask = x[m], asked.ask[m]
    end = spec.slot(log, tail)
    gone[0] = gone[1] = gone[2] = gone[3] = 0
    by_time = asked.since[m] != NONE and asked.after[m] == NONE
    if ask == spec.OUT_OF_RANGE:
        if by_time:
            gone[0] = position(log, since_early(plan, asked.since[m], end))
            gone[1] = tail
        return
    start = NONE
    if asked.after[m] != NONE:
        start = asked.after[m]
    elif by_time:
        start = position(log, since_early(plan, asked.since[m], end))
    else:
        b = asked.begun[m] if asked.begun[m] != NONE else m
        highest = min(plan.most[b], plan.most[m], stops.tail[len(stops.tail) - 1])
        start = spec.start_at(asked.start[m], asked.offset[m], asked.clamp[m], highest)
    if first != NONE:
        gone[0], gone[1] = start, max(first, start)
    if ask != spec.END:
        return
    i = spec.slot(log, min(start if last == NONE else last, tail))
    places, room, until = asked.places[m], asked.room[m], asked.until[m]
    gone[2] = position(log, i)
    used = 0
    while i < end and used < 4096:
        # What was returned is subtracted by whoever calls.
        if gone[4] >= places or log.size[i] > room - gone[5] or (until != NONE and log.stamp[i] >= until):
            break
        i += 1
        used += 1
    gone[3] = position(log, i)


def position(log: spec.Log, i: Any) -> Any:
    """The first position of a slot."""
    below = len(log.lower)
    return log.lower[i] if i < below else log.base[0] + i - below


_ = FOREVER
