"""``fencepost explain``: explains what is wrong with a stored history."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ..exits import ExitCode
from ..failure import UsageFailure
from .budget import budget_of, budgeted
from .output import complain, say, say_all
from .reading import failures_option
from .watching import reporter

_EPILOG = """\b
Examples:
  fencepost explain results/latest
  fencepost explain results/latest --anomaly 2
  fencepost explain results/latest --all
  fencepost explain history.jsonl --graph violation.svg

The history is judged again, so you always see what this version finds. All anomalies are listed, and the first of each
signature is told in full; --all tells every one, grouped by signature. --graph writes the graph of the first anomaly,
or of the one that --anomaly names, with at most 50 operations.

Exit codes: those of the verdict, 0 valid, 1 invalid, 2 unknown; 254 usage, 255 crash, here or of the run.
"""


@click.command(epilog=_EPILOG)
@click.argument("path", type=click.Path(path_type=Path), metavar="RUN")
@click.option("--anomaly", type=click.IntRange(min=1), metavar="N", help="Explain only this one of the list.")
@click.option("--all", "every", is_flag=True, help="Explain every anomaly of the list, grouped by signature.")
@click.option(
    "--graph",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the dependency graph; the ending of FILE, svg, dot, graphml or json, names the format.",
)
@failures_option
@budgeted
def command(path: Path, anomaly: int | None, every: bool, graph: Path | None, failures: str, **given: Any) -> ExitCode:
    """Explain the verdict on RUN, a run's folder or a history file: each anomaly, what proves it, and why."""
    from ..checking import check
    from ..history.s2_porcupine.described import Failures
    from ..report.graph import writer_for
    from ..report.text import crash_lines

    budget = budget_of(given)
    if every and anomaly is not None:
        raise UsageFailure("--all and --anomaly exclude each other; leave one of them out")
    if graph is not None:
        writer_for(graph)  # refuse an unknown ending before the work
    with reporter(str(path), sys.stderr, quiet=True) as watcher:
        checked = check(path, budget=budget, failures=Failures(failures), watcher=watcher)
    say_all(checked.explanation(anomaly, every=every))
    if graph is not None and not checked.violations:
        complain(f"{graph} is not written: there is no anomaly to draw")
    elif graph is not None:
        say(f"graph     {checked.graph(graph, anomaly)}")
    for crash in crash_lines(checked.crashes):
        complain(crash)
    return checked.exit_code
