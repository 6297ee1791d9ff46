"""The tails at which an operation can have taken place, by its own answer and what is certain of the stream.

None of them is left out that may be; an operation without any contradicts what is certain.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Kind, Outcome

from .log import spans
from .premises import Premises, Span
from .reads import BYTES, RECORDS

EVERYWHERE: Span = (0, FOREVER)
_STRETCH = 64


def domain(premises: Premises, row: int, first: int) -> list[Span]:
    """The tails, ascending spans, if ``first`` was the stream's first token."""
    reach = premises.furthest(int(premises.history.returned[row]))
    spans = meet(answered(premises, row, first), [(premises.tail, reach)])
    rounded = ((premises.end_of(low), premises.start_of(high)) for low, high in spans)
    return [(low, high) for low, high in rounded if low <= high]


def latest_beginning(premises: Premises, row: int) -> int:
    """The greatest tail at which a read that waits can have begun, by where its answer begins."""
    history, reads = premises.history, premises.history.reads
    low, given = int(reads.offset[row]), int(reads.from_seq_num[row])
    answered = history.kind[row] == Kind.READ and history.outcome[row] == Outcome.OK and reads.wait[row] > 0
    if not answered or reads.offset[row + 1] == low or reads.from_timestamp[row] != NONE:
        return FOREVER
    first = int(reads.seq_num[low])
    if given == NONE:
        return first + max(int(reads.tail_offset[row]), 0)
    return first if reads.clamp[row] and first < given else FOREVER


def answered(premises: Premises, row: int, first: int) -> list[Span]:
    """The same by the answer alone, whatever had been invoked by then."""
    history = premises.history
    kind, outcome = history.kind[row], history.outcome[row]
    if kind == Kind.APPEND:
        return _refusal(premises, row, first) if outcome == Outcome.FAILED else _append(premises, row, first)
    if history.observed_tail[row] != NONE:
        tail = int(history.observed_tail[row])
        return _none_if(outcome == Outcome.FAILED and _has_something(premises, row, tail), (tail, tail))
    if kind == Kind.READ and outcome == Outcome.OK:
        return _read(premises, row)
    return [EVERYWHERE]


def proves(premises: Premises, row: int) -> int:
    """A tail that the stream has certainly reached when the operation is over."""
    history = premises.history
    if history.kind[row] == Kind.APPEND and history.outcome[row] != Outcome.FAILED:
        start = premises.place(row)
        return 0 if start is None else max(start + premises.size(row), int(history.appends.tail[row]))
    return 0


