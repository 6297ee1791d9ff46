"""Valid histories like those of real runs, of any size, made as columns with numpy: ``realistic(Recipe(...))``.

A reference log decides what every operation meets: each takes effect at one moment, in turn, and its interval is drawn
around that moment, so that the operations of different clients overlap. Clients append batches of 1 to 15 records, some
of them with a condition, which is refused where it does not hold; they set fences, trim, read near the tail and check
it. Of some appends the outcome is unknown, and half of these took effect, perhaps after their client had given up. The
client then begins again as a new process; if the append set a fence, the new process sends the same fence again, and
half of the time it gets no answer either. Only commands have equal contents. A closing read of everything, in pages,
shows what every position holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history import events
from fencepost.harness.history.history import FOREVER, NONE, Appends, History, Int64s, Kind, Outcome, Reads

GAP: Final = 100_000
"""Nanoseconds between the effects of consecutive operations."""

PAGE: Final = 1000
"""The most records in an answer. Records are small enough that its bytes never end it."""

MOST_RECORDS: Final = 15
FIRST_TIMESTAMP: Final = 1_790_000_000_000
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_TRIM_CONTENT: Final = np.uint64(1 << 40)
_SMALLEST, _LARGEST = 24, 1048
"""Metered bytes of an ordinary record."""
_FENCE_SIZE, _TRIM_SIZE = 15, 22
"""Metered bytes of a fence command without its token, and of a trim command."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The parameters of a history.

    ``operations`` counts all but the pages of the closing read. ``observations`` and ``indefinite`` are shares of the
    operations: two thirds of the observations are reads and a third check-tails, and all that is indefinite are
    appends. ``conditional``, ``fences`` and ``trims`` are shares of the appends, and ``refused`` is a share of the
    conditional ones. So many ``violations`` are check-tails that miss the latest append that was acknowledged before
    they began, evenly spread (one is in the middle); nothing else is wrong. Equal recipes give equal histories.
    """

    operations: int = 1_000_000
    clients: int = 20
    observations: float = 0.3
    indefinite: float = 0.002
    conditional: float = 0.4
    refused: float = 0.2
    fences: float = 0.02
    trims: float = 0.0
    closing_read: bool = True
    violations: int = 0
    seed: int = 1


def realistic(recipe: Recipe) -> History:
    """Return the history. Raises ValueError if it is too short to hold the violation."""
    random = np.random.default_rng(recipe.seed)
    log = _log(random, recipe)
    reads = _reads(random, log, recipe)
    times = _times(random, log, recipe, len(reads.start) - recipe.operations)
    if recipe.violations:
        log = _misreading(log, times, recipe.violations)
    return _History(log, reads, times).columns()


@dataclass(frozen=True, slots=True)
class _Log:
    """The operations in order of effect: what each sends, and the state that it meets.

    ``match`` and ``token`` are the conditions. ``tail``, ``token_before`` and ``trim_point`` are the state, and
    ``observed`` is the tail that a check-tail reports. ``fence`` is the token that an append sets, ``trim`` the
    position to which it trims. Tokens are numbers, ``tokens`` in all. The records of operation i are ``offset[i]`` up
    to ``offset[i + 1]``, of ``size`` bytes each; the record at position p is ``source[p]``.
    """

    kind: NDArray[np.uint8]
    outcome: NDArray[np.uint8]
    applied: NDArray[np.bool_]
    match: Int64s
    token: Int64s
    fence: Int64s
    trim: Int64s
    tail: Int64s
    observed: Int64s
    token_before: Int64s
    trim_point: Int64s
    tokens: int
    offset: Int64s
    size: Int64s
    source: Int64s


def _log(random: np.random.Generator, recipe: Recipe) -> _Log:
    number = recipe.operations
    append = random.random(number) >= recipe.observations
    kind = np.where(append, Kind.APPEND, np.where(random.random(number) < 2 / 3, Kind.READ, Kind.CHECK_TAIL))
    draw = random.random(number)
    fencing = append & (draw < recipe.fences)
    trimming = append & ~fencing & (draw < recipe.fences + recipe.trims)
    indefinite = append & (random.random(number) < recipe.indefinite / max(1e-9, 1 - recipe.observations))
    conditional = append & (random.random(number) < recipe.conditional)
    again = np.zeros(number, dtype=np.bool_)
    for row in np.flatnonzero(indefinite & fencing).tolist():
        if not again[row] and (retry := row + recipe.clients) < number:
            kind[retry], again[retry], fencing[retry], append[retry] = Kind.APPEND, True, True, True
            conditional[retry] = trimming[retry] = False
            indefinite[retry] = random.random() < 0.5
    refused = conditional & ~indefinite & (random.random(number) < recipe.refused)
    applied = append & ~refused & ~(indefinite & (random.random(number) < 0.5))
    small = 1 + (random.random(number) ** 2 * MOST_RECORDS).astype(np.int64)
    records = np.where(fencing | trimming, 1, np.where(append, small, 0))
    taken = np.cumsum(records * applied)
    tail = taken - records * applied
    fence = np.where(fencing, np.cumsum(fencing & ~again), NONE)
    fence[again] = fence[np.flatnonzero(again) - recipe.clients]
    latest = _before(np.maximum.accumulate(np.where(applied & fencing, np.arange(number), NONE)), NONE)
    in_force = np.where(latest == NONE, 0, fence[latest])
    trim = np.where(trimming, np.maximum(tail - random.integers(1, 40, number), 0), NONE)
    trim_point = _before(np.maximum.accumulate(np.where(applied, np.maximum(trim, 0), 0)), 0)
    by_match = conditional & (random.random(number) < 0.5)
    wrong_tail = np.where(tail < 9, tail + 1, tail - random.integers(1, 9, number))
    wrong_token = np.where(in_force == 0, 1, in_force - 1)
    offset = np.concatenate(([0], np.cumsum(records)))
    source = np.zeros(int(taken[-1]) if number else 0, dtype=np.int64)
    _scatter(source, tail[applied], offset[:-1][applied], records[applied])
    sizes = (_SMALLEST * (_LARGEST / _SMALLEST) ** random.random(int(offset[-1]))).astype(np.int64)
    return _Log(
        kind=kind.astype(np.uint8),
        outcome=np.where(indefinite, Outcome.INDEFINITE, np.where(refused, Outcome.FAILED, Outcome.OK)).astype(
            np.uint8
        ),
        applied=applied,
        match=np.where(by_match, np.where(refused, wrong_tail, tail), NONE),
        token=np.where(conditional & ~by_match, np.where(refused, wrong_token, in_force), NONE),
        fence=fence,
        trim=trim,
        tail=tail,
        observed=np.where(kind == Kind.CHECK_TAIL, tail, NONE),
        token_before=in_force,
        trim_point=trim_point,
        tokens=2 + int(fence.max(initial=0)),
        offset=offset,
        size=sizes,
        source=source,
    )


@dataclass(frozen=True, slots=True)
class _Reads:
    """The parameters and answers of the operations, the closing read's pages behind them.

    A read asked for ``count`` records (NONE: no bound) from ``start`` on, and got ``number`` from ``first`` on.
    """

    start: Int64s
    count: Int64s
    waits: NDArray[np.bool_]
    first: Int64s
    number: Int64s


def _reads(random: np.random.Generator, log: _Log, recipe: Recipe) -> _Reads:
    """Draw reads near the tail, half of them up to it. One of an empty stream waits, and gets nothing."""
    number, total = recipe.operations, len(log.source)
    reading = log.kind == Kind.READ
    start = np.where(reading, np.maximum(log.tail - random.integers(1, 12, number), 0), NONE)
    count = np.where(reading & (random.random(number) < 0.5), random.integers(1, 8, number), NONE)
    first = np.maximum(start, log.trim_point)
    found = np.where(reading, np.minimum(log.tail - first, np.where(count == NONE, PAGE, count)), 0)
    lowest = max(0, *log.trim_point[-1:].tolist(), *log.trim[-1:][log.applied[-1:]].tolist())
    pages = np.arange(lowest, total if recipe.closing_read else 0, PAGE, dtype=np.int64)
    return _Reads(
        start=np.concatenate((start, pages)),
        count=np.concatenate((count, np.full(len(pages), NONE))),
        waits=np.concatenate((reading & (log.tail == 0), np.zeros(len(pages), dtype=np.bool_))),
        first=np.concatenate((first, pages)),
        number=np.concatenate((found, np.minimum(total - pages, PAGE))),
    )


@dataclass(frozen=True, slots=True)
class _Times:
    """Who did each operation, the closing read's pages included, and when (ns). All times differ."""

    effect: Int64s
    invoked: Int64s
    ended: Int64s
    thread: Int64s
    process: Int64s


