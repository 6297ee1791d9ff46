"""Time and memory to check a history of 10,000, 100,000 and 1,000,000 operations.

Each size is measured in its own process, on a valid history (see :mod:`benchmarks.realistic`). The check is
timed in process, starting from columns. Reading the journal from disk is timed separately. Each size is ten times the
one before, so a ratio of about ten between their times shows that the core is linear.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import machine
from benchmarks.realistic import Recipe, realistic
from benchmarks.realistic_lines import journal
from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.reader import read_history

SIZES: Final = (10_000, 100_000, 1_000_000)
REPEATS: Final = 3


def measure(size: int, clients: int, reading: bool) -> dict[str, Any]:
    """Return the figures of one size: the least of several times, and peak memory (bytes) before and after a check."""
    history = realistic(Recipe(size, clients))
    before = _peak()
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        result = Linearizability().check(history)
        times.append(time.perf_counter() - begun)
        if result.validity != "valid":
            raise SystemExit(f"the history is {result.validity}: {result.violations or result.reasons}")
    figures = {"operations": len(history), "check": min(times), "before": before, "peak": _peak()}
    if reading:
        figures |= _reading(size, clients)
    return figures


def _reading(size: int, clients: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        with path.open("wb") as file:
            file.writelines(journal(realistic(Recipe(size, clients))))
        begun = time.perf_counter()
        history = read_history(path)
        read = time.perf_counter() - begun
        if Linearizability().check(history).validity != "valid":
            raise SystemExit("the history changed when it was written and read back")
        return {"read": read, "bytes": path.stat().st_size}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--no-journal", action="store_true", help="do not time reading the journal")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(measure(options.one, options.clients, not options.no_journal)))
        return
    print(machine())
    print(
        f"{'operations':>12} {'check':>9} {'per op':>9} {'×':>6} {'memory':>9} {'of check':>9} "
        f"{'read':>9} {'journal':>9}"
    )
    previous = None
    for size in options.sizes:
        command = [sys.executable, "-m", "benchmarks.check_rate", "--one", str(size), "--clients", str(options.clients)]
        command += ["--no-journal"] if options.no_journal else []
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        figures = json.loads(done.stdout)
        print(_line(figures, previous), flush=True)
        previous = figures


def _line(figures: dict[str, Any], previous: dict[str, Any] | None) -> str:
    check, operations = figures["check"], figures["operations"]
    ratio = f"{check / previous['check']:.1f}" if previous else ""
    read = f"{figures['read']:.2f} s" if "read" in figures else ""
    size = f"{figures['bytes'] / 1e6:.0f} MB" if "bytes" in figures else ""
    return (
        f"{operations:>12,} {check:>7.3f} s {check / operations * 1e6:>6.2f} µs {ratio:>6} "
        f"{figures['peak'] / 1e6:>6.0f} MB {(figures['peak'] - figures['before']) / 1e6:>6.0f} MB {read:>9} {size:>9}"
    )


if __name__ == "__main__":
    main()
