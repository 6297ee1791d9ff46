"""Whether a hole was filled with the right contents, by the hash that a read of the whole stream told later."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

import numpy as np

from fencepost.harness.history.chain_hash import EMPTY, fold
from fencepost.harness.history.history import NONE, Int64s

from ..kernel import spec
from ..kernel.columns import Requirements, spans
from .unfolding import unfolded


class Hashes:
    """The contents of a stream as far as they are known, and the hashes that were told of it."""

    def __init__(self, asked: Requirements, start: Int64s, end: int) -> None:
        columns, self._base = asked.asked, asked.tail
        whole = np.flatnonzero(columns.ask == spec.WHOLE)
        told = dict(zip(columns.at[whole].tolist(), columns.hash[whole].view(np.uint64).tolist(), strict=True))
        if self._base == 0 and told:
            told.setdefault(0, EMPTY)
        self._told = sorted(told.items())
        self._tails = [tail for tail, _ in self._told]
        self._behind: dict[tuple[int, int], int] = {}
        self._sent, self._low, self._high = asked.records.sent.view(np.uint64), columns.low, columns.high
        self._digest = np.zeros(end - self._base if self._told else 0, dtype=np.uint64)
        if self._told:
            placed = np.flatnonzero(start != NONE)
            length = columns.high[placed] - columns.low[placed]
            self._digest[spans(start[placed] - self._base, length)] = self._sent[spans(columns.low[placed], length)]

    def put(self, filling: Iterable[tuple[int, int]]) -> None:
        """Appends (moments) begin at positions."""
        for m, at in filling if self._told else ():
            low, high = int(self._low[m]), int(self._high[m])
            self._digest[at - self._base : at - self._base + high - low] = self._sent[low:high]

    def told(self, low: int, high: int, following: int) -> bool:
        """Is there a hash of what is in a hole, if the next one begins at ``following``?"""
        if not self._told:
            return False
        after = bisect_left(self._tails, high)
        return bisect_right(self._tails, low) > 0 and after < len(self._tails) and self._tails[after] <= following

    def bounds(self, low: int, high: int) -> tuple[int, int]:
        """The hash before a hole, and the one behind it that the next hash asks for."""
        (start, before), (end, after) = (
            self._told[at] for at in (bisect_right(self._tails, low) - 1, bisect_left(self._tails, high))
        )
        if (high, end) not in self._behind:
            self._behind[high, end] = unfolded(after, self._digest[high - self._base : end - self._base].tolist())
        return fold(self._digest[start - self._base : low - self._base].tolist(), before), self._behind[high, end]

    def after(self, before: int, filling: Iterable[tuple[int, int]]) -> int:
        """The hash after some appends (moments)."""
        for m, _ in filling:
            before = fold(self._sent[self._low[m] : self._high[m]].tolist(), before)
        return before

    def before(self, m: int, after: int) -> int:
        """The hash before an append."""
        return unfolded(after, self._sent[self._low[m] : self._high[m]].tolist())
