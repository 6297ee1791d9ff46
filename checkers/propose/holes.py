"""Fills what nobody knows the writer of with appends of unknown outcome, hole by hole, from left to right.

A hole is filled with what fits best: an append that asked for just this tail, one that gave the token in force, one
that sets the token that the next evidence asks for, one of the same size. A guess: another filling may be right, and
is asked for by its number. The general problem is NP-complete (3-PARTITION).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, takewhile
from typing import Final

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Int64s

from ..kernel import spec
from ..kernel.columns import Requirements
from .chain import Known
from .evidence import Evidence

NODES: Final = 400
"""Placements that are tried in one hole."""
NEAR: Final = 12
"""Appends of one kind that are tried at one position."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Positions ``[low, high)`` to be filled. Unless ``wanted`` is empty, one of these tokens is in force behind it."""

    low: int
    high: int
    wanted: frozenset[int]


@dataclass(slots=True)
class Candidates:
    """The appends (moments) that may fill holes, by what singles them out, each list by invocation, the last first."""

    by_match: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_token: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_fence: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_size: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_digest: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))


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
        self._start = {}  # of those that have been placed
        self._latest = dict.fromkeys(self._free, FOREVER)
        self._before: dict[int, list[int]] = defaultdict(list)
        self._known = known.start
        self._largest = max(self._size.values(), default=0)
        self._needed: list[int] = []
        self._sessions(asked, known.start)
        self._candidates = Candidates()
        self._placed: set[int] = set()
        self._fences(known.start)
        self._wants(known.start, evidence)
        self.holes = self._holes(known, evidence.tails)

    def _sessions(self, asked: Requirements, start: Int64s) -> None:
        columns = asked.asked
        bounds = np.where(start != NONE, start, np.where(np.isin(columns.ask, (spec.MATCH_REFUSED,)), columns.at, NONE))
        for one, other, needs in asked.ahead[::-1].tolist():
            if one in self._size:
                if bounds[other] != NONE:
                    self._latest[one] = min(self._latest[one], int(bounds[other]))
                    if needs:
                        self._needed.append(one)
                elif other in self._size:
                    self._latest[one] = min(self._latest[one], self._latest[other])
                    if other in self._needed:
                        self._needed.append(one)
            if other in self._size and needs:
                self._before[other].append(one)
        self._needed.reverse()

    def _sorted_out(self) -> Candidates:
        found, sent = Candidates(), self._asked.records.sent
        low = self._asked.asked.low
        for m in reversed(self._free):
            if self._match[m] != NONE:
                found.by_match[self._match[m]].append(m)
            elif self._given[m] != NONE:
                found.by_token[self._given[m]].append(m)
            elif self._fence[m] != NONE:
                found.by_fence[self._fence[m]].append(m)
            else:
                found.by_size[self._size[m]].append(m)
            if self._seen:
                for digest in set(sent[low[m] : low[m] + self._size[m]].tolist()):
                    found.by_digest[digest].append(m)
        return found

    def _fences(self, start: Int64s) -> None:
        columns = self._asked.asked
        fences = np.flatnonzero((start != NONE) & (columns.fence != NONE))
        fences = fences[np.argsort(start[fences], kind="stable")]
        self._fence_start = start[fences].tolist()
        self._fence_end = (start[fences] + columns.high[fences] - columns.low[fences]).tolist()
        self._fence_token = columns.fence[fences].tolist()

    def _wants(self, start: Int64s, evidence: Evidence) -> None:
        """Which token was in force where: at a tail, and at some tail of an interval."""
        columns = self._asked.asked
        at = np.where(start != NONE, start, np.where(columns.ask == spec.MATCH_REFUSED, columns.at, NONE))
        sure = np.flatnonzero((at != NONE) & (columns.token != NONE))
        sure = sure[np.argsort(at[sure], kind="stable")]
        self._sure_at, self._sure_token = at[sure].tolist(), columns.token[sure].tolist()
        refused = np.flatnonzero(columns.ask == spec.TOKEN_REFUSED)
        slots: dict[int, list[tuple[int, int]]] = defaultdict(list)
        begins, ends = [self._asked.tail, *self._fence_end], [*self._fence_start, FOREVER]
        for begin, end, token in zip(begins, ends, [self._token, *self._fence_token], strict=True):
            slots[token].append((begin, end))
        self.demands: list[tuple[int, int, int]] = []
        for low, high, token in zip(
            evidence.released[refused].tolist(),
            evidence.latest[refused].tolist(),
            columns.told[refused].tolist(),
            strict=True,
        ):
            i = bisect_right(slots[token], (high, FOREVER)) - 1
            if i < 0 or slots[token][i][1] < low:
                self.demands.append((low, high, token))

    def _holes(self, known: Known, tails: Int64s) -> list[Hole]:
        edges = np.flatnonzero(np.diff(np.concatenate(([True], known.covered, [True])).astype(np.int8)))
        bounds = (edges + self._asked.tail).reshape(-1, 2).tolist()
        exact = tails.tolist()
        parts = []
        for low, high in bounds:
            i = bisect_right(exact, low)
            while i < len(exact) and exact[i] < high:
                parts.append((low, exact[i]))
                low = exact[i]
                i += 1
            parts.append((low, high))
        return [
            Hole(low, high, self._wanted(low, high, parts[i + 1][0] if i + 1 < len(parts) else FOREVER))
            for i, (low, high) in enumerate(parts)
        ]

    def _wanted(self, low: int, high: int, following: int) -> frozenset[int]:
        """The tokens that the next evidence asks for, if no fence and no other hole comes before."""
        fence = bisect_left(self._fence_start, high)
        upto = min(following, self._fence_start[fence] if fence < len(self._fence_start) else FOREVER)
        i = bisect_left(self._sure_at, high)
        if i < len(self._sure_at) and self._sure_at[i] <= upto:
            return frozenset((self._sure_token[i],))
        return frozenset(token for at, latest, token in self.demands if at <= upto and low < latest)

    def fill(self, choices: dict[int, int], more: int = NONE) -> dict[int, int] | None:
        """Where each append that is used begins; None if a hole stays open.

        ``choices`` maps a hole (by index) to the number of its filling, 0 for the first. ``more`` is appended at the
        open end, if that is possible.
        """
        self._start, self._placed, self._candidates = {}, set(), self._sorted_out()
        held, since = self._token, NONE
        for number, hole in enumerate(self.holes):
            token = self._in_force(hole.low, held, since)
            choice = choices.get(number, 0)
            found = next(islice(self._fillings(hole, token), choice, None), None)
            if found is None:
                return None
            for m, at in found:
                self._start[m] = at
                self._placed.add(m)
                if self._fence[m] != NONE:
                    held, since = self._fence[m], at
        if more != NONE and not self._append(more, self._in_force(self._end, held, since)):
            return None
        return self._start

    def _append(self, m: int, token: int) -> bool:
        at = self._end
        if not self._fits(m, at, token, FOREVER):
            return False
        self._start[m] = at
        return True

    def unused(self) -> list[int]:
        """What has not been placed, the latest first."""
        return [m for m in reversed(self._free) if m not in self._start]

    def _in_force(self, at: int, held: int, since: int) -> int:
        """The token in force at a tail, where the last fence of a filling began at ``since`` and set ``held``."""
        i = bisect_right(self._fence_end, at) - 1
        return self._fence_token[i] if i >= 0 and self._fence_start[i] > since else held

    def _fillings(self, hole: Hole, token: int) -> Iterator[list[tuple[int, int]]]:
        """The ways to fill a hole, the best first: those that set a wanted token, then others."""
        wanted = hole.wanted or {token}
        for rest in (False, True):
            self._nodes = NODES
            for filling, after in self._tilings(hole, hole.low, token, []):
                if (after in wanted) != rest:
                    yield filling

    def _tilings(
        self, hole: Hole, at: int, token: int, chosen: list[tuple[int, int]]
    ) -> Iterator[tuple[list[tuple[int, int]], int]]:
        if at == hole.high:
            yield list(chosen), token
            return
        for m in self._options(hole, at, token):
            self._nodes -= 1
            if self._nodes < 0:
                return
            self._start[m] = at
            chosen.append((m, at))
            after = self._fence[m] if self._fence[m] != NONE else token
            yield from self._tilings(hole, at + self._size[m], after, chosen)
            chosen.pop()
            del self._start[m]

    def _options(self, hole: Hole, at: int, token: int) -> list[int]:
        """What may come next, the best first; of those that are alike, a few."""
        held, room = self._candidates, hole.high - at
        needed = [m for m in self._needed if m not in self._start and self._released[m] <= at]
        if at in self._seen:
            sources = [held.by_digest.get(self._seen[at], [])]
        else:
            sources = [*self._seen_later(hole, at), held.by_match.get(at, [])]
            sources += [held.by_fence[wanted] for wanted in hole.wanted if wanted in held.by_fence]
            sources.append(held.by_token.get(token, []))
            sizes = [room, *range(min(room - 1, self._largest), 0, -1)]
            sources += [held.by_size[size] for size in sizes if size in held.by_size]
            sources += self._other_fences(hole, token)
        found = [m for m in needed if self._fits(m, at, token, room)]
        for source in sources:
            found += islice((m for m in self._released_of(source, at) if self._fits(m, at, token, room)), NEAR)
        if self._needed:
            found.sort(key=lambda m: (self._latest[m], self._match[m] == NONE))
        return list(dict.fromkeys(found))

    def _released_of(self, source: list[int], at: int) -> Iterator[int]:
        """Those that had been invoked by a tail, the first one first."""
        while source and source[-1] in self._placed:
            source.pop()
        return takewhile(lambda m: self._released[m] <= at, reversed(source))

    def _seen_later(self, hole: Hole, at: int) -> list[list[int]]:
        later = next((p for p in range(at, hole.high) if p in self._seen), None)
        if later is None:
            return []
        return [self._candidates.by_digest.get(self._seen[later], [])]

    def _other_fences(self, hole: Hole, token: int) -> list[list[int]]:
        fences = self._candidates.by_fence
        first = [fences[token]] if token in fences else []
        return first + [found for other, found in islice(fences.items(), 50) if other not in hole.wanted | {token}]

    def _fits(self, m: int, at: int, token: int, room: int) -> bool:
        """May this append have been applied at a tail with ``room`` behind it?"""
        size = self._size[m]
        if m in self._start or size > room or self._released[m] > at or self._latest[m] < at + size:
            return False
        if self._match[m] not in (NONE, at) or self._given[m] not in (NONE, token):
            return False
        for before in self._before.get(m, ()):
            placed = self._start.get(before, int(self._known[before]))
            if before in self._size and not NONE != placed < at:
                return False
        if self._seen:
            low, sent = int(self._asked.asked.low[m]), self._asked.records.sent
            return all(self._seen.get(at + i, (d := int(sent[low + i]))) == d for i in range(size))
        return True
