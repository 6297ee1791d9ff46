"""Measures whole commands, each in a process of its own."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass

KILLED = -9
"""The exit code of a command that exceeded a limit."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The cost of a command: wall-clock seconds, processor seconds, peak memory in bytes, page faults; its exit code.

    Page faults are the minor ones: pages of 4 KiB that the system handed out and cleared.
    """

    seconds: float
    processor: float
    peak: int
    code: int = 0
    faults: int = 0

    def __str__(self) -> str:
        most = "> " if self.code == KILLED else ""
        return f"{most}{self.seconds:.3g} s ({self.processor:.3g} s), {self.peak / 1e6:,.0f} MB"


def measured(
    command: list[str], most_seconds: float = 600, most_bytes: int | None = None, most_processor: int | None = None
) -> Measured:
    """Run a command silently and return its measurements. The code is :data:`KILLED` if it exceeded a limit.

    ``most_processor`` limits the processor seconds, which other load on the machine hardly changes.
    """
    with tempfile.TemporaryFile() as out:
        begun = time.perf_counter()
        with subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT) as process:
            for what, most in (resource.RLIMIT_AS, most_bytes), (resource.RLIMIT_CPU, most_processor):
                if most is not None and hasattr(resource, "prlimit"):
                    resource.prlimit(process.pid, what, (most, most))
            ended, status, usage = 0, 0, None
            while not ended:
                ended, status, usage = os.wait4(process.pid, os.WNOHANG)
                seconds = time.perf_counter() - begun
                if not ended and seconds > most_seconds:
                    process.kill()
                    ended, status, usage = os.wait4(process.pid, 0)
                    seconds = time.perf_counter() - begun
                elif not ended:
                    time.sleep(0.002)
            process.returncode = os.waitstatus_to_exitcode(status)
    assert usage is not None
    spent = usage.ru_utime + usage.ru_stime
    return Measured(seconds, spent, usage.ru_maxrss * 1024, process.returncode, usage.ru_minflt)
