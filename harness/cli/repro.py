"""``fencepost repro``: tells the story of a known bug from start to end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..exits import ExitCode
from ..failure import UsageFailure
from ..options import RunOptions
from ..repros import REPROS, Repro
from ..store import HISTORY, PLOTS
from .output import complain, say, say_all
from .watching import reporter

if TYPE_CHECKING:
    from ..run import RunResult
    from ..verdict import Violation

_EPILOG = "\b\nExample:\n  fencepost repro stale-writer\n\n\b\nThe stories:\n" + "\n".join(
    f"  {name}" for name in REPROS
)


@click.command(
    epilog=_EPILOG
    + "\n\nThe exit code is the run's: 1, since the bug makes its history invalid, or 0 if the run missed it."
)
@click.argument("name")
@click.option(
    "--seed",
    type=int,
    default=1,
    show_default=True,
    help="Makes random choices repeatable; which client wins a race is up to the machine.",
)
@click.option("--results", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
def command(name: str, seed: int, results: Path) -> ExitCode:
    """Plant the bug of the story NAME, race clients against it, and show how it is caught."""
    from ..run import RunFailure, execute

    if name not in REPROS:
        raise UsageFailure(f"no story is called {name!r}; there are: {', '.join(REPROS)}")
    repro = REPROS[name]
    options = RunOptions(
        workload=repro.workload,
        seed=seed,
        results=results,
        time_limit=repro.time_limit,
        target_options={"bug": (repro.bug,)},
        faults=repro.faults,
    )
    _tell_beginning(repro)
    with reporter(name, sys.stderr) as watcher:
        try:
            result = execute(options, watcher)
        except RunFailure as failure:
            complain(str(failure))
            return ExitCode.CRASH
    _tell_end(repro, result)
    for complaint in (*result.complaints, *([result.crash] if result.crash else [])):
        complain(complaint)
    return result.exit_code


def _tell_beginning(repro: Repro) -> None:
    faults = f", {' and '.join(repro.faults)} strikes" if repro.faults else ""
    run = f"The run: workload {repro.workload}, bug {repro.bug}{faults}, {repro.time_limit:g} s."
    say_all((repro.story, "", run, ""))


def _tell_end(repro: Repro, result: RunResult) -> None:
    from ..report.text import violation_lines

    violations = result.verdict.violations
    found = [number for number, violation in enumerate(violations, 1) if violation.anomaly == repro.anomaly]
    if found:
        pictures = {number: result.folder / PLOTS / f"witness-{number}.png" for number in found}
        pictured = [number for number, picture in pictures.items() if picture.exists()]
        told = min(pictured or found, key=lambda number: _intricacy(violations[number - 1]))
        say_all(violation_lines(result.history, violations[told - 1]))
        say("")
        say(f"in all    {sum(violation.count for violation in violations)} broken promises")
        if told in pictured:
            say(f"picture   {pictures[told]}")
    else:
        say(f"This run did not show {repro.anomaly}: races need luck. Try another --seed.")
    say(f"history   {result.folder / HISTORY}")
    say(f"verdict   {result.verdict.validity}, exit code {int(result.exit_code)}")


def _intricacy(violation: Violation) -> tuple[int, bool]:
    """Rank a violation for the story: fewest operations first, then one with an edge of real time, as it reads best."""
    return len(violation.operations), all(edge.kind != "rt" for edge in violation.edges)
