"""The holes of a stream, and what answers ask of what fills them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Int64s

from ..kernel import spec
from ..kernel.columns import Requirements
from ..kernel.stops import demands_of
from .chain import Known
from .evidence import Evidence, missing_trims
from .hashes import Hashes


@dataclass(frozen=True, slots=True)
class Hole:
    """Positions ``[low, high)`` to be filled.

    ``wanted`` are the tokens of which one must be in force afterwards, unless a later hole sets it; empty if any may
    be. Records below ``gone`` have to be trimmed by then. ``hashed`` says that a hash of the contents is known.
    """

    low: int
    high: int
    wanted: frozenset[int]
    gone: int
    hashed: bool


class Wants:
    """What is asked of holes, where the stream began with ``token``."""

    def __init__(self, asked: Requirements, known: Known, evidence: Evidence, token: int, hashes: Hashes) -> None:
        self._asked = asked
        self._token = token
        self._hashes = hashes
        self._demanded = missing_trims(asked, known.start, evidence)
        self._fences(known.start)
        self._tokens(known, evidence)
        self._parts = self._divided(known, evidence.tails)

    def holes(self) -> list[Hole]:
        """The holes, ascending."""
        following, told = [low for low, _ in self._parts[1:]] + [FOREVER], self._hashes.told
        return [
            Hole(low, high, self._wanted(low, high, after), self._gone(low, high, after), told(low, high, after))
            for (low, high), after in zip(self._parts, following, strict=False)
        ]

    def in_force(self, at: int, held: int, since: int) -> int:
        """The token in force at a tail, where the last fence of a filling began at ``since`` and set ``held``."""
        i = bisect_right(self._fence_end, at) - 1
        return self._fence_token[i] if i >= 0 and self._fence_start[i] > since else held

    def _fences(self, start: Int64s) -> None:
        columns = self._asked.asked
        fences = np.flatnonzero((start != NONE) & (columns.fence != NONE))
        fences = fences[np.argsort(start[fences], kind="stable")]
        self._fence_start = start[fences].tolist()
        self._fence_end = (start[fences] + columns.high[fences] - columns.low[fences]).tolist()
        self._fence_token = columns.fence[fences].tolist()

    def _tokens(self, known: Known, evidence: Evidence) -> None:
        """Which token was in force where: at a tail, and at some tail of an interval."""
        columns = self._asked.asked
        self._sure_at, self._sure_token = (found.tolist() for found in demands_of(self._asked, known.start))
        refused = np.flatnonzero(columns.ask == spec.TOKEN_REFUSED)
        low, high, told = evidence.released[refused], evidence.latest[refused], columns.told[refused]
        base, span = self._asked.tail, known.end - self._asked.tail + 2
        tokens = np.array([self._token, *self._fence_token])
        order = np.argsort(tokens, kind="stable")
        tokens, begins = tokens[order], np.array([base, *self._fence_end])[order]
        ends = np.array([*self._fence_start, FOREVER])[order]
        wanted = (told + 2) * span + np.minimum(high - base, span - 1)
        i = np.searchsorted((tokens + 2) * span + begins - base, wanted, side="right") - 1
        open_ = np.flatnonzero((tokens[i] != told) | (ends[i] < low))
        self._demands = list(zip(low[open_].tolist(), high[open_].tolist(), told[open_].tolist(), strict=True))

    def _divided(self, known: Known, tails: Int64s) -> list[tuple[int, int]]:
        """What is not covered, cut where a tail was."""
        bare = np.flatnonzero(~known.covered) + self._asked.tail
        first, last = np.diff(bare, prepend=NONE - 1) > 1, np.diff(bare, append=FOREVER) > 1
        bounds = zip(bare[first].tolist(), (bare[last] + 1).tolist(), strict=True)
        inside = tails[(tails > self._asked.tail) & (tails < known.end)]
        exact = np.unique(inside[~known.covered[inside - self._asked.tail]]).tolist()
        parts = []
        for low, high in bounds:
            i = bisect_right(exact, low)
            while i < len(exact) and exact[i] < high:
                parts.append((low, exact[i]))
                low = exact[i]
                i += 1
            parts.append((low, high))
        return parts

    def _gone(self, low: int, high: int, following: int) -> int:
        """Up to where records were seen to be gone behind a hole, and before the next one, that nothing had trimmed.

        No trim reaches beyond itself.
        """
        seen = (gone for at, latest, gone in self._demanded if at <= following and low < latest and gone <= high)
        return max(seen, default=0)

    def _wanted(self, low: int, high: int, following: int) -> frozenset[int]:
        """The tokens that the next evidence asks for, if no fence comes before."""
        fence = bisect_left(self._fence_start, high)
        upto = self._fence_start[fence] if fence < len(self._fence_start) else FOREVER
        i = bisect_left(self._sure_at, high)
        if i < len(self._sure_at) and self._sure_at[i] <= upto:
            return frozenset((self._sure_token[i],))
        upto = min(upto, following)
        return frozenset(token for at, latest, token in self._demands if at <= upto and low < latest)
