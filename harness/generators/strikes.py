"""Strikes: operations that start and heal faults. The run's nemesis performs them."""

from __future__ import annotations

from random import Random

from ..workload import NEMESIS, Generator, Invocation, Strike
from .order import cycle, phases
from .sources import once
from .waiting import Span, after


def start_fault(name: str) -> Invocation:
    """Start the fault of that name."""
    return Invocation("", Strike(name, "start"), NEMESIS)


def heal_fault(name: str) -> Invocation:
    """Heal the fault of that name."""
    return Invocation("", Strike(name, "heal"), NEMESIS)


def now_and_then(name: str, calm: tuple[float, float], struck: Span, skipped: float = 0.25) -> Generator:
    """Start the fault after a calm period and heal it after a struck one, again and again.

    Lengths are in seconds; those of calm periods are evenly distributed between two bounds. After a share of
    ``skipped`` of the calm periods the fault does not start, and another calm one follows.
    """

    def until_start(random: Random) -> float:
        seconds = random.uniform(*calm)
        while random.random() < skipped:
            seconds += random.uniform(*calm)
        return seconds

    return cycle(phases(after(until_start, once(start_fault(name))), after(struck, once(heal_fault(name)))))
