"""Times for people: as short as they can be and still differ where the times do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .history import FOREVER, History

_OPEN: Final = re.compile("\0(\\d+)\0")
"""A time that is left open, between characters that no words of ours have."""


def left_open(time: int) -> str:
    """Return what stands for a time (ns) in a sentence until it is known which others the sentences name.

    :meth:`Times.filled` says the time there.
    """
    return f"\0{time}\0"


@dataclass(frozen=True, slots=True)
class Times:
    """Says the times of some operations of a history, counted from ``zero`` (ns): in ms, or in ns where that needs it.

    Where the history's format counts lines instead of time, it says the line.
    """

    zero: int
    fine: bool
    lines: bool

    def number(self, time: int) -> str:
        """Return the time without its unit, ∞ for one that never came."""
        if time == FOREVER:
            return "∞"
        if self.lines:
            return f"{time:,}"
        return f"{time - self.zero:,}" if self.fine else f"{(time - self.zero) / 1e6:,.3f}"

    def point(self, time: int) -> str:
        """Return such as ``1.250 ms``, ``1,250 ns``, ``line 7``; ``never`` for a time that never came."""
        if time == FOREVER:
            return "never"
        return f"line {self.number(time)}" if self.lines else f"{self.number(time)} {self._unit}"

    def filled(self, text: str) -> str:
        """Return the text with each time in it that was :func:`left_open` said."""
        return _OPEN.sub(lambda found: self.point(int(found[1])), text)

    def span(self, begin: int, end: int) -> str:
        """Return such as ``0.000 – 1.250 ms``, ``lines 3 – 7``."""
        both = f"{self.number(begin)} – {self.number(end)}"
        return f"lines {both}" if self.lines else f"{both} {self._unit}"

    @property
    def _unit(self) -> str:
        return "ns" if self.fine else "ms"


def times_of(history: History, rows: Iterable[int], zero: int | None = None) -> Times:
    """Return how to say the times of some rows. ``zero`` (ns) is when the first of them was invoked, if not given."""
    chosen = list(rows)
    times = [int(column[row]) for row in chosen for column in (history.invoked, history.ended)]
    zero = min((int(history.invoked[row]) for row in chosen), default=0) if zero is None else zero
    known = {zero, *(time for time in times if time != FOREVER)}
    fine = len({round((time - zero) / 1e6, 3) for time in known}) < len(known)
    return Times(zero, fine, history.header.times_are_lines)
