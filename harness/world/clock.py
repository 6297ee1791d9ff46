"""What time it is.

Code that waits uses the event loop (``asyncio.sleep``, ``asyncio.timeout``, ``loop.time``): a simulation replaces the
loop. Code that *looks at* a clock uses the one here.
"""

from __future__ import annotations

import time
from typing import Final, Protocol

NS_PER_MS: Final = 1_000_000


class Clock(Protocol):
    """Two readings of time: one to measure with, one to put into records."""

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
        """Let time pass. Raises ValueError for a negative time: AdjustableClock sets a wall clock back."""
        if seconds < 0:
            raise ValueError(f"time cannot pass backwards: {seconds:g} s")
        passed = round(seconds * 1e9)
        self._wall_ns += passed
        self._monotonic_ns += passed


class AdjustableClock:
    """Another clock, made wrong on purpose: what clock faults act on.

    The offset is an error of the wall clock alone. A rate other than 1 makes both readings drift, as a bad quartz
    does; the monotonic reading never goes back, whatever is set.
    """

    def __init__(self, true: Clock) -> None:
        self._true = true
        self._offset_ms = 0
        self._rate = 1.0
        self._since_ns = self._shown_ns = true.monotonic_ns()

    def adjust(self, offset_ms: int = 0, rate: float = 1.0) -> None:
        """Show true time plus ``offset_ms`` now, and go on at ``rate`` (1 is right). Without arguments: be right again.

        Raises ValueError for a rate that is not positive.
        """
        if not 0 < rate < 1000:
            raise ValueError(f"a clock's rate lies between 0 and 1000, not at {rate:g}")
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
