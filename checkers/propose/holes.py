"""Fills what nobody knows the writer of with appends of unknown outcome, hole by hole, from left to right.

A hole is filled with what fits best: an append that asked for just this tail, one that gave the token in force, one
that sets the token that the next evidence asks for, one of the same size. A guess: another filling may be right, and
is asked for by its number. The general problem is NP-complete (3-PARTITION).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice, takewhile
from typing import Final

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Int64s

from ..kernel import spec
from ..kernel.columns import Requirements
from .candidates import Candidates
from .chain import Known
from .evidence import Evidence
from .hashes import Hashes
from .wants import Hole, Wants

NODES: Final = 400
"""Placements that are tried in one hole."""
HASHED: Final = 4000
"""The same where a hash tells the right one."""
NEAR: Final = 12
"""Appends of one kind that are tried at one position."""
BACKTRACKS: Final = 40
"""How often an earlier hole is filled otherwise."""
BLIND: Final = 1000
"""How often a hole is filled otherwise because the hash that is right behind the next one is not met."""
BACK: Final = 6
"""Holes before one that stays open that may be filled otherwise, so that something is left for it."""


@dataclass(frozen=True, slots=True)
class Otherwise:
    """How to fill a hole otherwise: without the ``barred`` appends, and passing over the first ``skipped`` ways."""

    barred: frozenset[int] = frozenset()
    skipped: int = 0

    def without(self, m: int) -> Otherwise:
        """The same, and without an append."""
        return Otherwise(self.barred | {m}, self.skipped)


class Filler:
    """Fills the holes of one stream."""

    def __init__(self, asked: Requirements, known: Known, evidence: Evidence, token: int) -> None:
        columns = asked.asked
        self._asked = asked
        self._seen = known.seen
        self._end = known.end
        self._token = token
        free = np.flatnonzero((columns.ask == spec.APPEND) & (columns.optional == 1) & (known.start == NONE))
        free = free[columns.high[free] > columns.low[free]]
        self._free = free.tolist()
        self._size = dict(zip(self._free, (columns.high[free] - columns.low[free]).tolist(), strict=True))
        self._match = dict(zip(self._free, columns.match[free].tolist(), strict=True))
        self._given = dict(zip(self._free, columns.token[free].tolist(), strict=True))
        self._fence = dict(zip(self._free, columns.fence[free].tolist(), strict=True))
        self._released = dict(zip(self._free, evidence.released[free].tolist(), strict=True))
        self._start: dict[int, int] = {}
        self._placed: set[int] = set()  # for good: a place in ``_start`` may only be tried
        self._latest = dict.fromkeys(self._free, FOREVER)
        self._before: dict[int, list[int]] = defaultdict(list)
        self._known = known.start
        self._trim = {
            m: int(asked.records.trim_to[columns.trim_low[m] : columns.trim_high[m]].max())
            for m in free[columns.trim_low[free] < columns.trim_high[free]].tolist()
        }
        self._hashes = Hashes(asked, known.start, known.end)
        self._endings: dict[tuple[Hole, int], dict[int, list[int]]] = {}
        self._wants = Wants(asked, known, evidence, token, self._hashes)
        self._barred: frozenset[int] = frozenset()
        self._near: int | None = NEAR
        self._only: frozenset[int] | None = None
        self._sizes = sorted(set(self._size.values()), reverse=True)
        self._fencing: dict[int, list[int]] = defaultdict(list)
        for m in self._free:
            if self._fence[m] != NONE:
                self._fencing[self._fence[m]].append(m)
        self._sessions(asked, known.start)
        self._candidates = Candidates()
        self.holes = self._wants.holes()

    def _sessions(self, asked: Requirements, start: Int64s) -> None:
        columns = asked.asked
        bounds = np.where(start != NONE, start, np.where(columns.ask == spec.MATCH_REFUSED, columns.at, NONE))
        for one, other, needs in asked.ahead[::-1].tolist():
            if one in self._size:
                bound = int(bounds[other]) if bounds[other] != NONE else self._latest.get(other, FOREVER)
                self._latest[one] = min(self._latest[one], bound)
            if other in self._size and needs:
                self._before[other].append(one)

    def _sorted_out(self) -> Candidates:
        found, sent, low = Candidates(), self._asked.records.sent, self._asked.asked.low
        for m in reversed(self._free):
            digests = sent[low[m] : low[m] + self._size[m]].tolist() if self._seen else ()
            found.put(
                m,
                match=self._match[m],
                token=self._given[m],
                fence=self._fence[m],
                size=self._size[m],
                trims=m in self._trim,
                digests=set(digests),
            )
        return found

    def fill(self, otherwise: Mapping[int, Otherwise], more: int = NONE) -> dict[int, int] | None:
        """Where each append that is used begins; None if a hole stays open.

        ``otherwise`` maps a hole (by index) to how it is to be filled, if not in the likeliest way. ``more`` is
        appended at the open end, if that is possible.
        """
        self._start, self._placed, self._candidates = {}, set(), self._sorted_out()
        given, otherwise = otherwise, dict(otherwise)
        before: list[tuple[int, int]] = []
        fillings: list[list[tuple[int, int]]] = []
        held, since, left, blind = self._token, NONE, BACKTRACKS, BLIND
        while len(fillings) < len(self.holes):
            number = len(fillings)
            hole = self.holes[number]
            how = otherwise.get(number, Otherwise())
            self._barred = how.barred
            self._near = NEAR if not any(one.hashed for one in self.holes[number : number + 2]) else None
            fillings_of = self._fillings(hole, self._wants.in_force(hole.low, held, since))
            found = next(islice(fillings_of, how.skipped, None), None)
            if found is None and how.skipped and number not in given:  # no way to fill it led to the hash
                otherwise[number], blind = given.get(number, Otherwise()), 0
                continue
            changed = NONE
            if found is None:
                helpful = self._helpful(hole, fillings) if left else None
                if helpful is None:
                    return None
                left -= 1
                changed, m = helpful
                otherwise[changed] = otherwise.get(changed, Otherwise()).without(m)
            elif (
                blind and number and hole.hashed and not self.holes[number - 1].hashed and not self._agrees(hole, found)
            ):
                blind, changed = blind - 1, number - 1
                how = otherwise.get(changed, Otherwise())
                otherwise[changed] = replace(how, skipped=how.skipped + 1)
            if found is None or changed != NONE:
                number = changed
                held, since = before[number]
                del before[number:], fillings[number:]
                self._start = dict(chain.from_iterable(fillings))
                self._placed, self._candidates = set(self._start), self._sorted_out()
                continue
            self._hashes.put(found)
            before.append((held, since))
            fillings.append(found)
            for m, at in found:
                self._start[m] = at
                self._placed.add(m)
                if self._fence[m] != NONE:
                    held, since = self._fence[m], at
        self._barred, self._only = frozenset(), None
        if more != NONE:
            if not self._fits(more, self._end, self._wants.in_force(self._end, held, since), FOREVER):
                return None
            self._start[more] = self._end
        return self._start

    def _helpful(self, hole: Hole, fillings: list[list[tuple[int, int]]]) -> tuple[int, int] | None:
        """What an earlier hole was filled with, and would fit into one that stays open."""
        self._start = dict(chain.from_iterable(fillings))
        for number in range(len(fillings) - 1, max(len(fillings) - 1 - BACK, -1), -1):
            for m, _ in fillings[number]:
                if self._size[m] <= hole.high - hole.low and self._match[m] == NONE:
                    return number, m
        return None

    def unused(self) -> list[int]:
        """What has not been placed, the latest first."""
        return [m for m in reversed(self._free) if m not in self._start]

    def others(self, hole: int) -> Iterator[Otherwise]:
        """How a hole may be filled otherwise than now: without all that is like one of its appends."""
        low, high = self.holes[hole].low, self.holes[hole].high
        for m in [m for m, at in self._start.items() if low <= at < high]:
            yield Otherwise(frozenset(other for other in self._free if self._kind(other) == self._kind(m)))

    def _kind(self, m: int) -> tuple[int, int, int]:
        return self._size[m], self._fence[m], self._trim.get(m, NONE)

    def _fillings(self, hole: Hole, token: int) -> Iterator[list[tuple[int, int]]]:
        """The ways to fill a hole, the best first: a wanted token behind it and no other set, then one behind it.

        Few appends are more likely than many.
        """
        wanted, same = hole.wanted or frozenset((token,)), frozenset((token,))
        goals: list[tuple[frozenset[int] | None, bool]] = []
        if token in wanted or any(m not in self._start for one in wanted for m in self._fencing.get(one, ())):
            goals += [(wanted, True), (wanted, False)]
        setting = (m for one in wanted - same for m in self._fencing.get(one, ()) if m not in self._start)
        steps = frozenset(self._given[m] for m in setting) - {NONE, token}
        goals += [(steps, True)] * bool(steps) + [(same, True)]
        for goal, calmly in (*goals, (None, False)):
            for most in (1, 2, hole.high - hole.low):
                self._nodes, self._only = HASHED if hole.hashed else NODES, goal if calmly else None
                for filling, after in self._tilings(hole, hole.low, token, [], most):
                    if goal is None or (after in goal and self._agrees(hole, filling)):
                        yield filling

    def _agrees(self, hole: Hole, filling: list[tuple[int, int]]) -> bool:
        """Has it the contents that a hash asks for, if there is one?"""
        if not hole.hashed:
            return True
        before, after = self._hashes.bounds(hole.low, hole.high)
        return self._hashes.after(before, filling) == after

    def _tilings(
        self, hole: Hole, at: int, token: int, chosen: list[tuple[int, int]], most: int
    ) -> Iterator[tuple[list[tuple[int, int]], int]]:
        if at == hole.high:
            yield list(chosen), token
            return
        if not most:
            return
        last = most == 1
        options = self._options(hole, at, token, last)
        if last and chosen and hole.hashed:
            options = iter([m for m in self._completing(hole, at, chosen) if self._fits(m, at, token, hole.high - at)])
        for m in options:
            if last and self._size[m] != hole.high - at:
                continue
            self._nodes -= 1
            if self._nodes < 0:
                return
            self._start[m] = at
            chosen.append((m, at))
            after = self._fence[m] if self._fence[m] != NONE else token
            yield from self._tilings(hole, at + self._size[m], after, chosen, most - 1)
            chosen.pop()
            del self._start[m]

    def _completing(self, hole: Hole, at: int, chosen: list[tuple[int, int]]) -> list[int]:
        """What fills the rest of a hole such that the hash behind it is right."""
        before, after = self._hashes.bounds(hole.low, hole.high)
        if (hole, at) not in self._endings:
            endings = self._endings[hole, at] = defaultdict(list)
            for m in self._free:
                if self._size[m] == hole.high - at:
                    endings[self._hashes.before(m, after)].append(m)
        return self._endings[hole, at].get(self._hashes.after(before, chosen), [])

    def _options(self, hole: Hole, at: int, token: int, last: bool) -> Iterator[int]:
        """What may come next, the best first; of those that are alike, a few. The ``last`` one has to fill the hole."""
        room = hole.high - at
        return chain.from_iterable(
            islice((m for m in self._released_of(source, at) if self._fits(m, at, token, room)), self._near)
            for source in self._sources(hole, at, token, last)
        )

    def _sources(self, hole: Hole, at: int, token: int, last: bool) -> Iterator[list[int]]:
        held, room = self._candidates, hole.high - at
        if at in self._seen:
            yield held.by_digest.get(self._seen[at], [])
            return
        later = next((p for p in range(at, hole.high) if p in self._seen), NONE) if self._seen else NONE
        if later != NONE:
            yield held.by_digest.get(self._seen[later], [])
        yield held.by_match.get(at, [])
        for wanted in hole.wanted:
            yield held.by_fence.get(wanted, [])
        if hole.gone:
            reaching = (m for m, to in reversed(self._trim.items()) if min(to, at + self._size[m]) >= hole.gone)
            yield [m for m in reaching if m not in self._start and self._released[m] <= at]
        yield held.by_token.get((token, False), [])
        for size in (room,) if last else (size for size in self._sizes if size <= room):
            yield held.by_size.get(size, [])
            yield held.trimming.get(size, [])
        yield held.by_token.get((token, True), [])
        yield held.by_fence.get(token, [])
        yield held.fencing

    def _released_of(self, source: list[int], at: int) -> Iterator[int]:
        """Those that had been invoked by a tail, the first one first."""
        while source and source[-1] in self._placed:
            source.pop()
        return takewhile(lambda m: self._released[m] <= at, reversed(source))

    def _fits(self, m: int, at: int, token: int, room: int) -> bool:
        """May this append have been applied at a tail with ``room`` behind it?"""
        size = self._size[m]
        if (
            m in self._start
            or m in self._barred
            or size > room
            or self._released[m] > at
            or self._latest[m] < at + size
        ):
            return False
        if self._only is not None and self._fence[m] not in self._only and self._fence[m] not in (NONE, token):
            return False
        if self._match[m] not in (NONE, at) or self._given[m] not in (NONE, token):
            return False
        for before in self._before.get(m, ()):
            placed = self._start.get(before, int(self._known[before]))
            if before in self._size and not NONE != placed < at:
                return False
        if self._seen and any(p in self._seen for p in range(at, at + size)):
            low, sent = int(self._asked.asked.low[m]), self._asked.records.sent
            return all(self._seen.get(at + i, (d := int(sent[low + i]))) == d for i in range(size))
        return True
