"""The checker and both oracles against each other, on as many random histories as there is time for.

``make fuzz-checker`` runs it; ``ARGS="--histories 1000000 --seed 5000000"`` chooses how many, and which. Even seeds are
what clients may see of a correct stream, odd ones are damaged. The certificate of every verdict is verified. A worker
process a core; the first disagreement, or verdict that is not proven, ends it: the seed is told, the history made
smaller as long as that stays wrong, and written as a journal.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from fencepost.checkers.certificate.verification import LinearizabilityVerifier
from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.history import History
from fencepost.harness.verdict import CheckResult, Validity
from tests.checkers.agreement import contradiction
from tests.checkers.damage import story_of
from tests.checkers.oracle import explain
from tests.checkers.shrinking import shrunk
from tests.checkers.stories import ALL, JUDGED, PLAIN, Features, Story
from tests.checkers.wgl import linearize

CHUNK = 500


@dataclass(slots=True)
class Report:
    """What was found in some seeds: how often each verdict was given, and the first that is wrong, with the reason."""

    said: Counter[Validity] = field(default_factory=Counter)
    explained: int = 0
    seed: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """Seeds to look at. Without ``checker`` only the oracles are compared."""

    seeds: range
    features: Features
    decided: bool
    checker: bool


class _Remembering:
    """The checker; it knows what it said last, and of what."""

    def check(self, history: History) -> CheckResult:
        """See :class:`~fencepost.harness.verdict.Checker`."""
        self._history, self._said = history, Linearizability().check(history)
        return self._said

    def unproven(self) -> str | None:
        """Why the certificate of that does not prove it; None if it does."""
        said, certificate = self._said, self._said.certificate
        parts = {} if certificate is None else certificate.parts()
        failures = LinearizabilityVerifier().verify(self._history, parts, said.validity).failures
        return f"the verdict {said.validity} is not proven ({failures[0]})" if failures else None


def look(story: Story, sound: bool, decided: bool, checker: bool) -> tuple[Validity | None, bool, str | None]:
    """The checker's verdict, whether an order explains the story, and what is wrong, if anything."""
    explained = explain(story.ops, **story.declared) is not None
    if explained != (linearize(story.ops, **story.declared) is not None):
        return None, explained, f"brute force says {explained}, the search of Wing, Gong and Lowe {not explained}"
    if sound and not explained:
        return None, explained, "no order explains what a correct stream did"
    if not checker:
        return None, explained, None
    judge = _Remembering()
    try:
        validity, problem = contradiction(story, explained, judge, decided=decided)
        problem = problem or judge.unproven()
    except Exception as error:  # whatever it is, it is wrong
        return None, explained, f"the checker raised {error!r}"
    return validity, explained, problem


def work(task: Task) -> Report:
    """Look at the seeds of a task, up to the first with which anything is wrong."""
    report = Report()
    for seed in task.seeds:
        validity, explained, problem = look(story_of(seed, task.features), seed % 2 == 0, task.decided, task.checker)
        report.explained += explained
        if problem is not None:
            report.seed, report.problem = seed, problem
            break
        if validity is not None:
            report.said[validity] += 1
    return report


def _tasks(options: argparse.Namespace, features: Features) -> Iterator[Task]:
    end = options.seed + options.histories
    for first in range(options.seed, end, CHUNK):
        yield Task(range(first, min(first + CHUNK, end)), features, not options.undecided, not options.oracles)


def run(options: argparse.Namespace, features: Features) -> tuple[Report, int]:
    """All seeds, or up to a disagreement; and how many were looked at."""
    total, looked, told, began = Report(), 0, 0.0, time.monotonic()
    tasks = _tasks(options, features)
    with ProcessPoolExecutor(options.jobs) as pool:
        running: dict[Future[Report], int] = {}
        more = True
        while more or running:
            while more and len(running) < 2 * options.jobs:
                task = next(tasks, None)
                more = task is not None
                if task is not None:
                    running[pool.submit(work, task)] = len(task.seeds)
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                looked += running.pop(future)
                report = future.result()
                total.said += report.said
                total.explained += report.explained
                if report.seed is not None and (total.seed is None or report.seed < total.seed):
                    total.seed, total.problem, more = report.seed, report.problem, False
            if time.monotonic() - told > 2:
                told = time.monotonic()
                _progress(looked, options.histories, told - began)
    _progress(looked, options.histories, time.monotonic() - began)
    print(file=sys.stderr)
    return total, looked


def _progress(looked: int, of: int, seconds: float) -> None:
    rate = looked / seconds if seconds else 0.0
    print(f"\r{looked:,} of {of:,} histories, {rate:,.0f}/s   ", end="", file=sys.stderr, flush=True)


def tell(report: Report, options: argparse.Namespace, features: Features) -> None:
    """Shrink the first disagreement, show it, and write it down."""
    assert report.seed is not None
    story = story_of(report.seed, features)
    kind, sound = report.problem.split("(")[0], report.seed % 2 == 0

    def wrong(smaller: Story) -> bool:
        # What is left of a correct stream's history, with something left out, need not be one.
        only_here = sound and kind.startswith("no order")
        problem = look(smaller, only_here, not options.undecided, not options.oracles)[2]
        return problem is not None and problem.split("(")[0] == kind

    small = story if sound and kind.startswith("no order") else shrunk(story, wrong)
    path = Path(options.output) / f"fuzz-checker-{report.seed}.jsonl"
    path.write_bytes(small.jsonl)
    print(f"seed {report.seed}: {report.problem}\n{small}\nwritten to {path}")


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if there was no disagreement, and every verdict is proven; else 1."""
    parser = argparse.ArgumentParser(prog="fuzz-checker", description=__doc__)
    parser.add_argument("--histories", type=int, default=200_000, help="how many (200,000)")
    parser.add_argument("--seed", type=int, default=1_000_000, help="the first seed (1,000,000)")
    parser.add_argument("--features", default="judged", help="judged, all, plain, or names with commas: %(default)s")
    parser.add_argument("--undecided", action="store_true", help="unknown is no disagreement")
    parser.add_argument("--oracles", action="store_true", help="compare the oracles only, without the checker")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="worker processes (one a core)")
    parser.add_argument("--output", default=".", help="folder for the journal of a disagreement (here)")
    options = parser.parse_args(arguments)
    named = {"judged": JUDGED, "all": ALL, "plain": PLAIN}
    features = named.get(options.features) or _features(parser, options.features)
    report, looked = run(options, features)
    counts = ", ".join(f"{report.said[validity]:,} {validity}" for validity in Validity)
    proven = ", all proven" if report.seed is None and not options.oracles else ""
    print(f"{looked:,} histories from seed {options.seed}: {report.explained:,} can be explained; {counts}{proven}")
    if report.seed is None:
        return 0
    tell(report, options, features)
    return 1


def _features(parser: argparse.ArgumentParser, names: str) -> Features:
    wanted = [name.strip().replace("-", "_") for name in names.split(",")]
    unknown = [name for name in wanted if name not in Features.__slots__]
    if unknown:
        parser.error(f"no such feature: {', '.join(unknown)}; there are {', '.join(Features.__slots__)}")
    return Features(**dict.fromkeys(wanted, True))


if __name__ == "__main__":
    sys.exit(main())
