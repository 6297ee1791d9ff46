"""What a stream promises, as steps of its state: the one writing of the rules that anything rests on.

An operation was answered at a *moment* (an append was applied, a read began, a part of an answer was returned, …), and
:func:`step` says whether a state allows the answer of a moment, and what the state is afterwards. The clauses are those
of docs/semantics.md. Everything is an integer, or indexes integers: CPython runs this source on lists, and compiled it
runs on columns (:mod:`.accept`).

Three things are kept in a :class:`Log` beside the records. Which are **gone**: a position below ``floor`` may vanish at
any time, and does as soon as an answer needs it to; then it never comes back (V2). The **timestamp** of every position,
reported or not: one value serves every answer. And where a read **began**, if that was at another moment.

Positions from ``base`` on, where the history begins, have a *slot* each. Of those before it only the ones that an
answer names do, and what lies between two of them shares one: nothing was ever returned from there.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from fencepost.harness.history.chain_hash import signed_link as link
from fencepost.harness.history.history import NONE

APPEND: Final = 0
TAIL: Final = 1
WHOLE: Final = 2
TOKEN_REFUSED: Final = 3
MATCH_REFUSED: Final = 4
REFUSED: Final = 5
OUT_OF_RANGE: Final = 6
BEGIN: Final = 7
PART: Final = 8
END: Final = 9
ABSENT: Final = 10
POISONED: Final = 11

EXACT: Final = (TAIL, WHOLE, MATCH_REFUSED, OUT_OF_RANGE)
"""What tells the exact tail."""

RIGHT: Final = 0
"""What :func:`step` returns where the state allows the answer; anything else is an index into :data:`REASONS`."""

_RULES: Final = {
    "right": "is right",
    "empty": "holds no record",
    "token": "gave a token that was not in force",
    "match": "asked for another tail than there was",
    "start": "was acknowledged at another start than the tail",
    "length": "was acknowledged with another number of records",
    "below-end": "was acknowledged with a tail below its end",
    "other-tail": "told another tail than there was",
    "hash": "told another hash than that of the records below the tail",
    "not-whole": "returned everything, and some of it had been gone",
    "token-held": "was refused for its token, which was in force",
    "other-token": "was refused with a token that was not in force",
    "token-first": "was refused for its match_seq_num, and its token was not in force",
    "match-held": "was refused for its match_seq_num, which was the tail",
    "all-held": "was refused where all that it asked for held",
    "in-range": "was refused as out of range, and there was something to read",
    "beyond-tail": "was answered, although it began beyond the tail",
    "at-tail": "was answered, although it began at the tail and was not to follow it",
    "too-many": "returned more records than it asked for",
    "too-large": "returned more bytes than it asked for",
    "too-late": "returned a record from after the time at which it was to end",
    "too-early": "returned a record from before the time that it asked for",
    "not-there": "returned a record that was not there yet",
    "not-ascending": "returned a record again, or went back",
    "before-start": "returned a record from before where it began",
    "left-out": "left out a record that cannot have been gone",
    "other-record": "returned another record than there was",
    "was-gone": "returned a record that had been gone",
    "tail-not-there": "told a tail that was not there yet",
    "tail-inside": "told a tail inside a batch",
    "tail-below": "told a tail below what it returned",
    "no-reason": "ended without a reason: the next record was there, and would have fitted",
    "existed": "found no stream, and there was one",
    "after-failure": "was acknowledged in a session that had failed before",
}
RULES: Final = tuple(_RULES)
"""What an answer can break, by short names, for programs."""
REASONS: Final = tuple(_RULES.values())
"""The same in words, for people."""
(
    _,
    EMPTY,
    TOKEN,
    MATCH,
    START,
    LENGTH,
    BELOW_END,
    OTHER_TAIL,
    OTHER_HASH,
    NOT_WHOLE,
    TOKEN_HELD,
    OTHER_TOKEN,
    TOKEN_FIRST,
    MATCH_HELD,
    ALL_HELD,
    IN_RANGE,
    BEYOND_TAIL,
    AT_TAIL,
    TOO_MANY,
    TOO_LARGE,
    TOO_LATE,
    TOO_EARLY,
    NOT_THERE,
    NOT_ASCENDING,
    BEFORE_START,
    LEFT_OUT,
    OTHER_RECORD,
    WAS_GONE,
    TAIL_NOT_THERE,
    TAIL_INSIDE,
    TAIL_BELOW,
    NO_REASON,
    EXISTED,
    AFTER_FAILURE,
) = range(len(REASONS))

# The state is an array: these are its indices.
AT: Final = 0
"""The tail."""
IN_FORCE: Final = 1
"""The token in force, an index into the history's tokens."""
FLOOR: Final = 2
"""Positions below may be gone."""
GONE: Final = 3
"""How many slots are gone."""
SHOWN: Final = 4
"""1 once an answer has shown that the stream exists; an append that nobody answered shows nothing."""
HASHED: Final = 5
"""The position up to which the hash was folded; NONE while nobody knows any."""
HASH: Final = 6
"""The chained hash of the records below it, as a signed integer."""
WHY: Final = 7
"""Why :func:`replay` stopped."""
STATE: Final = 8
"""The length of the array."""


