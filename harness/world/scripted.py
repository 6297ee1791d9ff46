"""A world of doubles, for tests and for whoever builds a simulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .clock import ScriptedClock
from .memory_network import MemoryNetwork
from .randomness import SeededRandomness
from .scripted_spawn import Program, ScriptedSpawner
from .simulated_disk import SimulatedDisk
from .world import World


@dataclass(frozen=True, slots=True)
class ScriptedWorld(World):
    """A world in which nothing happens but what a test lets happen. Its parts are the doubles."""

    clock: ScriptedClock
    random: SeededRandomness
    disk: SimulatedDisk
    network: MemoryNetwork
    spawn: ScriptedSpawner


def scripted_world(seed: int, programs: Mapping[str, Program] | None = None) -> ScriptedWorld:
    """Return a world with chance from a seed, and these programs by the first word of their command."""
    random = SeededRandomness(seed)
    return ScriptedWorld(
        ScriptedClock(), random, SimulatedDisk(random.stream("disk")), MemoryNetwork(), ScriptedSpawner(programs or {})
    )
