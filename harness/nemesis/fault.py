"""The seam between a run and what strikes it. A fault is data that carries its own healer, schedule and colour."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Protocol

from ..targets.target import Target


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of a run: ``calm`` seconds without the fault, then ``struck`` seconds with it (0: none)."""

    calm: float
    struck: float


class Fault(Protocol):
    """Something that strikes a target and can be healed.

    Registered under ``fencepost.faults``; the entry point makes one without arguments.
    """

    name: str
    summary: str
    colour: str
    """Its colour on the plots, as matplotlib names it."""

    def applies_to(self, target: Target) -> bool:
        """Whether this target can be struck like this at all."""
        ...

    def period(self, random: Random) -> Period:
        """The next stretch of the schedule."""
        ...

    async def start(self, target: Target) -> None:
        """Strike. Raises TargetFailure where it could not."""
        ...

    async def heal(self, target: Target) -> None:
        """Undo it. Raises TargetFailure where it could not."""
        ...
