"""The cost of driving an operation without sockets, beside an older commit measured in the same run.

Processor time per operation of generator, scheduler, recorder, JSON codecs of client and server, and service on memory
storage, at 10 clients. Both trees are measured in turns. The best round counts, because other load on the machine only
adds time. The target is at most 100 µs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.machine import machine
from benchmarks.older import BEFORE, ROOT, environment, unpack

SUBJECT: Final = ROOT / "benchmarks" / "driver_subject.py"
WORKLOADS: Final = ("regular", "match-seq-num", "fenced")


def measure(source: Path, workload: str, operations: int) -> float:
    """Return microseconds of processor time per operation."""
    command = [sys.executable, str(SUBJECT), workload, str(operations)]
    return float(subprocess.run(command, env=environment(source), check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=10_000, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", default=BEFORE, help="the older commit")
    given = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        sources = {given.against: unpack(given.against, Path(folder)), "now": ROOT / "src"}
        print(f"{'workload':<16}{given.against:>12}{'now':>12}{'ratio':>8}")
        for workload in WORKLOADS:
            best = dict.fromkeys(sources, float("inf"))
            for _ in range(given.rounds):
                for name, source in sources.items():
                    best[name] = min(best[name], measure(source, workload, given.operations))
            before, now = best.values()
            print(f"{workload:<16}{before:>9,.0f} µs{now:>9,.0f} µs{before / now:>7.1f}x", flush=True)


if __name__ == "__main__":
    main()
