"""Operations recorded per second against the bundled server at 1, 10 and 50 clients, beside an older commit.

The whole harness is measured: generator, recorder, HTTP client, server with fsync. Both trees are measured in turns.
Peak memory is the harness's.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.machine import machine
from benchmarks.older import BEFORE, ROOT, environment, unpack
from fencepost import read_history

CLIENTS: Final = (1, 10, 50)
WORKLOADS: Final = ("regular", "match-seq-num", "fenced")


def record(source: Path, workload: str, clients: int, seconds: float) -> tuple[float, int, float]:
    """Operations per second, indefinite operations and peak memory (MB) of one run."""
    with tempfile.TemporaryDirectory() as results:
        command = [
            sys.executable,
            "-m",
            "fencepost",
            "run",
            workload,
            "--no-plots",
            "--results",
            results,
            "--seed",
            "1",
        ]
        command += ["--clients", str(clients), "--time-limit", str(seconds)]
        harness = subprocess.Popen(
            command, env=environment(source), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(harness.pid, 0)
        if status != 0:
            raise SystemExit(f"{' '.join(command)} ended with exit code {os.waitstatus_to_exitcode(status)}")
        history = read_history(Path(results) / "latest" / "history.jsonl")
    driven = history.thread >= 0
    elapsed = (history.ended[driven].max() - history.invoked[driven].min()) / 1e9
    return float(driven.sum() / elapsed), int((history.outcome == 2).sum()), usage.ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run")
    parser.add_argument("--against", default=BEFORE, help="the older commit")
    given = parser.parse_args()
    print(machine())
    print(f"{'':<24}{given.against + ' operations/s':>22}{'operations/s':>14}{'indefinite':>12}{'peak memory':>14}")
    with tempfile.TemporaryDirectory() as folder:
        older = unpack(given.against, Path(folder))
        for workload in WORKLOADS:
            for clients in CLIENTS:
                before, _, _ = record(older, workload, clients, given.seconds)
                rate, indefinite, peak = record(ROOT / "src", workload, clients, given.seconds)
                print(
                    f"{workload:<16}{clients:>8}{before:>22,.0f}{rate:>14,.0f}{indefinite:>12}{peak:>11,.0f} MB",
                    flush=True,
                )
    print("for comparison: the Rust collector of s2-verification records 1,000-2,800 per second on such a machine")


if __name__ == "__main__":
    main()
