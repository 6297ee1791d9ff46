"""The sequential model of a stream: what one operation may be answered when it happens alone, at one moment.

This is the checkers' own writing of the specification. It shares no code with the reference server, on purpose.
Everything is pure: a :class:`State` is what conditions and tails depend on, the records themselves (the *log*) are
handed in by whoever replays a history, as any sequence indexed by seq_num. An append costs O(its batch), an answer to
a read O(what it returned and skipped).

An operation has its effect, and its answer, at one moment. Two kinds of answer speak of two moments, one not before
the other: an acknowledgement with ``tail > end`` (see :func:`acknowledges`, then :func:`is_tail`), and a read that
waited and whose start depends on the tail (:func:`start_of`, then :func:`follows`).
"""

from __future__ import annotations

import sys
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Final

PAGE_RECORDS: Final = 1000
"""The most records that a unary read returns, whatever it asked for."""

PAGE_BYTES: Final = 1024 * 1024
"""The most metered bytes that a unary read returns, whatever it asked for."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record in the log.

    ``digest`` is None where nobody knows the content (it was there before the history). ``size`` is in metered bytes.
    ``timestamp`` (ms) is the record's, or where no answer tells it the latest that it can be. ``fence`` is the token
    that it sets and ``trim`` the seq_num that it asks for, if it is such a command.
    """

    digest: int | None
    size: int
    timestamp: int
    fence: str | None = None
    trim: int | None = None


@dataclass(frozen=True, slots=True)
class Conditions:
    """What an append asks of the state it would be applied to."""

    match_seq_num: int | None = None
    fencing_token: str | None = None


@dataclass(frozen=True, slots=True)
class SeqNumMismatch:
    """The refusal ``{"seq_num_mismatch": tail}``."""

    tail: int


@dataclass(frozen=True, slots=True)
class TokenMismatch:
    """The refusal ``{"fencing_token_mismatch": token}``."""

    token: str


Refusal = SeqNumMismatch | TokenMismatch


