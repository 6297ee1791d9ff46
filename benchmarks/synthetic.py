"""Synthetic valid histories of any size, made as columns with numpy.

Every operation takes effect at one moment, and its interval is drawn around that moment, so that operations of
different clients overlap. Half of the operations are appends: a third each without a condition, with match_seq_num and
with a fencing token. A fifth of the conditional ones are refused. A few take the stream over with a new fence, and a
few have an unknown outcome. The other half read near the tail or check the tail. A closing read of everything, in
pages, makes the verdict exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history import events
from fencepost.harness.history.history import FOREVER, NONE, Appends, History, Int64s, Kind, Outcome, Reads

GAP: Final = 10_000
"""Nanoseconds between the effects of consecutive operations."""

PAGE: Final = 1000
TOKENS: Final = ("", "a", "b", "c", "d", "e")
FIRST_TIMESTAMP: Final = 1_790_000_000_000
_SIZE: Final = 64
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class _Plan:
    """The operations in order of effect: the ``records`` that each sends, the ``tail`` and ``token`` that it meets."""

    kind: NDArray[np.uint8]
    outcome: NDArray[np.uint8]
    condition: NDArray[np.uint8]
    applied: NDArray[np.bool_]
    fence: Int64s
    records: Int64s
    tail: Int64s
    token: Int64s


_NOTHING, _MATCH, _TOKEN = 0, 1, 2


def synthetic(size: int, clients: int = 20, seed: int = 1, indefinite: float = 0.002) -> History:
    """Return a valid history of about ``size`` operations on one stream, plus the pages of the closing read."""
    random = np.random.default_rng(seed)
    plan = _plan(random, size, indefinite)
    total = int(plan.tail[-1] + plan.records[-1] * plan.applied[-1]) if size else 0
    pages = -(-total // PAGE)
    rows = size + pages
    invoked, returned, process = _times(random, plan, size, pages, clients)
    order = np.argsort(invoked, kind="stable")
    return _columns(random, plan, order, rows, total, invoked, returned, process)


def _plan(random: np.random.Generator, size: int, indefinite: float) -> _Plan:
    draw = random.random(size)
    append = draw < 0.5
    kind = np.where(append, Kind.APPEND, np.where(draw < 0.8, Kind.READ, Kind.CHECK_TAIL)).astype(np.uint8)
    condition = np.where(append, random.integers(0, 3, size), _NOTHING).astype(np.uint8)
    takes_over = append & (condition == _NOTHING) & (random.random(size) < 0.03)
    lost = append & (condition == _NOTHING) & ~takes_over & (random.random(size) < indefinite * 6)
    refused = append & (condition != _NOTHING) & (random.random(size) < 0.2)
    applied = append & ~refused & ~(lost & (random.random(size) < 0.5))
    records = np.where(takes_over, 2, np.where(append, random.integers(1, 6, size), 0)).astype(np.int64)
    taken = np.cumsum(records * applied)
    number = np.cumsum(takes_over)
    fence = np.where(takes_over, 1 + (number - 1) % (len(TOKENS) - 1), NONE)
    before = number - takes_over
    token = np.where(before == 0, 0, 1 + (before - 1) % (len(TOKENS) - 1))
    outcome = np.where(lost, Outcome.INDEFINITE, np.where(refused, Outcome.FAILED, Outcome.OK)).astype(np.uint8)
    return _Plan(kind, outcome, condition, applied, fence, records, taken - records * applied, token)


def _times(
    random: np.random.Generator, plan: _Plan, size: int, pages: int, clients: int
) -> tuple[Int64s, Int64s, Int64s]:
    """Return intervals around the effects. Those of one client never overlap. A loss gives a client a new name."""
    at = np.arange(size, dtype=np.int64)
    effect = (at + clients) * GAP
    slack = clients * GAP // 2
    invoked, returned = effect - random.integers(0, slack, size), effect + random.integers(1, slack, size)
    client = at % clients
    process = client.copy()
    for one in range(clients):
        mine = plan.outcome[one::clients] == Outcome.INDEFINITE
        process[one::clients] += clients * (np.cumsum(mine) - mine)
    closing = (size + 2 * clients) * GAP + np.arange(pages, dtype=np.int64) * GAP
    reader = np.full(pages, int(process.max(initial=0)) + 1, dtype=np.int64)
    return (
        np.concatenate((invoked, closing)),
        np.concatenate((returned, closing + GAP // 2)),
        np.concatenate((process, reader)),
    )


def _columns(
    random: np.random.Generator,
    plan: _Plan,
    order: Int64s,
    rows: int,
    total: int,
    invoked: Int64s,
    returned: Int64s,
    process: Int64s,
) -> History:
    size, pages = len(plan.kind), rows - len(plan.kind)

    def whole(column: Any, rest: Any, dtype: Any = np.int64) -> Any:
        return np.concatenate((column, np.full(pages, rest))).astype(dtype)[order]

    kind, outcome = whole(plan.kind, Kind.READ, np.uint8), whole(plan.outcome, Outcome.OK, np.uint8)
    tail, token = whole(plan.tail, total), whole(plan.token, 0)
    condition, applied, records = whole(plan.condition, 0), whole(plan.applied, False, bool), whole(plan.records, 0)
    fence = whole(plan.fence, NONE)
    closing = np.concatenate((np.full(size, NONE), np.arange(pages) * PAGE))[order]
    ended = returned[order]
    acked = (kind == Kind.APPEND) & (outcome == Outcome.OK)
    refused = outcome == Outcome.FAILED
    by_match, by_token = condition == _MATCH, condition == _TOKEN
    offset = np.concatenate(([0], np.cumsum(records)))
    ids = np.arange(offset[-1], dtype=np.uint64) + np.uint64(len(TOKENS))
    setting = np.flatnonzero(fence != NONE)
    ids[offset[setting]] = fence[setting].astype(np.uint64)
    at = np.zeros(total, dtype=np.int64)
    sources = np.flatnonzero(applied)
    _scatter(at, tail[sources], offset[sources], records[sources])
    digest = ids * _GOLDEN
    end = np.where(acked, tail + records, NONE)
    return History(
        header=events.Header(
            schema=events.SCHEMA,
            version="0",
            workload="synthetic",
            seed=0,
            started="2026-01-01T00:00:00+00:00",
            streams=[events.StreamState("s")],
        ),
        id=np.arange(rows, dtype=np.int64),
        process=process[order].astype(np.int32),
        thread=np.full(rows, NONE, dtype=np.int32),
        stream=np.zeros(rows, dtype=np.int32),
        kind=kind,
        outcome=outcome,
        invoked=invoked[order],
        intended=invoked[order],
        ended=ended,
        returned=np.where(outcome == Outcome.INDEFINITE, FOREVER, ended),
        status=np.where(refused, 412, NONE).astype(np.int32),
        code=np.where(refused, 0, np.where(outcome == Outcome.INDEFINITE, 1, NONE)).astype(np.int32),
        purpose=np.zeros(rows, dtype=np.int32),
        session=np.full(rows, NONE, dtype=np.int64),
        part_of=np.full(rows, NONE, dtype=np.int64),
        observed_tail=np.where(kind == Kind.CHECK_TAIL, tail, NONE),
        observed_tail_timestamp=np.where(kind == Kind.CHECK_TAIL, _timestamp(tail - 1), NONE),
        seq_num_mismatch=np.where(refused & by_match, tail, NONE),
        token_mismatch=np.where(refused & by_token, token, NONE).astype(np.int32),
        appends=Appends(
            match_seq_num=np.where(by_match, tail + refused * random.integers(1, 9, rows), NONE),
            token=np.where(by_token, (token + refused) % len(TOKENS), NONE).astype(np.int32),
            offset=offset,
            digest=digest,
            size=np.full(len(digest), _SIZE, dtype=np.int32),
            last_fence=fence.astype(np.int32),
            start=np.where(acked, tail, NONE),
            end=end,
            tail=end,
            start_timestamp=np.where(acked, _timestamp(tail), NONE),
            end_timestamp=np.where(acked, _timestamp(end - 1), NONE),
            tail_timestamp=np.where(acked, _timestamp(end - 1), NONE),
            fences={int(row): {0: int(fence[row])} for row in setting},
            trims={},
            timestamps={},
        ),
        reads=_reads(random, kind, tail, closing, total, digest[at]),
        tokens=list(TOKENS),
        codes=["condition_failed", "timed out"],
        purposes=[""],
    )


def _reads(
    random: np.random.Generator, kind: NDArray[np.uint8], tail: Int64s, closing: Int64s, total: int, digest: Any
) -> Reads:
    """Return reads near the tail, half of them up to it. ``closing`` says where the closing read's pages begin."""
    rows = len(kind)
    reading = kind == Kind.READ
    start = np.maximum(tail - random.integers(1, 12, rows), 0)
    count = np.where(random.random(rows) < 0.5, random.integers(1, 8, rows), NONE)
    start, count = np.where(closing != NONE, closing, start), np.where(closing != NONE, NONE, count)
    number = np.minimum(tail - start, np.where(count == NONE, PAGE, count))
    # A read of an empty stream does not wait and finds nothing.
    waiting = reading & (tail == 0)
    number = np.where(reading & ~waiting, number, 0)
    offset = np.concatenate(([0], np.cumsum(number)))
    seq_num = np.repeat(start - offset[:-1], number) + np.arange(offset[-1])
    none = np.full(rows, NONE, dtype=np.int64)
    return Reads(
        from_seq_num=np.where(reading, start, NONE),
        from_timestamp=none,
        tail_offset=none,
        clamp=np.zeros(rows, dtype=np.bool_),
        count=np.where(reading, count, NONE),
        bytes=none,
        until=none,
        wait=np.where(waiting, 1, NONE),
        offset=offset,
        seq_num=seq_num,
        timestamp=_timestamp(seq_num),
        digest=digest[seq_num],
        size=np.full(len(seq_num), _SIZE, dtype=np.int32),
        tail=none,
        hashed=np.zeros(rows, dtype=np.bool_),
        stream_hash=np.zeros(rows, dtype=np.uint64),
        fences={},
        trims={},
        contents={},
    )


def _scatter(target: Int64s, starts: Int64s, values: Int64s, lengths: Int64s) -> None:
    """Set ``target[starts[i] + k] = values[i] + k`` for each k below ``lengths[i]``."""
    first = np.cumsum(lengths) - lengths
    step = np.arange(int(lengths.sum())) - np.repeat(first, lengths)
    target[np.repeat(starts, lengths) + step] = np.repeat(values, lengths) + step


def _timestamp(position: Int64s) -> Int64s:
    """Return timestamps in milliseconds, 0 before the first record."""
    return np.where(position < 0, 0, FIRST_TIMESTAMP + position // 100)
