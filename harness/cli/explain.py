"""``fencepost explain``: what is wrong with a stored history, and why."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..check_limits import CheckLimits
from ..exits import ExitCode
from ..failure import UsageFailure
from .budget import budgeted, taken
from .output import complain, say, say_all
from .reading import failures_option
from .watching import reporter

if TYPE_CHECKING:
    from ..verdict import Verdict, Violation

_EPILOG = """\b
Examples:
  fencepost explain results/latest
  fencepost explain results/latest --anomaly 2
  fencepost explain history.jsonl --graph violation.svg

The history is judged anew, so that what is told is always what this version finds. Of a graph at most 50 operations
are written; --graph writes the first anomaly's, or that of --anomaly.

Exit codes: those of the verdict, 0 valid, 1 invalid, 2 unknown; 254 usage, 255 crash.
"""


@click.command(epilog=_EPILOG)
@click.argument("path", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--anomaly", type=click.IntRange(min=1), metavar="N", help="Tell only this one of the list.")
@click.option(
    "--graph",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the dependency graph: its ending, svg, dot, graphml or json, says how.",
)
@failures_option
@budgeted
def command(path: Path, anomaly: int | None, graph: Path | None, failures: str, **given: Any) -> ExitCode:
    """Explain the verdict on RUN, a run's folder or a history file: each anomaly, what proves it, and why."""
    from ..history.reader import read_history
    from ..history.s2_porcupine.described import Failures
    from ..judge import judge
    from ..report.explanation import explanation
    from ..report.graph import writer_for
    from ..store import history_of

    budget = taken(given)
    writer = None if graph is None else writer_for(graph)
    file = history_of(path)
    with reporter(str(path), sys.stderr, quiet=True) as watcher:
        history = read_history(file, watcher.reading, Failures(failures))
        verdict = judge(history, lambda name: watcher.phase(f"checking ({name})"), CheckLimits(budget))
    chosen = _chosen(verdict, anomaly)
    say_all(explanation(history, verdict, anomaly))
    if graph is not None and writer is not None:
        if chosen is None:
            complain(f"{graph} is not written: there is no anomaly to draw")
        else:
            writer(history, chosen, graph)
            say(f"graph     {graph}")
    return verdict.exit_code


def _chosen(verdict: Verdict, anomaly: int | None) -> Violation | None:
    """The anomaly of that number, or the first. Raises UsageFailure where there is none of that number."""
    found = verdict.violations
    if anomaly is None:
        return found[0] if found else None
    if anomaly > len(found):
        there_are = f"there are {len(found)}" if len(found) > 1 else "there is one" if found else "none was found"
        raise UsageFailure(f"--anomaly {anomaly}: {there_are}; leave the option out to see them")
    return found[anomaly - 1]
