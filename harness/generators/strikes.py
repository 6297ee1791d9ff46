"""Strikes: operations that start and heal faults. The nemesis of the run performs them."""

from __future__ import annotations

from random import Random

from ..workload import NEMESIS, Generator, Invocation, Strike
from .order import cycle, phases
from .sources import once
from .waiting import Span, after


def start_fault(name: str) -> Invocation:
    """Return the operation that starts the fault ``name``."""
    return Invocation("", Strike(name, "start"), NEMESIS)


def heal_fault(name: str) -> Invocation:
    """Return the operation that heals the fault ``name``."""
    return Invocation("", Strike(name, "heal"), NEMESIS)


def now_and_then(name: str, calm: tuple[float, float], struck: Span, skipped: float = 0.25) -> Generator:
    """Return a generator that starts a fault after a calm period and heals it after a struck period, for ever.

    Lengths are in seconds. The length of a calm period is uniformly distributed between the two bounds of ``calm``.
    After each calm period the fault stays away with probability ``skipped``, and another calm period follows.
    """

    def until_start(random: Random) -> float:
        seconds = random.uniform(*calm)
        while random.random() < skipped:
            seconds += random.uniform(*calm)
        return seconds

    return cycle(phases(after(until_start, once(start_fault(name))), after(struck, once(heal_fault(name)))))
