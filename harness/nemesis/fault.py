"""What a fault is: data with its own effect, healer, schedule and colour."""

from __future__ import annotations

from typing import Protocol

from ..targets.target import Target, TargetFailure
from ..workload import Generator


class FaultFailure(TargetFailure):
    """A fault could not be started or healed. The run fails: a fault is never skipped silently."""


class Fault(Protocol):
    """Something that strikes a target and can be healed.

    Registered under ``fencepost.faults``; the entry point makes one without arguments. A fault never strikes by itself:
    its schedule asks for :class:`~..workload.Strike` operations, and the run's nemesis performs them.
    ``fencepost.testing.faults`` has the checks that every fault must pass.
    """

    name: str
    summary: str
    colour: str
    """Its colour on the plots, as matplotlib names it."""

    def applies_to(self, target: Target) -> bool:
        """Whether this fault can strike this target at all."""
        ...

    def schedule(self) -> Generator:
        """When it starts and heals: a generator of :class:`~..workload.Strike` operations with this fault's name.

        It sees the nemesis's thread alone, but is told of the clients' operations as well, and draws from the nemesis's
        own stream of random numbers. :func:`~..generators.now_and_then` makes the usual one. A fault that it leaves in
        force is healed when the clients have finished.
        """
        ...

    async def start(self, target: Target) -> None:
        """Strike. Raises TargetFailure if it cannot; half of its work may then be done."""
        ...

    async def heal(self, target: Target) -> None:
        """Undo whatever :meth:`start` did, wholly, in part or not at all: healing twice, or what nothing struck, does
        nothing. Raises TargetFailure if it cannot.
        """
        ...
