"""Is every seeded bug caught, and does the correct server pass? One row per bug, one run per seed.

``make detect`` uses ten seeds per bug, and ten per workload for the correct server, with and without kills. The exit
code is 1 if a bug was missed or an anomaly was reported about the correct server.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final

from benchmarks.machine import machine

REQUIRED: Final = (
    "stale-fence-cache",
    "check-then-append-race",
    "token-prefix-match",
    "empty-token-matches-any",
    "match-off-by-one",
    "stale-tail-cache",
    "ack-before-durable",
    "lost-batch-on-restart",
    "session-not-poisoned",
    "session-reorders-acks",
    "session-applies-after-failure",
    "session-skips-batch-boundary",
    "read-repeats-on-resume",
    "trim-too-far",
    "trim-resurrects",
    "cross-stream-leak",
)
WORKLOADS: Final = ("regular", "match-seq-num", "fenced", "sessions", "followers", "trim", "mixed", "retry")

STREAMS: Final = {"mixed": "3"}
"""The workloads that need more than one stream."""


@dataclass
class Row:
    """The results of the runs of one row."""

    name: str
    wanted: str
    hits: int = 0
    runs: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    missed: list[int] = field(default_factory=list)

    def add(self, seed: int, said: set[str]) -> None:
        """Count a run. ``said`` are the names of the reported anomalies, or else the validity."""
        self.runs += 1
        self.seen.update(said)
        if self.wanted in said and (self.wanted != "valid" or len(said) == 1):
            self.hits += 1
        else:
            self.missed.append(seed)

    def __str__(self) -> str:
        seen = ", ".join(f"{name} {count}" for name, count in self.seen.most_common())
        missed = f"   MISSED with seeds {self.missed}" if self.missed else ""
        return f"{self.name:<46} {self.wanted:<24} {self.hits:>3} of {self.runs:<3} {seen}{missed}"


def judge(workload: str, seed: int, seconds: float, *options: str) -> set[str]:
    """Carry out a run, and return the names of the reported anomalies, or else the validity."""
    with tempfile.TemporaryDirectory() as results:
        command = [sys.executable, "-m", "fencepost", "run", workload, "--json", "--no-plots", "--results", results]
        command += ["--streams", STREAMS.get(workload, "1")]
        command += ["--seed", str(seed), "--time-limit", str(seconds), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 2):
        raise SystemExit(f"{' '.join(command)}\nended with exit code {done.returncode}:\n{done.stderr}")
    return said(json.loads(done.stdout))


def said(verdict: dict[str, Any]) -> set[str]:
    """The names of the anomalies in a run's verdict (as ``--json`` prints it), or else the validity."""
    violations = [v for checker in verdict["checkers"].values() for v in checker["violations"]]
    found = {name for v in violations for name in (v["anomaly"], *v["also"])}
    return found or {verdict["validity"]}


def main() -> None:
    """Run the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="runs of each bug")
    parser.add_argument(
        "--correct", type=int, default=10, help="runs of the correct server per workload, and as many with kills"
    )
    parser.add_argument("--seconds", type=float, default=6.0, help="of each run")
    parser.add_argument("--all", action="store_true", help="every seeded bug, not only those that must be found")
    parser.add_argument("--bug", action="append", help="only these bugs")
    parser.add_argument("--workload", action="append", choices=WORKLOADS, help="only these on the correct server")
    parser.add_argument("--client", default="httpx", help="the client of every run")
    given = parser.parse_args()
    from fencepost.harness.server.bugs import BUGS

    began = time.monotonic()
    print(f"{machine()}\n{given.seconds:g} s per run, 10 clients\n")
    rows = []
    for name in given.bug or (BUGS if given.all else REQUIRED):
        bug = BUGS[name]
        options = ["--client", given.client, "--bug", name, *(["--faults", ",".join(bug.faults)] if bug.faults else [])]
        row = Row(f"{name} ({bug.workload}{', ' + ', '.join(bug.faults) if bug.faults else ''})", bug.anomaly)
        for seed in range(1, given.seeds + 1):
            row.add(seed, judge(bug.workload, seed, given.seconds, *options))
        rows.append(row)
        print(row, flush=True)
    for workload, faults in product(given.workload or WORKLOADS, ((), ("--faults", "kill"))):
        row = Row(f"the correct server ({workload}{', kill' if faults else ''})", "valid")
        for seed in range(1, given.correct + 1):
            row.add(seed, judge(workload, seed, given.seconds, "--client", given.client, *faults))
        if row.runs:
            rows.append(row)
            print(row, flush=True)
    print(f"\n{sum(row.runs for row in rows)} runs in {(time.monotonic() - began) / 60:.1f} minutes")
    sys.exit(any(row.missed for row in rows))


if __name__ == "__main__":
    main()