class Asked(NamedTuple):
    """What is asked of a stream, one entry for each moment (int64 columns of shape (m,), or lists).

    ``row`` of the history, ``number`` of the moment in its operation (0, or 1 for the second), the kind of question
    ``ask``, and the interval ``invoked`` … ``returned`` (ns) in which it must be answered; ``optional`` is 1 for an
    append of unknown outcome. NONE stands wherever something was not given.

    Appends: ``token``, ``match``, ``fence`` (the last that the batch sets), records ``[low, high)`` of the sent ones,
    trims ``[trim_low, trim_high)``; of an acknowledged one ``at`` is the start, ``end`` and ``told`` end and tail.
    Tails, refusals: ``at`` is the tail told, ``told`` the token told, ``hash`` the hash of a whole read (signed).
    Reads: ``start`` (a seq_num), ``since`` (ms), ``offset`` (from the tail), ``clamp``, whether it ``follows``; what is
    left of its bounds before this part, ``places`` (records), ``room`` (metered bytes), ``until`` (ms); records
    ``[low, high)`` of the returned ones; ``told`` the tail told; ``after`` where it goes on, if it had returned
    anything before, ``begun`` the moment of its beginning, if that is one of its own.
    """

    row: Any
    number: Any
    ask: Any
    optional: Any
    invoked: Any
    returned: Any
    at: Any
    end: Any
    told: Any
    token: Any
    match: Any
    fence: Any
    low: Any
    high: Any
    trim_low: Any
    trim_high: Any
    hash: Any
    start: Any
    since: Any
    offset: Any
    clamp: Any
    follows: Any
    places: Any
    room: Any
    until: Any
    after: Any
    begun: Any


class Records(NamedTuple):
    """The records of a history, flat (int64; digests as signed integers), and the trims that were ``sent``.

    A trim is the index in its batch, and the position asked for.
    """

    sent: Any
    sent_size: Any
    trim_index: Any
    trim_to: Any
    seq_num: Any
    digest: Any
    size: Any
    timestamp: Any


class Log(NamedTuple):
    """The records of a stream by slot. ``lower`` has the first position of each slot below ``base[0]``.

    ``known`` is 0 where nobody knows the content (then ``size`` is the largest). ``stamp`` (ms) never decreases.
    ``present[i]`` leads to the first slot from i on that is not gone (:func:`first_present`). ``boundary`` is 1 for
    each position from the base on that was a tail, ``begun`` has the start of each moment that is a beginning.
    ``base[1]`` is 1 where the history declares that records may expire.
    """

    base: Any
    lower: Any
    digest: Any
    known: Any
    size: Any
    stamp: Any
    present: Any
    boundary: Any
    begun: Any


def replay(asked: Asked, records: Records, log: Log, state: Any, order: Any) -> Any:
    """Take the moments of an order one after another; the place of the first that is not right, or the order's length.

    The state and the log become what they are at the end; the reason is in ``state[WHY]``.
    """
    for place in range(len(order)):
        state[WHY] = step(asked, records, log, state, order[place], True)
        if state[WHY] != RIGHT:
            return place
    return len(order)


def step(asked: Asked, records: Records, log: Log, state: Any, m: Any, keep: Any) -> Any:
    """Whether the state allows the answer of moment ``m``: RIGHT, or the reason why not.

    With ``keep`` the state and the log become what they are afterwards, unless it is not right: then they are spoilt.
    """
    ask = asked.ask[m]
    if ask == ABSENT:
        return EXISTED if state[SHOWN] else RIGHT
    if ask == APPEND:
        why = _append(asked, records, log, state, m, keep)
    elif ask == TAIL:
        why = RIGHT if asked.at[m] == state[AT] else OTHER_TAIL
    elif ask == WHOLE:
        why = _whole(asked, log, state, m, keep)
    elif ask in (TOKEN_REFUSED, MATCH_REFUSED, REFUSED):
        why = _refused(asked, state, m)
    elif ask == OUT_OF_RANGE:
        why = _out_of_range(asked, log, state, m, keep)
    elif ask == BEGIN:
        why = _begin(asked, log, state, m, keep)
    elif ask in (PART, END):
        why = _returned(asked, records, log, state, m, keep)
    else:
        why = AFTER_FAILURE
    if keep and not asked.optional[m]:
        state[SHOWN] = 1
    return why


