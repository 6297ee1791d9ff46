"""Clocks: real, scripted, and wrong on purpose.

Code that waits uses the event loop (``asyncio.sleep``, ``asyncio.timeout``, ``loop.time``): a simulation replaces the
loop. Code that *reads* a clock uses a :class:`Clock`.
"""

from __future__ import annotations

import time
from typing import Final, Protocol

NS_PER_MS: Final = 1_000_000


class Clock(Protocol):
    """A source of two readings: a monotonic one to measure with, and a wall clock for timestamps."""

    def monotonic_ns(self) -> int:
        """Return nanoseconds since an arbitrary moment. Never decreases."""
        ...

    def wall_ms(self) -> int:
        """Return milliseconds since the Unix epoch. May jump, in both directions."""
        ...


class SystemClock:
    """The clock of this machine."""

    monotonic_ns = staticmethod(time.monotonic_ns)

    def wall_ms(self) -> int:
        """See :class:`Clock`."""
        return time.time_ns() // NS_PER_MS


class ScriptedClock:
    """A clock that stands still until :meth:`advance` moves it."""

    def __init__(self, wall_ms: int = 1_767_225_600_000, monotonic_ns: int = 0) -> None:
        self._wall_ns = wall_ms * NS_PER_MS
        self._monotonic_ns = monotonic_ns

    def monotonic_ns(self) -> int:
        """See :class:`Clock`."""
        return self._monotonic_ns

    def wall_ms(self) -> int:
        """See :class:`Clock`."""
        return self._wall_ns // NS_PER_MS

    def advance(self, seconds: float) -> None:
        """Move both readings forward. Raise ValueError if ``seconds`` is negative: only AdjustableClock goes back."""
        if seconds < 0:
            raise ValueError(f"time cannot pass backwards: {seconds:g} s")
        passed = round(seconds * 1e9)
        self._wall_ns += passed
        self._monotonic_ns += passed


class AdjustableClock:
    """A view of another clock that can be made wrong on purpose. Clock faults act on it.

    An offset shifts the wall clock only. A rate other than 1 makes both readings drift, as a bad quartz does. The
    monotonic reading never decreases, whatever is set.
    """

    def __init__(self, true: Clock) -> None:
        self._true = true
        self._offset_ms = 0
        self._rate = 1.0
        self._since_ns = self._shown_ns = true.monotonic_ns()

    def adjust(self, offset_ms: int = 0, rate: float = 1.0) -> None:
        """Shift the wall clock by ``offset_ms`` from true time, and run at ``rate`` (1 is correct) from now on.

        Without arguments the clock is correct again. Raise ValueError unless ``rate`` is between 0 and 1000.
        """
        if not 0 < rate < 1000:
            raise ValueError(f"a clock's rate must be between 0 and 1000, not {rate:g}")
        self._shown_ns = self.monotonic_ns()
        self._since_ns = self._true.monotonic_ns()
        self._offset_ms = offset_ms
        self._rate = rate

    def monotonic_ns(self) -> int:
        """See :class:`Clock`."""
        return self._shown_ns + int((self._true.monotonic_ns() - self._since_ns) * self._rate)

    def wall_ms(self) -> int:
        """See :class:`Clock`."""
        wall = self._true.wall_ms() + self._offset_ms
        if self._rate == 1.0:
            return wall
        return wall + int((self._true.monotonic_ns() - self._since_ns) * (self._rate - 1.0)) // NS_PER_MS
