"""Commands of the harness to a running server, which make its clock, its disk and its failpoints go wrong."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..world.clock import AdjustableClock
from ..world.control_messages import Arm, Command, Count, Disarm, SetClock, SetDisk
from ..world.faulty_disk import DiskFaults
from .failpoints import Failpoints


@dataclass(frozen=True, slots=True)
class Controls:
    """The parts of one server that can be made to go wrong."""

    clock: AdjustableClock
    disk: DiskFaults
    failpoints: Failpoints

    def obey(self, command: Command) -> dict[str, int]:
        """Carry out a command, and return the counts that it asks for. Raise ValueError if that is impossible."""
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