# -- appends


def refusal(token: Any, match: Any, in_force: Any, tail: Any) -> Any:
    """Which condition of an append fails, TOKEN or MATCH, the token first (A4); RIGHT if none does."""
    if token != NONE and token != in_force:
        return TOKEN
    if match != NONE and match != tail:
        return MATCH
    return RIGHT


def _append(asked: Asked, records: Records, log: Log, state: Any, m: Any, keep: Any) -> Any:
    tail, low, high = state[AT], asked.low[m], asked.high[m]
    why = refusal(asked.token[m], asked.match[m], state[IN_FORCE], tail)
    if why != RIGHT:
        return why
    if low >= high:
        return EMPTY
    if asked.at[m] != NONE:
        if asked.at[m] != tail:
            return START
        if asked.end[m] != tail + high - low:
            return LENGTH
        if asked.told[m] < asked.end[m]:
            return BELOW_END
    if not keep:
        return RIGHT
    i = len(log.lower) + tail - log.base[0]
    for record in range(low, high):
        log.digest[i] = records.sent[record]
        log.size[i] = records.sent_size[record]
        log.known[i] = 1
        i += 1
    for trim in range(asked.trim_low[m], asked.trim_high[m]):
        to = min(records.trim_to[trim], tail + records.trim_index[trim] + 1)
        if to > state[FLOOR]:
            state[FLOOR] = to
    tail += high - low
    state[AT] = tail
    log.boundary[tail - log.base[0]] = 1
    if log.base[1]:
        state[FLOOR] = tail
    if asked.fence[m] != NONE:
        state[IN_FORCE] = asked.fence[m]
    return RIGHT


def _refused(asked: Asked, state: Any, m: Any) -> Any:
    why = refusal(asked.token[m], asked.match[m], state[IN_FORCE], state[AT])
    if asked.ask[m] == TOKEN_REFUSED:
        if why != TOKEN:
            return TOKEN_HELD
        return RIGHT if asked.told[m] == state[IN_FORCE] else OTHER_TOKEN
    if asked.ask[m] == MATCH_REFUSED:
        if why == TOKEN:
            return TOKEN_FIRST
        if why == RIGHT:
            return MATCH_HELD
        return RIGHT if asked.at[m] == state[AT] else OTHER_TAIL
    return RIGHT if why != RIGHT else ALL_HELD


# -- reads


def _whole(asked: Asked, log: Log, state: Any, m: Any, keep: Any) -> Any:
    tail = state[AT]
    if asked.at[m] != tail:
        return OTHER_TAIL
    if state[GONE] > 0:
        return NOT_WHOLE
    told = asked.hash[m]
    if state[HASHED] != NONE:
        chained = state[HASH]
        for i in range(slot(log, state[HASHED]), slot(log, tail)):
            chained = link(chained, log.digest[i])
        if chained != told:
            return OTHER_HASH
    if keep:
        state[HASHED] = tail
        state[HASH] = told
    return RIGHT


def start_at(start: Any, offset: Any, clamp: Any, tail: Any) -> Any:
    """Where a read starts at a tail, if no timestamp decides (R2)."""
    if start == NONE:
        return max(tail - max(offset, 0), 0)
    if clamp:
        return min(start, tail)
    return start


def _out_of_range(asked: Asked, log: Log, state: Any, m: Any, keep: Any) -> Any:
    tail = state[AT]
    if asked.at[m] != tail:
        return OTHER_TAIL
    if asked.after[m] != NONE:
        return IN_RANGE  # it had begun
    if asked.since[m] != NONE:
        if asked.clamp[m] and asked.follows[m]:
            return IN_RANGE
        end = slot(log, tail)
        if vanish(log, state, since_slot(log, asked.since[m], end), end, keep):
            return RIGHT
        return IN_RANGE
    start = start_at(asked.start[m], asked.offset[m], asked.clamp[m], tail)
    return RIGHT if start > tail or (start == tail and not asked.follows[m]) else IN_RANGE


def start_of(asked: Asked, log: Log, m: Any, tail: Any) -> Any:
    """Where the answer of a moment starts; meaningless where a timestamp decides."""
    if asked.after[m] != NONE:
        return asked.after[m]
    if asked.begun[m] != NONE:
        return log.begun[asked.begun[m]]
    return start_at(asked.start[m], asked.offset[m], asked.clamp[m], tail)


def _begin(asked: Asked, log: Log, state: Any, m: Any, keep: Any) -> Any:
    start = start_at(asked.start[m], asked.offset[m], asked.clamp[m], state[AT])
    if start >= state[AT] and not asked.follows[m]:
        return AT_TAIL
    if keep:
        log.begun[m] = start
    return RIGHT


