"""Operations recorded per second against the bundled server at 1, 10 and 50 clients, beside an older commit.

This measures the whole harness: generator, recorder, HTTP client, and server with fsync. Both trees are measured in
turns. Peak memory is the harness's. Above 100 MB, most of it is the compiled code that reads journals of 2 MB and more.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.machine import machine
from benchmarks.older import BEFORE, ROOT, environment, unpack

CLIENTS: Final = (1, 10, 50)
INVOCATIONS: Final = ("append", "read", "check-tail")
WORKLOADS: Final = ("regular", "match-seq-num", "fenced")


def record(source: Path, workload: str, clients: int, seconds: float) -> tuple[float, int, float]:
    """Return operations per second, indefinite operations and peak memory (MB) of one run."""
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
        rate, indefinite = read(Path(results) / "latest" / "history.jsonl")
    return rate, indefinite, usage.ru_maxrss / 1024


def read(history: Path) -> tuple[float, int]:
    """Operations of client threads per second, and how many of them ended indefinitely.

    By hand: what this process has ever used of memory would count as its children's.
    """
    driven: set[int] = set()
    times: list[int] = []
    indefinite = 0
    with history.open("rb") as lines:
        for line in lines:
            event = json.loads(line)
            if event["type"] in INVOCATIONS and "thread" in event:
                driven.add(event["op"])
                times.append(event["time"])
            elif event.get("op") in driven:
                times.append(event["time"])
                indefinite += event["type"] == "indefinite"
    return len(driven) / (max(times) - min(times)) * 1e9, indefinite


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
