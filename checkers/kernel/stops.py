"""The tails that there may have been, and the tokens and trim points that may have been there.

Between certain appends lie holes. Which appends of unknown outcome filled one is left open: any may have that fits and
had been invoked in time, with the token that it sets and the trims that it holds. Only their sizes must add up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NoReturn

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Int64s

from . import spec
from .answers import reads
from .columns import Mask, Requirements
from .contradiction import contradict
from .facts import Facts, ascending, earliest, told_tails, trimming
from .least import Stops
from .log import ANOTHER

MOST: Final = 1 << 14
"""In a longer hole any tail is possible."""


def all_stops(asked: Requirements, facts: Facts, low: Int64s, tokens: Sequence[int]) -> Stops:
    """Every tail that there may have been. Raises Refuted where nothing can fill a hole.

    ``low`` is the least tail that there was after each moment, as its own answer says, and the first token one of
    ``tokens``.
    """
    fences = facts.chain[asked.asked.fence[facts.chain] != NONE]
    begins = np.append(facts.place[fences], FOREVER)
    ends = facts.ends[asked.asked.fence[facts.chain] != NONE]
    sets = asked.asked.fence[fences]
    runs: dict[int, Int64s] = dict(zip(ends.tolist(), sets[:, None], strict=True))
    demanded, demands = demands_of(asked, facts.place)
    candidates = _Candidates(asked, facts, low)
    tails, holes_by = [facts.ends, facts.tails], [(asked.tail, asked.tail, NONE)]
    holes = [(asked.tail, asked.tail), *facts.holes(asked), (facts.top, FOREVER)]
    held, since = np.array(tokens, dtype=np.int64), NONE
    for (start, end), following in zip(holes, [*(hole[0] for hole in holes[1:]), FOREVER], strict=True):
        fence = int(np.searchsorted(ends, start, side="right"))
        if fence and ends[fence - 1] > since:
            held = sets[fence - 1 : fence]
        if start < end:
            those, held = candidates.of(start, end, held)
            inside = start + _sums(candidates.size[those], end - start)
            tails.append(inside[inside <= asked.tail + len(facts.content)])  # all that was sent reaches no further
            if end != FOREVER and end not in tails[-1]:
                _cannot(asked, facts, start, end)
            runs[start + 1] = held
            trim, time = candidates.trim[those].max(initial=0), candidates.invoked[those].min(initial=FOREVER)
            holes_by.append((start + 1, max(holes_by[-1][1], int(trim)), max(holes_by[-1][2], int(time))))
        # What is demanded before anything else can have set a token was in force all along.
        k = int(np.searchsorted(demanded, end))
        if k < len(demanded) and demanded[k] <= min(following, begins[fence]) and demands[k] in held:
            held = demands[k : k + 1]
        runs[start + 1 if end == FOREVER else end] = held
        since = end
    candidates.respect_sessions(asked, facts)
    at = sorted(runs)
    found = ascending(np.concatenate(tails))
    begin, trim, time = np.array(holes_by, dtype=np.int64).T
    hole = np.searchsorted(begin, found, side="right") - 1
    return Stops(
        tail=found,
        floor=_floors(asked, facts, found, trim[hole]),
        time=time[hole],
        run=np.searchsorted(at, found, side="right") - 1,
        low=np.concatenate(([0], np.cumsum([len(runs[tail]) for tail in at], dtype=np.int64))),
        token=np.concatenate([runs[tail] for tail in at]),
    )


def demands_of(asked: Requirements, place: Int64s) -> tuple[Int64s, Int64s]:
    """Tails, ascending, at which a token was certainly in force, and the tokens.

    Those are of appends that took effect at a ``place``, and of refusals for another reason.
    """
    columns = asked.asked
    at = np.where(columns.ask == spec.MATCH_REFUSED, columns.at, place)
    sure = np.flatnonzero((at != NONE) & (columns.token != NONE))
    sure = sure[np.argsort(at[sure], kind="stable")]
    return at[sure], columns.token[sure]


class _Candidates:
    """Appends of unknown outcome that may fill holes, as columns; ``earliest`` is the end of the first for each."""

    def __init__(self, asked: Requirements, facts: Facts, low: Int64s) -> None:
        columns = asked.asked
        free = facts.free[columns.high[facts.free] > columns.low[facts.free]]
        self.moment = free = free[np.argsort(columns.invoked[free], kind="stable")]
        self.size = columns.high[free] - columns.low[free]
        self.match, self.fence, self.token = columns.match[free], columns.fence[free], columns.token[free]
        self.invoked = columns.invoked[free]
        self.tokens = len(asked.history.tokens) - ANOTHER
        self.trim = np.full(len(free), asked.tail, dtype=np.int64)
        np.maximum.at(self.trim, *trimming(asked, free, facts.place[free]))
        self.earliest = np.full(len(free), FOREVER, dtype=np.int64)
        certain = np.flatnonzero(facts.certain)
        self.first = earliest(asked, low)[free]
        self.last = np.full(len(asked), FOREVER, dtype=np.int64)
        one, other, _ = asked.ahead.T
        known = (columns.ask[other] == spec.MATCH_REFUSED) | (facts.place[other] != NONE)
        np.minimum.at(self.last, one[known], np.maximum(columns.at, facts.place)[other[known]])
        self.last = self.last[free]
        by_tail = certain[np.argsort(low[certain], kind="stable")]
        self.tails = low[by_tail]
        self.times = np.append(np.minimum.accumulate(columns.returned[by_tail][::-1])[::-1], FOREVER)

    def of(self, low: int, high: int, held: Int64s) -> tuple[Int64s, Int64s]:
        """Those that may have been applied within a hole, where one of the tokens was held; the tokens after it."""
        time = self.times[np.searchsorted(self.tails, high)]  # by then somebody was past it
        early = slice(int(np.searchsorted(self.invoked, time, side="right")))
        match, last = self.match[early], np.minimum(self.last[early], high) - self.size[early]
        fits: Mask = np.maximum(self.first[early], low) <= last
        fits &= (match == NONE) | ((match >= low) & (match <= last))
        fitting, possible, before = np.flatnonzero(fits), np.zeros(self.tokens, dtype=np.bool_), -1
        possible[held - ANOTHER] = possible[NONE - ANOTHER] = True
        those = fitting
        while before != (before := int(np.count_nonzero(possible))):
            those = fitting[possible[self.token[fitting] - ANOTHER]]
            possible[self.fence[those] - ANOTHER] = True
        self.earliest[those] = np.minimum(self.earliest[those], high)
        possible[NONE - ANOTHER] = False
        return those, np.flatnonzero(possible) + ANOTHER

    def respect_sessions(self, asked: Requirements, facts: Facts) -> None:
        """A certain append has its place behind a hole that each before it in its session may have filled."""
        one, other, _ = asked.ahead.T
        mine = (facts.place[other] != NONE) & np.isin(one, self.moment)
        earliest = dict(zip(self.moment.tolist(), self.earliest.tolist(), strict=True)) if mine.any() else {}
        for before, m in zip(one[mine].tolist(), other[mine].tolist(), strict=True):
            if earliest[before] > facts.place[m]:
                why = "was applied, although the batch before it in its session cannot have been"
                contradict(asked, "session", [m, before], why)


def _sums(sizes: Int64s, length: int) -> Int64s:
    """The distances up to ``length`` that some of the sizes make together, if others make the rest of it."""
    upto = min(length, int(sizes.sum()))
    if upto > MOST:
        return np.arange(upto + 1)
    sums, every = 1, (1 << upto + 1) - 1
    copies = np.bincount(sizes)
    for size in np.flatnonzero(copies).tolist():
        for _ in range(min(int(copies[size]), upto // size)):
            sums |= sums << size & every
    made = np.unpackbits(np.frombuffer(sums.to_bytes(upto // 8 + 1, "little"), np.uint8), bitorder="little")[: upto + 1]
    return np.flatnonzero(made & made[::-1] if made[-1] else made)


def _cannot(asked: Requirements, facts: Facts, low: int, high: int) -> NoReturn:
    told, starts, columns = told_tails(asked), facts.place[facts.chain], asked.asked
    after = [*facts.chain[starts == high].tolist(), *np.flatnonzero(told == high)[:1].tolist()]
    if after and columns.optional[after[0]]:  # it has no answer to accuse; the read that returned its record has
        seen = facts.seen[high - asked.tail : facts.ends[starts == high][0] - asked.tail].max()
        after[:0] = np.flatnonzero(reads(asked) & (columns.low <= seen) & (seen < columns.high)).tolist()
    before = [*facts.chain[facts.ends == low].tolist(), *np.flatnonzero(told == low)[:1].tolist()]
    why = f"shows {high} as a tail, but nothing of unknown outcome can fill [{low}, {high})"
    contradict(asked, "hole", [*after[:1], *before[:1]], why, low)


def _floors(asked: Requirements, facts: Facts, tails: Int64s, trims: Int64s) -> Int64s:
    """The highest trim point that there may have been at each tail; ``trims`` are those of unknown outcome."""
    if asked.history.header.retention_ms is not None:
        return tails.copy()
    floor = np.full(len(tails), asked.tail, dtype=np.int64)
    trim, to = trimming(asked, facts.chain, facts.place[facts.chain])
    np.maximum.at(floor, np.searchsorted(tails, facts.ends[trim]), to)
    return np.maximum(np.maximum.accumulate(floor), np.minimum(trims, tails))