def _returned(asked: Asked, records: Records, log: Log, state: Any, m: Any, keep: Any) -> Any:
    """A part of an answer, or its end: its records, from the start on, and, if it did not follow, why it ended."""
    tail, low, high = state[AT], asked.low[m], asked.high[m]
    by_time = asked.since[m] != NONE and asked.after[m] == NONE
    start, places, room = tail, asked.places[m] - (high - low), asked.room[m]
    if not by_time:
        start = start_of(asked, log, m, tail)
        if start > tail:
            return BEYOND_TAIL
        if start == tail and not asked.follows[m] and asked.after[m] == NONE:
            return AT_TAIL
    if places < 0 and high > low:
        return TOO_MANY
    at = NONE
    for record in range(low, high):
        seq_num, stamp = records.seq_num[record], records.timestamp[record]
        room -= records.size[record]
        if asked.until[m] != NONE and stamp >= asked.until[m]:
            return TOO_LATE
        if seq_num >= tail:
            return NOT_THERE
        i = slot(log, seq_num)
        if at != NONE or not by_time:
            at = at if at != NONE else start
            if seq_num < at:
                return NOT_ASCENDING if record > low else BEFORE_START
            if seq_num > at and not vanish(log, state, slot(log, at), i, keep):
                return LEFT_OUT
        else:
            if stamp < asked.since[m] and not (asked.clamp[m] and asked.follows[m]):
                return TOO_EARLY
            if not vanish(log, state, since_slot(log, asked.since[m], i), i, keep):
                return LEFT_OUT
        if log.known[i] and log.digest[i] != records.digest[record]:
            return OTHER_RECORD
        if first_present(log, i) != i:
            return WAS_GONE
        at = seq_num + 1
    if room < 0 and high > low:
        return TOO_LARGE
    if asked.ask[m] == PART:
        return _told(asked, log, m, tail, at)
    if at == NONE and by_time:  # where nothing is left of so late a time, it had started at the tail or beyond it
        i = since_slot(log, asked.since[m], slot(log, tail))
        return _ended(asked, log, state, m, i, places, room, keep)
    why = _ended(asked, log, state, m, slot(log, start if at == NONE else at), places, room, keep)
    return RIGHT if why == AT_TAIL else why


def _told(asked: Asked, log: Log, m: Any, tail: Any, at: Any) -> Any:
    """The tail that a part tells may lag, but it was one, and it is past what the part holds (R8)."""
    told = asked.told[m]
    if told == NONE:
        return RIGHT
    if told > tail:
        return TAIL_NOT_THERE
    if told > log.base[0] and not log.boundary[told - log.base[0]]:
        return TAIL_INSIDE
    return TAIL_BELOW if told < at else RIGHT


def _ended(asked: Asked, log: Log, state: Any, m: Any, i: Any, places: Any, room: Any, keep: Any) -> Any:
    """Why nothing from slot ``i`` on was returned (R6): RIGHT if a record did not fit, AT_TAIL if none is left."""
    end, until = slot(log, state[AT]), asked.until[m]
    while True:
        i = first_present(log, i)
        if i >= end:
            return AT_TAIL
        if places <= 0 or log.size[i] > room or (until != NONE and log.stamp[i] >= until):
            return RIGHT
        if not vanish(log, state, i, i + 1, keep):
            return NO_REASON
        i += 1


# -- slots


def slot(log: Log, position: Any) -> Any:
    """The slot of a position."""
    base, below = log.base[0], len(log.lower)
    if position >= base:
        return below + position - base
    return first_at(log.lower, position + 1, below) - 1


def since_slot(log: Log, since: Any, end: Any) -> Any:
    """The first slot below ``end`` whose timestamp is at least ``since`` (ms); ``end`` if there is none (R4)."""
    return first_at(log.stamp, since, end)


def first_at(ascending: Any, least: Any, end: Any) -> Any:
    """The first index below ``end`` whose value is at least ``least``; ``end`` if there is none."""
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        if ascending[middle] < least:
            low = middle + 1
        else:
            high = middle
    return low


def first_present(log: Log, i: Any) -> Any:
    """The first slot from ``i`` on that is not gone."""
    present = log.present
    while present[i] != i:
        present[i] = present[present[i]]
        i = present[i]
    return i


def vanish(log: Log, state: Any, low: Any, high: Any, keep: Any) -> Any:
    """Let the slots ``[low, high)`` be gone; whether they may be (V1, V2)."""
    if high <= low:
        return True
    if high > slot(log, state[FLOOR]):
        return False
    i = first_present(log, low)
    while keep and i < high:
        log.present[i] = i + 1
        state[GONE] += 1
        i = first_present(log, i)
    return True
