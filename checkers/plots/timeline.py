"""Time as the horizontal axis of a picture: its unit, its extent, its bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fencepost.harness.history.history import FOREVER, History, Int64s

from .text import duration

_UNITS: Final = (("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1.0))
_STEPS: Final = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Times from ``start`` to ``end`` (ns since the start of the run), drawn in ``unit`` of ``scale`` ns."""

    start: int
    end: int
    unit: str
    scale: float

    @classmethod
    def of(cls, history: History) -> Timeline:
        """The whole of a history, and at least one nanosecond."""
        return cls.between(0, history.duration)

    @classmethod
    def between(cls, start: int, end: int) -> Timeline:
        """From start to end (ns)."""
        end = max(end, start + 1)
        unit, scale = next((unit, size) for unit, size in _UNITS if end - start >= 2 * size or size == 1)
        return cls(start, end, unit, scale)

    def at(self, times: Any) -> Any:
        """Times (ns) on the axis; never beyond its end."""
        return np.minimum(times, self.end) / self.scale

    def ends(self, ended: Int64s) -> Any:
        """Where operations end on the axis: those that never did, at its end."""
        return self.at(np.where(ended == FOREVER, self.end, ended))

    def fit(self, axes: Axes, *, label: bool = True) -> None:
        """Give the axes our extent, ticks and label."""
        margin = (self.end - self.start) * 0.008
        axes.set_xlim((self.start - margin) / self.scale, (self.end + margin) / self.scale)
        axes.xaxis.set_major_locator(MaxNLocator(10, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        if label:
            axes.set_xlabel(f"time since the start of the run ({self.unit})")


@dataclass(frozen=True, slots=True)
class Bins:
    """``number`` stretches of time of ``width`` ns, the first one from ``start`` on."""

    start: int
    width: int
    number: int

    @classmethod
    def over(cls, timeline: Timeline, about: int) -> Bins:
        """Bins of a round width that cover a timeline, at most about so many."""
        least = max(1.0, (timeline.end - timeline.start) / about)
        power = 10 ** int(np.floor(np.log10(least)))
        width = next(power * step for step in (*_STEPS, 10) if power * step >= least)
        return cls(timeline.start, width, int((timeline.end - timeline.start) // width) + 1)

    def index(self, times: Int64s) -> Int64s:
        """The bin of each time."""
        return np.clip((times - self.start) // self.width, 0, self.number - 1)

    def edges(self, timeline: Timeline) -> Any:
        """The edges of the bins on the axis, shape (number + 1,)."""
        return (self.start + np.arange(self.number + 1) * self.width) / timeline.scale

    @property
    def label(self) -> str:
        """The width, for people."""
        return duration(self.width)


def count(keys: Int64s, shape: tuple[int, ...], *more: Int64s) -> Any:
    """How often each combination of indices occurs: an integer array of this shape, one index array a dimension."""
    flat = np.ravel_multi_index((keys, *more), shape) if more else keys
    return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)
