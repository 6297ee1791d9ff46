"""A time axis drawn to scale but for marked cuts, where nothing begins and nothing ends for long."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from .text import duration

_LONG: Final = 6
"""A stretch is cut where it is longer than so many times the median one; it is then drawn as long as that."""

_MARGIN: Final = 0.03


@dataclass(frozen=True, slots=True)
class Cut:
    """A cut stretch: where its middle is drawn (0–1 over the picture), and how long it really is (ns)."""

    place: float
    length: int


class CutTime:
    """Maps times (ns) to places between 0 and 1. ``moments`` are the times at which something begins or ends.

    Ticks count from the first of them.
    """

    def __init__(self, moments: Iterable[int]) -> None:
        times = np.unique(np.fromiter(moments, dtype=np.int64))
        lengths = np.diff(times)
        longest = int(_LONG * np.median(lengths)) if len(lengths) else 0
        drawn = np.minimum(lengths, longest)
        total = max(int(drawn.sum()), 1)
        self._times = times
        self._places = _MARGIN + (1 - 2 * _MARGIN) * np.concatenate(([0], np.cumsum(drawn))) / total
        self._cut = lengths > drawn
        self._ns = total / (1 - 2 * _MARGIN)
        middles = (self._places[1:] + self._places[:-1]) / 2
        self.cuts = [Cut(float(middles[index]), int(lengths[index])) for index in np.flatnonzero(self._cut)]

    def __call__(self, time: float) -> float:
        """Where a time is drawn; those before and after all moments at the edges."""
        return float(np.interp(time, self._times, self._places, left=0.0, right=1.0))

    def ticks(self, about: int = 12) -> list[tuple[float, str]]:
        """Places and texts of round times that are not in a cut."""
        least = max(self._ns / about, 1.0)
        power = 10 ** int(np.floor(np.log10(least)))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)
        unit, size = next((u, s) for u, s in (("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1.0)) if step >= s or s == 1)
        found: list[int] = []
        for index, (start, end) in enumerate(zip(self._times[:-1], self._times[1:], strict=True)):
            if not self._cut[index]:
                first = int(self._times[0])
                found += range(first - (first - int(start)) // step * step, int(end) + 1, step)
        return [(self(time), f"{(time - int(self._times[0])) / size:,.10g} {unit}") for time in sorted(set(found))]

    @property
    def scale(self) -> str:
        """The time that the whole width would be, in words."""
        return duration(self._ns)
