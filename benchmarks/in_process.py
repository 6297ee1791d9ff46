"""Reads a history in this process, and checks it if that is wanted: ``python -m benchmarks.in_process FILE``.

It prints the cost as JSON. The first of several times also loads the compiled loops; the least of them counts.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.commands import KILLED, Measured


@dataclass(frozen=True, slots=True)
class Inside:
    """The verdict on a history that was read and checked in process ("" if only read), and the least cost."""

    validity: str
    measured: Measured

    def __str__(self) -> str:
        return f"{self.measured}, {self.validity}"


def in_process(path: Path, repeats: int, *, checking: bool, limit: float) -> Inside:
    """Return the cost of reading (and checking) the file several times in one process, or in ``limit`` seconds."""
    command = [sys.executable, "-m", "benchmarks.in_process", str(path), "--repeats", str(repeats)]
    try:
        done = subprocess.run(
            [*command, *(["--checking"] if checking else [])], stdout=subprocess.PIPE, check=True, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return Inside("undecided", Measured(limit, limit, 0, KILLED))
    found = json.loads(done.stdout)
    return Inside(found["validity"], Measured(**found["measured"]))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--checking", action="store_true")
    given = parser.parse_args()
    best = min((_once(given.file, given.checking) for _ in range(given.repeats)), key=lambda one: one.measured.seconds)
    print(json.dumps(asdict(best)))


def _once(path: Path, checking: bool) -> Inside:
    from fencepost.checkers.linearizability import Linearizability
    from fencepost.harness.history.reader import read_history

    before, begun, used = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter(), time.process_time()
    history = read_history(path)
    validity = Linearizability().check(history).validity.value if checking else ""
    seconds, processor = time.perf_counter() - begun, time.process_time() - used
    after = resource.getrusage(resource.RUSAGE_SELF)
    faults = after.ru_minflt - before.ru_minflt
    return Inside(validity, Measured(seconds, processor, after.ru_maxrss * 1024, 0, faults))


if __name__ == "__main__":
    main()
