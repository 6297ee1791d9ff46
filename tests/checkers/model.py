"""The sequential model of a stream: what one operation may be answered when it happens alone, at one moment.

This is one of two writings of the promises for tests (the other is :mod:`.specification`), and shares no code with the
checkers or the reference server. Everything is pure. A :class:`State` is what answers depend on, except for the records
themselves: whoever replays a history hands in the *log*, any sequence indexed by seq_num.

A moment may leave the stream in one of several states, because an answer may have more than one reason: a record that
a read passed over was gone, or its timestamp, which nobody reported, was too early. So observations return every state
that there may be after them, without those that another of them makes needless.

Two kinds of answer speak of two moments, one not before the other: an acknowledgement with ``tail > end`` (see
:func:`acknowledges`, then :func:`is_tail`), and a read that has a beginning of its own (:func:`start_of`, then
:func:`reads_on` or :func:`reads`).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

PAGE_RECORDS: Final = 1000
"""The most records that a unary read returns, whatever it asked for."""

PAGE_BYTES: Final = 1024 * 1024
"""The most metered bytes that a unary read returns, whatever it asked for."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record in the log.

    ``digest`` is None where nobody knows the content (it was there before the history). ``size`` is in metered bytes.
    ``fence`` is the token that it sets and ``trim`` the seq_num that it asks for, if it is such a command.
    """

    digest: int | None
    size: int
    fence: str | None = None
    trim: int | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """What is known of the timestamp (ms) of each position that there can be: its earliest and its latest value.

    Timestamps do not decrease along the stream, so neither do the two bounds.
    """

    earliest: tuple[int, ...]
    latest: tuple[int, ...]

    def before(self, seq_num: int, limit: int) -> Times | None:
        """The same, knowing that the position has a timestamp below ``limit``; None if it cannot have one."""
        if self.latest[seq_num] < limit:
            return self
        latest = tuple(min(time, limit - 1) for time in self.latest[: seq_num + 1]) + self.latest[seq_num + 1 :]
        return replace(self, latest=latest) if self.earliest[seq_num] < limit else None

    def since(self, seq_num: int, limit: int) -> Times | None:
        """The same, knowing that the position has a timestamp of at least ``limit``; None if it cannot have one."""
        if self.earliest[seq_num] >= limit:
            return self
        earliest = self.earliest[:seq_num] + tuple(max(time, limit) for time in self.earliest[seq_num:])
        return replace(self, earliest=earliest) if self.latest[seq_num] >= limit else None


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
    """What answers depend on.

    ``tail`` is the seq_num that the next record gets, ``token`` the fencing token in force. Records below
    ``trim_point`` may have gone, and all if they ``expire``; those in ``gone`` have. ``shown``: an answer has shown
    that the stream exists.
    """

    tail: int
    token: str
    trim_point: int
    times: Times
    gone: frozenset[int] = frozenset()
    expire: bool = False
    shown: bool = True


@dataclass(frozen=True, slots=True)
class Query:
    """What a read still asks for. ``timestamp`` and ``until`` are in ms, ``bytes`` metered, None where unlimited.

    It ``follows`` if it waits at the tail. One that is ``continued`` has returned something before.
    """

    seq_num: int | None = None
    timestamp: int | None = None
    tail_offset: int | None = None
    clamp: bool = False
    count: int | None = None
    bytes: int | None = None
    until: int | None = None
    follows: bool = False
    continued: bool = False

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
    size: int


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
    return replace(state, tail=state.tail + len(batch), token=token, trim_point=trim_point)


def acknowledges(state: State, conditions: Conditions, records: int, start: int, end: int) -> bool:
    """Whether an append of so many records may be acknowledged at [start, end) in this state (that before it)."""
    return records > 0 and refusal(state, conditions) is None and start == state.tail and end == start + records


# -- tails


def is_tail(state: State, tail: int) -> bool:
    """Whether a check-tail may answer this."""
    return tail == state.tail


def unsatisfiable(state: State, query: Query, tail: int) -> Iterator[State]:
    """The states after a read was refused as 416 with this tail, as its only answer."""
    start = start_of(state, query)
    if tail != state.tail:
        return
    if start is None:
        assert query.timestamp is not None
        if not (query.clamp and query.follows):
            yield from _none_since(state, state.tail, query.timestamp)
    elif start > state.tail or (start == state.tail and not query.follows):
        yield state


# -- reads


def start_of(state: State, query: Query) -> int | None:
    """The seq_num at which a read starts in this state; None if it starts by timestamp."""
    if query.timestamp is not None:
        return None
    if query.seq_num is None:
        return max(0, state.tail - (query.tail_offset or 0))
    return min(query.seq_num, state.tail) if query.clamp else query.seq_num


def is_out_of_range(state: State, query: Query) -> bool:
    """Whether a 416 is due, whatever the timestamps."""
    start = start_of(state, query)
    if start is None or (start == state.tail and (query.follows or query.continued)):
        return False
    return start >= state.tail


def reads(state: State, log: Sequence[Record], query: Query, answer: Sequence[Returned]) -> Iterator[State]:
    """The states after a read that does not follow has ended with these records: all there was that fitted."""
    if is_out_of_range(state, query):
        return
    start = start_of(state, query)
    if start is None and not answer:
        yield from _nothing_fits(state, log, query)
        return
    for passed in _returned(state, log, query, answer):
        yield from _ended(passed, log, query, answer, answer[-1].seq_num + 1 if answer else start or 0)


def reads_on(
    state: State,
    log: Sequence[Record],
    boundaries: Container[int],
    query: Query,
    answer: Sequence[Returned],
    tail: int | None,
) -> Iterator[State]:
    """The states after a part of an answer, or the end of one that follows: there may have been more to return.

    ``tail`` is what it says of the tail, which may lag; ``boundaries`` holds every tail that there was so far.
    """
    told = tail if query.follows else None
    lags = told is None or (told in boundaries and not (answer and answer[-1].seq_num >= told))
    if lags and not is_out_of_range(state, query):
        yield from _returned(state, log, query, answer)


def forget(state: State, positions: Iterable[int]) -> State | None:
    """The state in which these are gone; None if one of them must not be."""
    new = {seq_num for seq_num in positions if seq_num not in state.gone}
    if any(seq_num >= state.trim_point for seq_num in new) and not state.expire:
        return None
    return replace(state, gone=state.gone | new) if new else state


def _none_since(state: State, end: int, limit: int) -> Iterator[State]:
    """The states in which no record below ``end`` is there and has a timestamp of at least ``limit``."""
    for bound in range(end, -1, -1):  # those from here to the end are gone, and those below it too early
        rest = forget(state, range(bound, end))
        if rest is None:
            return
        if bound == 0:
            yield rest
        elif bound - 1 not in rest.gone:
            times = rest.times.before(bound - 1, limit)
            if times is not None:
                yield replace(rest, times=times)
            if times is rest.times:
                return


def _nothing_fits(state: State, log: Sequence[Record], query: Query) -> Iterator[State]:
    """The states in which a read by timestamp finds a record to start with, which is too much for it."""
    assert query.timestamp is not None
    for seq_num in range(state.tail):
        full = query.count == 0 or (query.bytes is not None and log[seq_num].size > query.bytes)
        if seq_num in state.gone or not (full or query.until is not None):
            continue
        least = query.timestamp if full else max(query.timestamp, query.until or 0)
        for earlier in _none_since(state, seq_num, query.timestamp):
            times = earlier.times.since(seq_num, least)
            if times is not None:
                yield replace(earlier, times=times)


def _returned(state: State, log: Sequence[Record], query: Query, answer: Sequence[Returned]) -> Iterator[State]:
    """The states in which these records may have been returned: they are there, and what they pass over is not."""
    if not answer:
        yield state
        return
    if query.count is not None and len(answer) > query.count:
        return
    if query.bytes is not None and sum(one.size for one in answer) > query.bytes:
        return
    if query.until is not None and any(one.timestamp >= query.until for one in answer):
        return
    seq_nums = [one.seq_num for one in answer]
    if seq_nums[-1] >= state.tail or any(a >= b for a, b in pairwise(seq_nums)) or state.gone.intersection(seq_nums):
        return
    if any(log[one.seq_num].digest not in (None, one.digest) for one in answer):
        return
    within = forget(state, set(range(seq_nums[0], seq_nums[-1])) - set(seq_nums))
    if within is None:
        return
    start = start_of(state, query)
    if start is not None:
        if seq_nums[0] >= start and (found := forget(within, range(start, seq_nums[0]))) is not None:
            yield found
        return
    assert query.timestamp is not None
    # A read that was clamped to the tail returns what comes next, whatever timestamp that gets.
    if answer[0].timestamp >= query.timestamp or (query.follows and query.clamp):
        yield from _none_since(within, seq_nums[0], query.timestamp)


def _ended(
    state: State, log: Sequence[Record], query: Query, answer: Sequence[Returned], after: int
) -> Iterator[State]:
    """The states with a reason that nothing at or after ``after`` was returned: the tail, a bound, or all is gone."""
    room = None if query.bytes is None else query.bytes - sum(one.size for one in answer)
    if query.count is not None and len(answer) >= query.count:
        yield state
        return
    for seq_num in range(after, state.tail):
        if seq_num in state.gone:
            continue
        if room is not None and log[seq_num].size > room:
            yield state
            return
        if query.until is not None and (times := state.times.since(seq_num, query.until)) is not None:
            yield replace(state, times=times)
            if times is state.times:
                return
        rest = forget(state, (seq_num,))
        if rest is None:
            return
        state = rest
    yield state


def is_whole(state: State) -> bool:
    """Whether every record is there to be read."""
    return not state.gone
