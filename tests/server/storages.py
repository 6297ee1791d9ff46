"""Storages for tests: on the disk of this machine, and on a simulated one."""

from __future__ import annotations

from pathlib import Path
from random import Random

from fencepost.harness.server.storage import SEGMENT_BYTES, FileStorage
from fencepost.harness.world.disk import Disk
from fencepost.harness.world.randomness import SystemRandomness
from fencepost.harness.world.real_disk import RealDisk
from fencepost.harness.world.simulated_disk import SimulatedDisk

DATA = Path("/data")
"""Where a simulated disk has the journal."""
FIRST = "journal.00000001"
"""The name of the first segment."""
HEADER = 38
"""Bytes of a segment's header."""
_REAL = RealDisk()


def stored(directory: Path, disk: Disk = _REAL, segment_bytes: int = SEGMENT_BYTES) -> FileStorage:
    """A storage in a directory."""
    return FileStorage(directory, disk, SystemRandomness(0), segment_bytes)


def simulated(seed: int, delay: float = 0.0) -> SimulatedDisk:
    """A simulated disk whose losses the seed decides."""
    return SimulatedDisk(Random(seed), delay)
