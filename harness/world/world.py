"""The world as one value, and the real one."""

from __future__ import annotations

from dataclasses import dataclass

from .clock import Clock, SystemClock
from .disk import Disk
from .network import Network, SystemNetwork
from .randomness import Randomness, SystemRandomness
from .real_disk import RealDisk
from .spawn import Spawner, SystemSpawner


@dataclass(frozen=True, slots=True)
class World:
    """Everything that a run, a server, a client or a nemesis takes from outside.

    Whoever is handed one asks it, and nothing behind its back: that is what lets the same code run in simulation.
    """

    clock: Clock
    random: Randomness
    disk: Disk
    network: Network
    spawn: Spawner


def real_world(seed: int) -> World:
    """Return this machine, with chance from a seed."""
    return World(SystemClock(), SystemRandomness(seed), RealDisk(), SystemNetwork(), SystemSpawner())
