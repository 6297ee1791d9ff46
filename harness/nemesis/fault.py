"""The interface of a fault: an effect with its own healing, schedule and colour."""

from __future__ import annotations

from typing import Protocol

from ..targets.target import Target, TargetFailure
from ..workload import Generator


class FaultFailure(TargetFailure):
    """A fault could not be started or healed. The run then fails, since faults are never skipped silently."""


class Fault(Protocol):
    """Something that strikes a target and can be healed.

    Faults are registered under ``fencepost.faults``, where the entry point makes one without arguments. A fault never
    strikes by itself: its schedule gives :class:`~..workload.Strike` operations, and the run's nemesis performs them.
    Every fault must pass the checks in ``fencepost.testing.faults``.
    """

    name: str
    summary: str
    colour: str
    """The colour of the fault in plots, as a matplotlib colour name or hex code."""

    def applies_to(self, target: Target) -> bool:
        """Return whether this fault can strike this target at all."""
        ...

    def schedule(self) -> Generator:
        """Return a generator of the :class:`~..workload.Strike` operations that start and heal this fault.

        The strikes carry this fault's name. The generator sees only the nemesis's thread, but also the events of
        clients, and draws from the nemesis's own stream of random numbers. :func:`~..generators.now_and_then` makes the
        usual schedule. If the schedule leaves the fault in force, the run heals it when the clients have finished.
        """
        ...

    async def start(self, target: Target) -> None:
        """Start the fault. Raises TargetFailure if that fails, and may then have done part of its work."""
        ...

    async def heal(self, target: Target) -> None:
        """Undo :meth:`start`, even if it failed halfway. Raises TargetFailure if that fails.

        Healing does nothing if the fault was never started or is already healed.
        """
        ...
