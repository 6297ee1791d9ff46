"""Random choices of clients: weighted choice from a fixed table, and cheap random integers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")


class Weighted(Generic[T]):
    """An immutable table of alternatives, each with its weight."""

    __slots__ = ("_bounds", "_total", "_values", "_weights")

    def __init__(self, rows: Iterable[tuple[float, T]]) -> None:
        rows = list(rows)
        if not rows or any(not weight > 0 for weight, _ in rows):
            raise ValueError("a weighted choice needs at least one alternative, and positive weights")
        self._weights = [weight for weight, _ in rows]
        *self._bounds, self._total = accumulate(self._weights)
        self._values = [value for _, value in rows]

    def draw(self, random: Random) -> T:
        """Return an alternative with a probability proportional to its weight."""
        return self._values[bisect_right(self._bounds, random.random() * self._total)]

    def split(self, random: Random) -> tuple[T, float]:
        """Return an alternative and an independent number from 0 to 1. Both come from a single draw."""
        place = random.random() * self._total
        index = bisect_right(self._bounds, place)
        begin = self._bounds[index - 1] if index else 0.0
        return self._values[index], (place - begin) / self._weights[index]


def between(low: int, high: int, random: Random) -> int:
    """Return an integer from ``low`` to ``high`` inclusive (``low`` if ``high`` is lower). Cheaper than ``randint``."""
    return low + int(random.random() * (high - low + 1)) if high > low else low


def small(high: int, random: Random) -> int:
    """Return an integer from 1 to ``high``. Small ones are more likely: the mean is about a third of ``high``."""
    chance = random.random()
    return 1 + int(chance * chance * high)