def meet(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """What two sets of spans have in common."""
    others = list(others)
    found = ((max(a, c), min(b, d)) for a, b in spans for c, d in others)
    return sorted((low, high) for low, high in found if low <= high)


def _none_if(wrong: bool, span: Span) -> list[Span]:
    return [] if wrong else [span]


def _append(premises: Premises, row: int, first: int) -> list[Span]:
    appends, start = premises.history.appends, premises.place(row)
    if start is None:
        return [EVERYWHERE]
    match, token, size = int(appends.match_seq_num[row]), int(appends.token[row]), premises.size(row)
    wrong = match not in (NONE, start) or start < premises.tail or not size
    if premises.history.outcome[row] == Outcome.OK:
        wrong |= appends.end[row] != start + size or appends.tail[row] < appends.end[row]
        wrong |= appends.tail[row] > premises.furthest(int(premises.history.returned[row]))
    here = _none_if(bool(wrong), (start, start))
    return here if token == NONE else meet(here, premises.slots(token, first))


def _refusal(premises: Premises, row: int, first: int) -> list[Span]:
    history = premises.history
    if history.status[row] != 412:
        return [EVERYWHERE]
    match, token = int(history.appends.match_seq_num[row]), int(history.appends.token[row])
    reported, named = int(history.seq_num_mismatch[row]), int(history.token_mismatch[row])
    if reported != NONE:
        here = _none_if(match in (NONE, reported), (reported, reported))
        return here if token == NONE else meet(here, premises.slots(token, first))
    if named != NONE:
        return [] if token in (NONE, named) else sorted(premises.slots(named, first))
    either = [] if token == NONE else premises.slots(token, first, other=True)
    if match != NONE:
        either += [span for span in ((0, match - 1), (match + 1, FOREVER)) if span[0] <= span[1]]
    return sorted(either)


def _has_something(premises: Premises, row: int, tail: int) -> bool:
    """Was there something to read, or to wait for, at this tail?"""
    reads = premises.history.reads
    if reads.from_timestamp[row] != NONE:
        return False
    start = int(reads.from_seq_num[row])
    if start == NONE:
        start = max(0, tail - max(int(reads.tail_offset[row]), 0))
    elif reads.clamp[row]:
        start = min(start, tail)
    return start < tail or (start == tail and bool(reads.wait[row] > 0))


def _read(premises: Premises, row: int) -> list[Span]:
    history, reads = premises.history, premises.history.reads
    low, high = int(reads.offset[row]), int(reads.offset[row + 1])
    seq_nums = reads.seq_num[low:high]
    given, timed = int(reads.from_seq_num[row]), reads.from_timestamp[row] != NONE
    waits, clamp, follows = bool(reads.wait[row] > 0), bool(reads.clamp[row]), _follows(premises, row)
    least, most = int(reads.tail[row]) if waits else 0, FOREVER
    if not follows and not timed and (given == NONE or clamp):
        # It began below the tail, so what it was to begin with was there: else it had been refused.
        least = max(least, given + 1, 1)
        if given == NONE and reads.tail_offset[row] <= 0:
            return []
    start = NONE if clamp and follows else given  # what began below the tail was not changed by clamping
    if not len(seq_nums):
        if not waits and given == NONE and not timed and not premises.trims and _fits_any(premises, row):
            # What it began with was there (or from before the history), and would have been returned.
            return _none_if(int(reads.tail_offset[row]) <= 0 or not premises.tail, (1, premises.tail))
        if waits or start == NONE:
            return [(max(least, start), FOREVER)]
        most, least = _limit(premises, row, start), start if _has_parts(premises, row) else start + 1
        return _none_if(most < least, (least, most))
    first, after = int(seq_nums[0]), int(seq_nums[-1]) + 1
    if (np.diff(seq_nums) <= 0).any() or first < start:
        return []
    if timed and not (waits and clamp) and reads.timestamp[low] < reads.from_timestamp[row]:
        return []
    if waits and reads.tail[row] != NONE and reads.tail[row] < after:
        return []
    least = max(least, after)
    hidden = [int(seq_nums[i + 1]) for i in np.flatnonzero(np.diff(seq_nums) > 1).tolist()]
    hidden += [first] if start not in (NONE, first) else []
    if hidden:
        gone = premises.trimmed(max(hidden), int(history.returned[row]))
        if gone == FOREVER:
            return []
        least = max(least, gone)
    if not waits:
        most = _limit(premises, row, after)
    if not waits and given == NONE and not timed:
        offset = max(int(reads.tail_offset[row]), 0)
        most = min(most, first + offset)
        if first > 0 and not _may_be_gone(premises, first):
            least = max(least, first + offset)
    return _none_if(least > most, (least, most))


def _follows(premises: Premises, row: int) -> bool:
    """Was the read (of a part, the whole one) to follow the tail, so that it might begin there?"""
    part_of = int(premises.history.part_of[row])
    return bool(premises.history.reads.wait[row if part_of == NONE else part_of] > 0)


def _limit(premises: Premises, row: int, after: int) -> int:
    """The greatest tail at which an answer may have ended at ``after``, since all from there on would have fitted.

    FOREVER if something would not have, or that is too long a stretch to look at.
    """
    by = int(premises.history.returned[row])
    reach = max([after, premises.tail, *(reach for _, asked, reach in premises.trims if asked <= by)])
    if reach - after >= _STRETCH:
        return FOREVER
    return reach if all(_fits(premises, row, position) for position in range(after, reach + 1)) else FOREVER


def _may_be_gone(premises: Premises, position: int) -> bool:
    """May everything below a position have been trimmed, ever?"""
    return premises.trimmed(position, FOREVER) < FOREVER


def _fits_any(premises: Premises, row: int) -> bool:
    """Would any record certainly have been returned?"""
    return bool(premises.history.reads.until[row] == NONE) and _fits(premises, row, FOREVER)


def _has_parts(premises: Premises, row: int) -> bool:
    """Is this the end of an answer that came in parts?"""
    return bool((premises.history.part_of[premises.rows] == row).any())


def _fits(premises: Premises, row: int, position: int) -> bool:
    """Would the record at a position certainly have been returned as well, had it been there?"""
    history, reads = premises.history, premises.history.reads
    low, high = int(reads.offset[row]), int(reads.offset[row + 1])
    count, size, until = int(reads.count[row]), int(reads.bytes[row]), int(reads.until[row])
    unary = history.session[row] == NONE
    most = min(FOREVER if count == NONE else count, RECORDS if unary else FOREVER)
    room = min(FOREVER if size == NONE else size, BYTES if unary else FOREVER) - int(reads.size[low:high].sum())
    if _has_parts(premises, row):
        return False
    if until != NONE and _latest(premises, position) >= until:
        return False
    return most > high - low and premises.largest(position) <= room


def _latest(premises: Premises, position: int) -> int:
    """The latest timestamp (ms) that a record at a position can have."""
    history, rows = premises.history, premises.rows
    appends, reads = history.appends, history.reads
    acked = premises.acked
    tails = rows[history.observed_tail[rows] != NONE]
    read = rows[(history.kind[rows] == Kind.READ) & (history.outcome[rows] == Outcome.OK)]
    record = spans(reads.offset[read], reads.offset[read + 1] - reads.offset[read])
    positions = (appends.start[acked], appends.end[acked] - 1, history.observed_tail[tails] - 1, reads.seq_num[record])
    stamps = (
        appends.start_timestamp[acked],
        appends.end_timestamp[acked],
        history.observed_tail_timestamp[tails],
        reads.timestamp[record],
    )
    where, when = np.concatenate(positions), np.concatenate(stamps)
    return int(when[(where >= position) & (when != NONE)].min(initial=FOREVER))
