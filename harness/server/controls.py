"""What a running server does when the harness tells it to: its clock, its disk and its failpoints go wrong."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..world.clock import AdjustableClock
from ..world.control_messages import Arm, Command, Count, Disarm, SetClock, SetDisk
from ..world.faulty_disk import DiskFaults
from .failpoints import Failpoints


@dataclass(frozen=True, slots=True)
class Controls:
    """What can be made to go wrong in one server."""

    clock: AdjustableClock
    disk: DiskFaults
    failpoints: Failpoints

    def obey(self, command: Command) -> dict[str, int]:
        """Carry out a command; the counts that it asked for. Raises ValueError where it cannot be."""
        match command:
            case SetClock(offset_ms, rate):
                self.clock.adjust(offset_ms, rate)
            case SetDisk(faults):
                for row in fields(DiskFaults):
                    setattr(self.disk, row.name, getattr(faults, row.name))
            case Arm(name, action, skip, times, seconds):
                self.failpoints.arm(name, action, skip=skip, times=times, seconds=seconds)
            case Disarm(name):
                self.failpoints.disarm(name)
            case Count():
                return self.failpoints.hits()
        return {}