def _times(random: np.random.Generator, log: _Log, recipe: Recipe, pages: int) -> _Times:
    """Draw intervals around the effects. Those of one client never overlap."""
    number, clients = recipe.operations, recipe.clients
    at = np.arange(number, dtype=np.int64)
    effect, slack = (at + clients) * GAP, clients * GAP // 2
    invoked, ended = effect - random.integers(1, slack, number), effect + random.integers(1, slack, number)
    indefinite = log.outcome == Outcome.INDEFINITE
    given_up = invoked + 1 + (random.random(number) * (ended - invoked)).astype(np.int64)
    thread = at % clients
    process = thread.copy()
    for client in range(clients):
        lost = indefinite[client::clients]
        process[client::clients] += clients * (np.cumsum(lost) - lost)
    closing = (number + 2 * clients) * GAP + np.arange(pages, dtype=np.int64) * GAP
    both = np.concatenate((invoked, closing, np.where(indefinite, given_up, ended), closing + GAP // 2))
    order = np.argsort(both, kind="stable")
    ahead = np.arange(len(both))
    both[order] = np.maximum.accumulate(both[order] - ahead) + ahead
    return _Times(
        effect=np.concatenate((effect, closing)),
        invoked=both[: number + pages],
        ended=both[number + pages :],
        thread=np.concatenate((thread, np.full(pages, clients))),
        process=np.concatenate((process, np.full(pages, int(process.max(initial=0)) + 1))),
    )


def _misreading(log: _Log, times: _Times, number: int) -> _Log:
    """Return the log with so many wrong observations, each in its own share of the check-tails.

    A check-tail reports the tail before the latest append that was acknowledged before it began.
    """
    acked = np.flatnonzero((log.kind == Kind.APPEND) & (log.outcome == Outcome.OK))
    checks = np.flatnonzero(log.kind == Kind.CHECK_TAIL)
    observed, wrong = log.observed.copy(), 0
    for share in np.array_split(checks, number):
        for row in share[len(share) // 2 :].tolist():
            near = acked[max(0, np.searchsorted(acked, row) - 1000) : np.searchsorted(acked, row)]
            over = near[times.ended[near] < times.invoked[row]]
            if len(over):
                observed[row] = log.tail[over[-1]]
                wrong += 1
                break
    if wrong < number:
        raise ValueError(f"only {wrong:,} check-tails were invoked after an acknowledgement, each in its share")
    return replace(log, observed=observed)


class _History:
    """Turns a log into the columns of a history, in the order of invocation."""

    def __init__(self, log: _Log, reads: _Reads, times: _Times) -> None:
        self._log = log
        self._reads = reads
        self._times = times
        self._pages = len(reads.start) - len(log.kind)
        self._order = np.argsort(times.invoked)
        contents = np.arange(log.offset[-1], dtype=np.uint64) + np.uint64(log.tokens)
        sizes = log.size.copy()
        self._tokens = ["", *(f"owner-{number}" for number in range(1, log.tokens))]
        self._fences, self._trims = np.full(len(contents), NONE), np.full(len(contents), NONE)
        first = log.offset[:-1]
        for values, of_record in ((log.fence, self._fences), (log.trim, self._trims)):
            of_record[first[values != NONE]] = values[values != NONE]
        fencing, trimming = self._fences != NONE, self._trims != NONE
        contents[fencing] = self._fences[fencing].astype(np.uint64)
        contents[trimming] = self._trims[trimming].astype(np.uint64) + _TRIM_CONTENT
        lengths = np.array([len(token) for token in self._tokens])
        sizes[fencing] = _FENCE_SIZE + lengths[self._fences[fencing]]
        sizes[trimming] = _TRIM_SIZE
        self._digest, self._size = contents * _GOLDEN, sizes.astype(np.int32)
        self._timestamp = (
            FIRST_TIMESTAMP
            + np.repeat(times.effect[: len(log.kind)][log.applied], np.diff(log.offset)[log.applied]) // 10**6
        )

    def columns(self) -> History:
        """Return the history."""
        log, order, times = self._log, self._order, self._times
        rows = len(order)
        kind, outcome = self._column(log.kind, Kind.READ, np.uint8), self._column(log.outcome, Outcome.OK, np.uint8)
        refused, indefinite = outcome == Outcome.FAILED, outcome == Outcome.INDEFINITE
        match, token = self._column(log.match), self._column(log.token)
        observed = self._column(log.observed)
        by_match = refused & (match != NONE)
        codes = ["seq_num_mismatch", "fencing_token_mismatch", "timed out"]
        return History(
            header=events.Header(
                schema=events.SCHEMA,
                version="0",
                workload="realistic",
                seed=0,
                started="2026-01-01T00:00:00+00:00",
                streams=[events.StreamState("orders")],
            ),
            id=np.arange(rows, dtype=np.int64),
            process=times.process[order].astype(np.int32),
            thread=times.thread[order].astype(np.int32),
            stream=np.zeros(rows, dtype=np.int32),
            kind=kind,
            outcome=outcome,
            invoked=times.invoked[order],
            intended=times.invoked[order],
            ended=times.ended[order],
            returned=np.where(indefinite, FOREVER, times.ended[order]),
            status=np.where(refused, 412, NONE).astype(np.int32),
            code=np.where(by_match, 0, np.where(refused, 1, np.where(indefinite, 2, NONE))).astype(np.int32),
            purpose=np.zeros(rows, dtype=np.int32),
            session=np.full(rows, NONE, dtype=np.int64),
            part_of=np.full(rows, NONE, dtype=np.int64),
            observed_tail=observed,
            observed_tail_timestamp=np.where(observed == NONE, NONE, self._stamp(observed - 1)),
            seq_num_mismatch=np.where(by_match, self._column(log.tail), NONE),
            token_mismatch=np.where(refused & ~by_match, self._column(log.token_before), NONE).astype(np.int32),
            appends=self._appends(kind, outcome, match, token),
            reads=self._answers(),
            tokens=self._tokens,
            codes=codes,
            purposes=[""],
        )

    def _column(self, values: Any, of_pages: int = NONE, dtype: Any = np.int64) -> Any:
        return np.concatenate((values, np.full(self._pages, of_pages))).astype(dtype)[self._order]

    def _stamp(self, position: Int64s) -> Int64s:
        """Return the timestamps (ms) of the records at these positions, 0 before the first record."""
        if not len(self._timestamp):
            return np.zeros(len(position), dtype=np.int64)
        return np.where(position < 0, 0, self._timestamp[np.clip(position, 0, len(self._timestamp) - 1)])

    def _appends(self, kind: Any, outcome: Any, match: Int64s, token: Int64s) -> Appends:
        log = self._log
        number = self._column(np.diff(log.offset), 0)
        record = _ranges(self._column(log.offset[:-1], 0), number)
        offset = np.concatenate(([0], np.cumsum(number)))
        acked = (kind == Kind.APPEND) & (outcome == Outcome.OK)
        start = np.where(acked, self._column(log.tail), NONE)
        end = np.where(acked, start + number, NONE)
        stamp = np.where(acked, self._stamp(start), NONE)
        return Appends(
            match_seq_num=match,
            token=token.astype(np.int32),
            offset=offset,
            digest=self._digest[record],
            size=self._size[record],
            last_fence=self._column(log.fence).astype(np.int32),
            start=start,
            end=end,
            tail=end,
            start_timestamp=stamp,
            end_timestamp=stamp,
            tail_timestamp=stamp,
            fences=_by_row(self._fences[record], offset),
            trims=_by_row(self._trims[record], offset),
            timestamps={},
        )

    def _answers(self) -> Reads:
        reads, order = self._reads, self._order
        rows = len(order)
        number = reads.number[order]
        seq_num = _ranges(reads.first[order], number)
        offset, record = np.concatenate(([0], np.cumsum(number))), self._log.source[seq_num]
        none = np.full(rows, NONE, dtype=np.int64)
        return Reads(
            from_seq_num=reads.start[order],
            from_timestamp=none,
            tail_offset=none,
            clamp=np.zeros(rows, dtype=np.bool_),
            count=reads.count[order],
            bytes=none,
            until=none,
            wait=np.where(reads.waits[order], 1, NONE),
            offset=offset,
            seq_num=seq_num,
            timestamp=self._stamp(seq_num),
            digest=self._digest[record],
            size=self._size[record],
            tail=none,
            hashed=np.zeros(rows, dtype=np.bool_),
            stream_hash=np.zeros(rows, dtype=np.uint64),
            fences=_by_row(self._fences[record], offset),
            trims=_by_row(self._trims[record], offset),
            contents={},
        )


def _before(after: Int64s, first: int) -> Int64s:
    """Return the state before each operation, given the state after it."""
    return np.concatenate(([first], after))[: len(after)]


def _ranges(starts: Int64s, lengths: Int64s) -> Int64s:
    """Return ``starts[i], …, starts[i] + lengths[i] - 1`` for each i, one after another."""
    ends = np.cumsum(lengths)
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(int(ends[-1]) if len(ends) else 0)


def _scatter(target: Int64s, starts: Int64s, values: Int64s, lengths: Int64s) -> None:
    """Set ``target[starts[i] + k] = values[i] + k`` for each k below ``lengths[i]``."""
    target[_ranges(starts, lengths)] = _ranges(values, lengths)


def _by_row(values: Int64s, offset: Int64s) -> dict[int, dict[int, int]]:
    """Return the values that are not NONE by row, then by the index in the row."""
    found: dict[int, dict[int, int]] = {}
    places = np.flatnonzero(values != NONE)
    rows = np.searchsorted(offset, places, side="right") - 1
    for row, index, value in zip(rows.tolist(), (places - offset[rows]).tolist(), values[places].tolist(), strict=True):
        found.setdefault(row, {})[index] = value
    return found
