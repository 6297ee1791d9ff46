"""What a checker may use: its budget for what is hard, and how it tells how far it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

MANY_STATES: Final = 20_000_000
LONG: Final = 60.0
MUCH: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Budget:
    """What the search for an explanation of one stream may cost: states entered, seconds, bytes of memory."""

    states: int = MANY_STATES
    seconds: float = LONG
    bytes: int = MUCH


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Allowance:
    """``progress`` takes a clause that says what is being done; ``cores`` is how many processes may be used."""

    budget: Budget = field(default_factory=Budget)
    progress: Callable[[str], None] = _silent
    cores: int = 1


def usable_cores() -> int:
    """The processors that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
