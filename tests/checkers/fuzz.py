"""The checker, its kernel and both oracles against each other, on as many random histories as there is time for.

``make fuzz-checker`` runs it; ``ARGS="--histories 1000000 --seed 5000000"`` chooses how many, and which. Even seeds are
what clients may see of a correct stream, odd ones are damaged. The certificate of every verdict is verified, and proofs
of the opposite are forged. A worker process a core; the first disagreement, verdict that is not proven, sentence that
the events do not bear out or forgery that is accepted ends it: the seed is told, the history made smaller as long as
that stays wrong, and written as a journal.
With ``--state FILE`` a run that is interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, fields
from itertools import islice
from pathlib import Path
from random import Random

from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.history.history import History
from fencepost.harness.verdict import CheckResult, Validity
from tests.checkers.agreement import contradiction
from tests.checkers.claim_checks import unfounded
from tests.checkers.damage import story_of
from tests.checkers.examining import Examination, examine
from tests.checkers.forgeries import Forger
from tests.checkers.oracle import explain
from tests.checkers.shrinking import shrunk
from tests.checkers.stories import ALL, JUDGED, PLAIN, Features, Story
from tests.checkers.told import misleading
from tests.checkers.wgl import witness

CHUNK = 500
MINIMAL = 16
"""Of so many histories one has witnesses that are made minimal, which takes longer than all else."""


@dataclass(slots=True)
class Report:
    """What was found in some seeds: how often each verdict was given, and the first that is wrong, with the reason.

    ``looked`` at so many, ``explained`` are those with an order, ``forged`` the proofs that were refused, ``searched``
    the invalid ones that took the kernel a search, and ``nodes`` the most that one took.
    """

    said: Counter[Validity] = field(default_factory=Counter)
    looked: int = 0
    explained: int = 0
    forged: int = 0
    searched: int = 0
    nodes: int = 0
    seed: int | None = None
    problem: str = ""

    def add(self, other: Report) -> None:
        """Add what was found in later seeds."""
        self.said += other.said
        self.looked += other.looked
        self.explained += other.explained
        self.forged += other.forged
        self.searched += other.searched
        self.nodes = max(self.nodes, other.nodes)
        if self.seed is None:
            self.seed, self.problem = other.seed, other.problem


@dataclass(frozen=True, slots=True)
class Task:
    """Seeds to look at. Without ``checker`` only the oracles are compared."""

    seeds: range
    features: Features
    decided: bool
    checker: bool


class _Remembering:
    """The checker; it knows what it ``said`` last, and of which ``history``."""

    history: History
    said: CheckResult

    def __init__(self, minimal: bool) -> None:
        self._minimal = minimal

    def check(self, history: History) -> CheckResult:
        """See :class:`~fencepost.harness.verdict.Checker`."""
        self.history, self.said = history, Linearizability(self._minimal).check(history)
        return self.said

    def confused(self, story: Story) -> str | None:
        """What is wrong with what a violation tells of the story, or not borne out by its events; None if nothing."""
        problems = (misleading(self.history, violation) for violation in self.said.violations)
        problem = next((f"misleading ({problem})" for problem in problems if problem), None)
        if problem is None and self.said.violations:
            untrue = unfounded(story.jsonl, self.said.violations)
            problem = untrue and f"unfounded ({untrue})"
        return problem


def look(seed: int, story: Story, sound: bool, task: Task, forger: Forger, report: Report) -> str | None:
    """What is wrong with what is said of a story, None if nothing is; the rest goes into the report."""
    found = witness(story.ops, **story.declared)
    explained = explain(story.ops, **story.declared) is not None
    report.explained += explained
    if explained != (found is not None):
        return f"brute force says {explained}, the search of Wing, Gong and Lowe {not explained}"
    if sound and not explained:
        return "no order explains what a correct stream did"
    if not task.checker:
        return None
    judge = _Remembering(minimal=seed % MINIMAL == 1)
    try:
        validity, problem = contradiction(story, explained, judge, decided=task.decided)
        problem = problem or judge.confused(story)
        examined = Examination(problem)
        if problem is None:
            examined = examine(Random(seed), judge.history, judge.said, found, forger)
    except Exception as error:  # whatever it is, it is wrong
        return f"the checker raised {error!r}"
    report.said[validity] += examined.problem is None
    report.searched += examined.nodes is not None
    report.nodes = max(report.nodes, examined.nodes or 0)
    return examined.problem


def work(task: Task) -> Report:
    """Look at the seeds of a task, up to the first with which anything is wrong."""
    report, forger = Report(), Forger()
    for seed in task.seeds:
        report.looked += 1
        problem = look(seed, story_of(seed, task.features), seed % 2 == 0, task, forger, report)
        if problem is not None:
            report.seed, report.problem = seed, problem
            break
    report.forged = forger.tried
    return report


def _tasks(options: argparse.Namespace, features: Features, looked: int) -> Iterator[Task]:
    end = options.seed + options.histories
    for first in range(options.seed + looked, end, CHUNK):
        yield Task(range(first, min(first + CHUNK, end)), features, not options.undecided, not options.oracles)


def run(options: argparse.Namespace, features: Features) -> Report:
    """All seeds, or up to a disagreement. What an earlier run kept is not done again."""
    total = _kept(options)
    before, told, began = total.looked, 0.0, time.monotonic()
    tasks = _tasks(options, features, before)
    with ProcessPoolExecutor(options.jobs) as pool:
        running = deque(pool.submit(work, task) for task in islice(tasks, 2 * options.jobs))
        while running:
            total.add(running.popleft().result())
            if total.seed is not None:
                break
            running.extend(pool.submit(work, task) for task in islice(tasks, 1))
            if time.monotonic() - told > 2:
                told = time.monotonic()
                _keep(options, total)
                _progress(total.looked, options.histories, (total.looked - before) / (told - began))
        pool.shutdown(cancel_futures=True)
    _keep(options, total)
    _progress(total.looked, options.histories, (total.looked - before) / (time.monotonic() - began))
    print(file=sys.stderr)
    return total


def _progress(looked: int, of: int, rate: float) -> None:
    print(f"\r{looked:,} of {of:,} histories, {rate:,.0f}/s   ", end="", file=sys.stderr, flush=True)


def _kept(options: argparse.Namespace) -> Report:
    """What an earlier run with this file found, if it looked at the same seeds."""
    if options.state is None or not options.state.exists():
        return Report()
    kept = json.loads(options.state.read_bytes())
    if (kept.pop("first"), kept.pop("features")) != (options.seed, options.features):
        raise SystemExit(f"{options.state} is of other seeds or features; name another file, or remove it")
    said = Counter({Validity(name): number for name, number in kept.pop("said").items()})
    return Report(said, **kept)


def _keep(options: argparse.Namespace, report: Report) -> None:
    """Write down what was found so far, unless something was wrong: that is to be found again."""
    if options.state is not None and report.seed is None:
        kept = {one.name: getattr(report, one.name) for one in fields(report)}
        kept |= {"first": options.seed, "features": options.features}
        options.state.write_text(json.dumps(kept))


def tell(report: Report, options: argparse.Namespace, features: Features) -> None:
    """Shrink the first disagreement, show it, and write it down."""
    assert report.seed is not None
    story = story_of(report.seed, features)
    kind, sound = report.problem.split("(")[0], report.seed % 2 == 0

    def wrong(smaller: Story) -> bool:
        # What is left of a correct stream's history, with something left out, need not be one.
        only_here = sound and kind.startswith("no order")
        task = Task(range(0), features, not options.undecided, not options.oracles)
        problem = look(report.seed or 0, smaller, only_here, task, Forger(), Report())
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
    parser.add_argument("--state", type=Path, help="file that keeps what was found, so that another run goes on")
    parser.add_argument("--output", default=".", help="folder for the journal of a disagreement (here)")
    options = parser.parse_args(arguments)
    named = {"judged": JUDGED, "all": ALL, "plain": PLAIN}
    features = named.get(options.features) or _features(parser, options.features)
    report = run(options, features)
    counts = ", ".join(f"{report.said[validity]:,} {validity}" for validity in Validity)
    proven = ", all proven" if report.seed is None and not options.oracles else ""
    print(
        f"{report.looked:,} histories from seed {options.seed}: {report.explained:,} can be explained; {counts}{proven}"
    )
    if not options.oracles:
        print(_of_kernel(report))
    if report.seed is None:
        return 0
    tell(report, options, features)
    return 1


def _of_kernel(report: Report) -> str:
    refuted = report.said[Validity.INVALID] - report.searched
    share = refuted / max(report.said[Validity.INVALID], 1)
    return (
        f"{report.forged:,} forged proofs, none accepted; {share:.2%} of the invalid histories were refuted without a "
        f"search, and {report.nodes:,} nodes were the most that one took"
    )


def _features(parser: argparse.ArgumentParser, names: str) -> Features:
    wanted = [name.strip().replace("-", "_") for name in names.split(",")]
    unknown = [name for name in wanted if name not in Features.__slots__]
    if unknown:
        parser.error(f"no such feature: {', '.join(unknown)}; there are {', '.join(Features.__slots__)}")
    return Features(**dict.fromkeys(wanted, True))


if __name__ == "__main__":
    sys.exit(main())
