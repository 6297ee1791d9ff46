"""A world of test doubles, for tests and simulations."""

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
    """A world of test doubles, in which only what the test makes happen happens."""

    clock: ScriptedClock
    random: SeededRandomness
    disk: SimulatedDisk
    network: MemoryNetwork
    spawn: ScriptedSpawner


def scripted_world(seed: int, programs: Mapping[str, Program] | None = None) -> ScriptedWorld:
    """Return a scripted world with this seed. ``programs`` maps the first word of a command to its program."""
    random = SeededRandomness(seed)
    return ScriptedWorld(
        ScriptedClock(), random, SimulatedDisk(random.stream("disk")), MemoryNetwork(), ScriptedSpawner(programs or {})
    )
