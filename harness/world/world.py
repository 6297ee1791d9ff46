"""The world as one value, and the real world."""

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
    """Everything that a run, a server, a client or a nemesis needs from its environment.

    Code that is given a world takes time, randomness, files, connections and processes from it and from nowhere else.
    That is why the same code runs in a simulation.
    """

    clock: Clock
    random: Randomness
    disk: Disk
    network: Network
    spawn: Spawner


def real_world(seed: int) -> World:
    """Return the world of this machine, with random streams from ``seed``."""
    return World(SystemClock(), SystemRandomness(seed), RealDisk(), SystemNetwork(), SystemSpawner())