@dataclass(frozen=True, slots=True)
class State:
    """What conditions and tails depend on.

    ``tail`` is the seq_num that the next record gets, ``token`` the fencing token in force. Records below
    ``trim_point`` may be missing from any answer, those at or above it from none.
    """

    tail: int = 0
    token: str = ""
    trim_point: int = 0


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters of a read. ``timestamp`` and ``until`` are in ms, ``bytes`` metered, ``wait`` in s.

    One that is ``unary`` has the implicit bounds as well, and one that a session is for has not. One that is
    ``continued`` has returned something before: at the tail it ends, and is not refused.
    """

    seq_num: int | None = None
    timestamp: int | None = None
    tail_offset: int | None = None
    clamp: bool = False
    count: int | None = None
    bytes: int | None = None
    until: int | None = None
    wait: int | None = None
    unary: bool = True
    continued: bool = False

    @property
    def waits(self) -> bool:
        """Whether it may follow the tail."""
        return bool(self.wait)

    @property
    def starts_at_tail(self) -> bool:
        """Whether where it starts depends on the tail."""
        return (self.seq_num is None and self.timestamp is None) or self.clamp


@dataclass(frozen=True, slots=True)
class Returned:
    """A record in the answer to a read."""

    seq_num: int
    timestamp: int
    digest: int


# -- appends


def refusal(state: State, conditions: Conditions) -> Refusal | None:
    """How an append with these conditions is refused in this state; None if it is accepted. The token goes first."""
    if conditions.fencing_token is not None and conditions.fencing_token != state.token:
        return TokenMismatch(state.token)
    if conditions.match_seq_num is not None and conditions.match_seq_num != state.tail:
        return SeqNumMismatch(state.tail)
    return None


def applied(state: State, batch: Sequence[Record]) -> State:
    """The state after a batch. Its conditions are not looked at here: see :func:`refusal`."""
    token, trim_point = state.token, state.trim_point
    for own, record in enumerate(batch, state.tail):
        if record.fence is not None:
            token = record.fence
        if record.trim is not None:
            trim_point = max(trim_point, min(record.trim, own + 1))
    return State(state.tail + len(batch), token, trim_point)


def acknowledges(state: State, conditions: Conditions, records: int, start: int, end: int) -> bool:
    """Whether an append of so many records may be acknowledged at [start, end) in this state (that before it)."""
    return records > 0 and refusal(state, conditions) is None and start == state.tail and end == start + records


# -- tails


def is_tail(state: State, tail: int) -> bool:
    """Whether a check-tail may answer this."""
    return tail == state.tail


def is_unsatisfiable(state: State, query: Query, tail: int) -> bool:
    """Whether a read may be refused as 416 with this tail."""
    if tail != state.tail:
        return False
    start = start_of(state, query)
    if start is None:
        return True  # by timestamp: what there is to read depends on timestamps that nobody may know
    return start > state.tail or (start == state.tail and not query.waits)


# -- reads


def start_of(state: State, query: Query) -> int | None:
    """The seq_num at which a read starts in this state; None if it starts by timestamp."""
    if query.timestamp is not None:
        return None
    if query.seq_num is None:
        return max(0, state.tail - (query.tail_offset or 0))
    return min(query.seq_num, state.tail) if query.clamp else query.seq_num


def reads(state: State, log: Sequence[Record], query: Query, answer: Sequence[Returned]) -> bool:
    """Whether a read that does not wait may be answered so: with everything from its start on that fits its bounds."""
    start = start_of(state, query)
    if start is not None and start >= state.tail and not (query.continued and start == state.tail):
        return False
    if not _are_in(state, log, query, start, answer):
        return False
    if not answer and start is None:
        return True
    after = answer[-1].seq_num + 1 if answer else start or 0
    return _ends_rightly(state, log, query, answer, after)


def follows(
    state: State,
    log: Sequence[Record],
    boundaries: Container[int],
    query: Query,
    start: int | None,
    answer: Sequence[Returned],
    tail: int | None,
) -> bool:
    """Whether a read that waits may have been answered so by now, if it began at ``start``.

    ``start`` is None if it started by timestamp. ``tail`` is what the answer says of the tail, which may lag;
    ``boundaries`` holds every tail that there was so far.
    """
    if start is not None and start > state.tail:
        return False
    if not _are_in(state, log, query, start, answer):
        return False
    if tail is None:
        return True
    return tail <= state.tail and tail in boundaries and (not answer or answer[-1].seq_num < tail)


def _are_in(state: State, log: Sequence[Record], query: Query, start: int | None, answer: Sequence[Returned]) -> bool:
    """Whether the answer's records are the log's, in order, and whatever it skipped may be gone."""
    # A read that was clamped to the tail returns what comes next, whatever timestamp that gets.
    earliest = None if query.waits and query.clamp else query.timestamp
    expected = start
    for one in answer:
        if one.seq_num >= state.tail or (expected is not None and one.seq_num < expected):
            return False
        if expected is not None and any(skipped >= state.trim_point for skipped in range(expected, one.seq_num)):
            return False
        record = log[one.seq_num]
        if record.timestamp != one.timestamp or (record.digest is not None and record.digest != one.digest):
            return False
        if earliest is not None and one.timestamp < earliest:
            return False
        expected = one.seq_num + 1
    return True


def _ends_rightly(state: State, log: Sequence[Record], query: Query, answer: Sequence[Returned], after: int) -> bool:
    """Whether there is a reason that nothing at or after ``after`` was returned: the tail, a bound, or a trim."""
    most, room = PAGE_RECORDS if query.unary else sys.maxsize, PAGE_BYTES if query.unary else sys.maxsize
    most = most if query.count is None else min(query.count, most)
    room = room if query.bytes is None else min(query.bytes, room)
    room -= sum(log[one.seq_num].size for one in answer)
    for seq_num in range(after, state.tail):
        following = log[seq_num]
        if len(answer) >= most or following.size > room:
            return True
        if query.until is not None and following.timestamp >= query.until:
            return True
        if seq_num >= state.trim_point:
            return False
    return True
