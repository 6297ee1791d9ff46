"""What a search may cost, and what it has cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fencepost.harness.check_limits import Budget


class Exceeded(Exception):
    """The budget is spent; the text says of what."""


_OFTEN = 64

_TOLD = 2.0
"""Seconds between two words on how far it is."""


@dataclass(slots=True)
class Spending:
    """States entered, seconds and bytes (by estimate) of memory so far, under a budget.

    ``progress`` is told now and then how far it is.
    """

    budget: Budget
    progress: Callable[[str], None] = lambda _: None
    states: int = 0
    bytes: int = 0
    begun: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the search began."""
        return time.monotonic() - self.begun

    def state(self, size: int) -> None:
        """Enter one more state, remembered in ``size`` bytes. Raises :class:`Exceeded` if it is one too many."""
        if self.states >= self.budget.states:
            raise Exceeded(f"{self.states:,} states")
        if self.bytes + size > self.budget.bytes:
            raise Exceeded(f"{self.budget.bytes / 2**20:,.0f} MiB of memory and {self.states:,} states")
        self.states += 1
        self.bytes += size
        if self.states % _OFTEN == 0:
            self.tick()

    def tick(self) -> None:
        """Look at the clock. Raises :class:`Exceeded`."""
        if time.monotonic() - self.told > _TOLD:
            self.told = time.monotonic()
            self.progress(f"{self.states:,} states of the search, {self.seconds:.0f} of {self.budget.seconds:g} s")
        if self.seconds > self.budget.seconds:
            raise Exceeded(f"{self.budget.seconds:g} seconds and {self.states:,} states")
