"""What a checker may use: the budget of its search, the number of cores, and where it reports its progress."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

SEARCH_STATES: Final = 20_000_000
"""Default number of states that a search may enter, per stream."""

SEARCH_SECONDS: Final = 60.0
"""Default time that searches may take, for all streams of a history together."""

SEARCH_BYTES: Final = 1 << 30
"""Default memory that searches may use, for all streams of a history together."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What searching for explanations may cost: states entered (a stream), seconds and bytes of memory (in all)."""

    states: int = SEARCH_STATES
    seconds: float = SEARCH_SECONDS
    bytes: int = SEARCH_BYTES


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """What one check may use.

    ``budget`` bounds what is done beyond one pass over each stream. ``progress`` is called with a clause that says what
    is being done. ``cores`` is the number of processes that may work at once. The time of the budget runs from
    ``since`` on (seconds of :func:`time.monotonic`; None: it has not begun).
    """

    budget: Budget = field(default_factory=Budget)
    progress: Callable[[str], None] = _silent
    cores: int = 1
    since: float | None = None

    def shared(self, processes: int) -> CheckLimits:
        """What each of some processes may use, that work at once."""
        return replace(self, cores=1, budget=replace(self.budget, bytes=self.budget.bytes // processes))


def usable_cores() -> int:
    """Return the number of processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
