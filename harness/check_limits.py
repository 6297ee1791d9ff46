"""What a checker may use: the budget of its search, the number of cores, and where it reports its progress."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

SEARCH_STATES: Final = 20_000_000
"""Default number of states that a search may enter, per stream."""

SEARCH_SECONDS: Final = 60.0
"""Default time that a search may take, per stream."""

SEARCH_BYTES: Final = 1 << 30
"""Default memory that a search may use, per stream."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What the search for an explanation of one stream may cost: states entered, seconds, and bytes of memory."""

    states: int = SEARCH_STATES
    seconds: float = SEARCH_SECONDS
    bytes: int = SEARCH_BYTES


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """What one check may use.

    ``budget`` bounds the search of each stream. ``progress`` is called with a clause that says what is being done.
    ``cores`` is the number of processes that may work at once.
    """

    budget: Budget = field(default_factory=Budget)
    progress: Callable[[str], None] = _silent
    cores: int = 1


def usable_cores() -> int:
    """Return the number of processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
