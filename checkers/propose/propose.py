"""Orders that may explain a stream, the likeliest first.

Acknowledgements and reads say where most appends took effect (:mod:`.chain`), holes are filled by guessing
(:mod:`.holes`), every other moment then has a least place (:mod:`.tails`), and sorted by place they are an order. Where
one moment finds no place, a hole before it is filled otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from fencepost.harness.history.history import NONE, Int64s

from ..kernel import log as logs
from ..kernel import spec
from ..kernel.accept import Order
from ..kernel.answers import by_invocation
from ..kernel.columns import Requirements, listed
from ..kernel.contradiction import Refuted
from ..kernel.stops import demands_of
from . import tails
from .chain import Known, known
from .evidence import Evidence
from .holes import Filler, Otherwise
from .states import chain_of, last_states

TOKENS: Final = 4
"""First tokens that are tried where nobody says which it was."""
ROUNDS: Final = 10
"""How often places are found anew because of what is ordered beyond the clock, or gone."""
WORK: Final = 1_000_000
"""Moments that are placed in all, to try other fillings."""
MOST: Final = 100
"""Other fillings that are tried."""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """An order that is wrong; what comes before may be right. The moments ``wrong`` have no place in it."""

    order: Order
    wrong: Int64s


def propose(asked: Requirements, rows: Int64s) -> Iterator[Order | Doubtful | None]:
    """Orders of the moments of a stream; ``rows`` are its rows, ascending.

    They are guesses, one after another, for whoever accepts none of those before. It is None where one came to nothing,
    or doubtful: whoever waits may do something else first.
    """
    told = known(asked)
    if told is None:
        return
    proven = Evidence(asked, told.start)
    for token in _first_tokens(asked, told, proven):
        guesser = _Guesser(asked, rows, proven, token)
        if told.covered.all():
            yield guesser.guess(told.start).order
        if asked.asked.optional.any():
            yield from _filled(asked, told, Filler(asked, told, proven, token), guesser)


def _filled(asked: Requirements, told: Known, filler: Filler, guesser: _Guesser) -> Iterator[Order | Doubtful | None]:
    """Guesses with holes filled; each time the best so far is changed in one place."""
    best, furthest, left = _Variation(), NONE - 1, min(MOST, WORK // max(len(asked), 1)) + 1
    variations: Iterator[_Variation] = iter((best,))
    while left and (variation := next(variations, None)) is not None:
        filled = filler.fill(variation.holes, variation.more)
        left -= 1
        if filled is None:
            yield None
            continue
        start = told.start.copy()
        start[list(filled)] = list(filled.values())
        guess = guesser.guess(start)
        yield guess.order
        if guess.failed > furthest:
            best, furthest = variation, guess.failed
            variations = iter(list(_variations(filler, best, guess.tail)))


@dataclass(frozen=True, slots=True)
class _Variation:
    """Which ``holes`` (by index) are filled otherwise, and what is appended at the open end, NONE for nothing."""

    holes: Mapping[int, Otherwise] = field(default_factory=dict)
    more: int = NONE


def _variations(filler: Filler, best: _Variation, tail: int) -> Iterator[_Variation]:
    """What else to try: other fillings of holes, those just before a tail first; an append at the open end."""
    before = [i for i, hole in enumerate(filler.holes) if hole.low < tail][-4:][::-1]
    after = [i for i, hole in enumerate(filler.holes) if hole.low >= tail][:4]
    for hole in before + after:
        for other in filler.others(hole):
            barred = best.holes.get(hole, Otherwise()).barred | other.barred
            yield replace(best, holes={**best.holes, hole: replace(other, barred=barred)})
    for m in filler.unused()[:20]:
        yield replace(best, more=m)


@dataclass(frozen=True, slots=True)
class _Guess:
    """An order, or the first moment that has no place, and the tail near which that was."""

    order: Order | Doubtful | None
    failed: int
    tail: int


class _Guesser:
    """Finds the place of each moment, given where appends took effect."""

    def __init__(self, asked: Requirements, rows: Int64s, proven: Evidence, token: int) -> None:
        self._asked = asked
        self._rows = rows
        self._token = token
        self._latest = proven.latest
        self._order = by_invocation(asked)
        self._loops: Any = tails
        if asked.is_many:
            from ..kernel.compiled import plain
            from . import compiled_tails

            self._columns, self._records, self._loops = plain(asked.asked), plain(asked.records), compiled_tails
        else:
            self._columns, self._records = asked.listed

    def guess(self, start: Int64s) -> _Guess:
        """The order with appends at ``start`` (NONE: not applied)."""
        made = chain_of(self._asked, start, self._token)
        if made is None:
            return _Guess(None, NONE, NONE)
        chain, appends = made
        try:
            log, latest = self._log(chain.tail)
        except Refuted:
            return _Guess(None, NONE, NONE)
        number = len(self._asked)
        applied = np.full(number, NONE, dtype=np.int64)
        applied[appends] = np.arange(len(appends))
        places = tails.Places(
            applied=applied,
            least=np.zeros(number, dtype=np.int64),
            key=np.full(number, NONE, dtype=np.int64),
            first=self._first(),
            latest=last_states(chain, self._latest),
            by_return=self._asked.by_return,
            order=self._order,
            wrong=np.zeros(number, dtype=np.int64),
        )
        places, failed = self._settled(log, chain, places)
        key = np.asarray(places.key, dtype=np.int64)
        there = np.flatnonzero(key != NONE)
        order = Order(there[np.argsort(key[there], kind="stable")], self._token, latest)
        if failed == NONE:
            return _Guess(order, NONE, int(chain.tail[-1]))
        state = min(int(key[failed]) // tails.width(number), int(places.latest[failed]), len(chain.tail) - 1)
        return _Guess(Doubtful(order, np.flatnonzero(places.wrong)), failed, int(chain.tail[state]))

    def _settled(self, log: spec.Log, chain: tails.Chain, places: tails.Places) -> tuple[tails.Places, int]:
        loops, columns, records = self._loops, self._columns, self._records
        slots = len(log.lower) + min(int(chain.floor[-1]), int(chain.tail[-1])) - int(log.base[0])
        state: Any = np.zeros(spec.STATE, dtype=np.int64)
        state[spec.HASHED] = NONE
        tree: Any = np.full(2 * slots, NONE, dtype=np.int64)
        if not self._asked.is_many:
            log, chain, places = listed(log), listed(chain), listed(places)
            state, tree = state.tolist(), tree.tolist()
        ahead, failed = self._asked.ahead.tolist(), NONE
        for _ in range(ROUNDS):
            failed = int(loops.place(columns, records, log, chain, places, state))
            changed = failed == NONE and _ahead(ahead, places)
            if failed == NONE and slots:
                changed |= bool(loops.settle(columns, records, log, chain, places, tree))
            if not changed:
                break
        return places, failed

    def _first(self) -> Int64s:
        """Of each read that begins apart, the first record that it returned."""
        columns = self._asked.asked
        first = np.full(len(self._asked), NONE, dtype=np.int64)
        told = np.flatnonzero((columns.begun != NONE) & (columns.high > columns.low))[::-1]
        first[columns.begun[told]] = self._asked.records.seq_num[columns.low[told]]
        return first

    def _log(self, tail: Int64s) -> tuple[spec.Log, list[tuple[int, int]]]:
        """The log with room for every append, and bounds of timestamps. Contents are left to who accepts."""
        columns, base = self._asked.asked, self._asked.tail
        number = int(tail[-1]) - base
        latest: list[tuple[int, int]] = []
        if base or (columns.since != NONE).any() or (columns.until != NONE).any():
            log, _ = logs.begin(self._asked, self._rows, number, self._token)
            latest = self._caps(log)
            if latest:
                log, _ = logs.begin(self._asked, self._rows, number, self._token, latest)
        else:
            empty = np.zeros(0, dtype=np.int64)
            log = spec.Log(
                base=np.array([base, int(self._asked.history.header.retention_ms is not None)]),
                lower=empty,
                digest=empty,
                known=np.zeros(number, dtype=np.int64),
                size=np.zeros(number, dtype=np.int64),
                stamp=np.zeros(number, dtype=np.int64),
                present=np.arange(number + 1),
                boundary=np.zeros(number + 1, dtype=np.int64),
                begun=np.full(len(self._asked), NONE, dtype=np.int64),
            )
        log.boundary[tail - base] = 1
        return log, latest

    def _caps(self, log: spec.Log) -> list[tuple[int, int]]:
        """Timestamps that nobody reported, and that reads by timestamp need to be earlier."""
        columns, records, found = self._asked.asked, self._asked.records, []
        reads = np.flatnonzero((columns.since != NONE) & (columns.after == NONE))
        position, stamp, _ = logs.reported(self._asked, self._rows)
        for m in reads.tolist():
            low, high, since = int(columns.low[m]), int(columns.high[m]), int(columns.since[m])
            if high > low:
                last = int(records.seq_num[low]) - 1
            elif columns.ask[m] == spec.OUT_OF_RANGE:
                last = int(columns.at[m]) - 1
            else:
                continue
            slot = spec.slot(log, last) if last >= 0 else NONE
            earliest = int(stamp[position <= last].max(initial=NONE))
            if NONE < slot < len(log.stamp) and log.stamp[slot] >= since > earliest:
                found.append((last, since - 1))
        return found


def _ahead(ahead: list[list[int]], places: tails.Places) -> bool:
    """Whether anything has to move for what is ordered beyond the clock."""
    changed = False
    for one, other, _ in ahead:
        least = int(places.key[one]) + 1
        if places.key[one] != NONE and places.key[other] != NONE and places.key[other] < least:
            places.least[other] = max(int(places.least[other]), least)
            changed = True
    return changed


def _first_tokens(asked: Requirements, told: Known, proven: Evidence) -> Iterable[int]:
    """What the header declares; else what was in force before the first fence, by what answers tell, and others."""
    declared, columns = asked.history.header.streams[asked.stream].fencing_token, asked.asked
    if declared is not None:
        return (logs.number(asked.history, declared),)
    fences = told.start[(told.start != NONE) & (columns.fence != NONE)]
    upto = int(fences.min(initial=told.end))
    at, demanded = demands_of(asked, told.start)
    first = demanded[at <= upto][:1].tolist()
    refused = np.flatnonzero(columns.ask == spec.TOKEN_REFUSED)
    refused = refused[np.argsort(proven.latest[refused], kind="stable")]
    given = columns.token[(columns.optional == 1) & (columns.token != NONE)]
    return list(dict.fromkeys([*first, *columns.told[refused].tolist(), *given.tolist(), logs.ANOTHER]))[:TOKENS]
