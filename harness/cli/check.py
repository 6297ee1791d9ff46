"""``fencepost check``: judges stored histories."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ..check_limits import Budget, usable_cores
from ..exits import ExitCode, worst
from ..failure import UsageFailure
from ..files import refuse_to_replace
from .budget import budget_of, budgeted
from .output import complain, say, say_all
from .reading import failures_option
from .watching import reporter

_EPILOG = """\b
Examples:
  fencepost check results/latest
  fencepost check results/fenced/* --json
  fencepost check history.jsonl.zst
  fencepost check history.jsonl --certificate proof.zip
  zcat history.jsonl.gz | fencepost check -

The format of each history is recognised by its content; so is gzip or Zstandard compression. A stored history gets
exactly the verdict of its run. Only --certificate writes a file: the proof of the verdict, which is verified at
once. A proof that does not verify counts as a crash.

Exit codes: 0 valid, 1 invalid, 2 unknown, 254 usage, 255 crash, here or of the run; the worst of several histories.
"""


@click.command(epilog=_EPILOG)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH…")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per history on standard output.")
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the proof of the verdict to FILE and verify it.",
)
@failures_option
@budgeted
def command(paths: tuple[Path, ...], as_json: bool, certificate: Path | None, failures: str, **given: Any) -> ExitCode:
    """Judge the histories at PATH: each a run's folder, a history file, or - for standard input."""
    budget = budget_of(given)
    if certificate is not None and len(paths) > 1:
        raise UsageFailure("--certificate takes the proof of one history; name one PATH")
    if certificate is not None:
        refuse_to_replace(certificate)
    several = len(paths) > 1 and not as_json
    return worst([_check_or_complain(path, as_json, certificate, failures, budget, several) for path in paths])


def _check_or_complain(
    path: Path, as_json: bool, certificate: Path | None, failures: str, budget: Budget, several: bool
) -> ExitCode:
    if several:
        say(f"── {path}")
    try:
        return _check(path, as_json, certificate, failures, budget)
    except UsageFailure as failure:  # the others are judged all the same
        complain(str(failure))
        if as_json:
            from ..report.summary import as_line, failed

            say(as_line(failed(path, str(failure), ExitCode.USAGE)))
        return ExitCode.USAGE


def _check(path: Path, as_json: bool, certificate: Path | None, failures: str, budget: Budget) -> ExitCode:
    from ..checking import check
    from ..history.s2_porcupine.described import Failures
    from ..report.text import crash_lines

    complaints: list[str] = []
    with reporter(str(path), sys.stderr, quiet=True) as watcher:
        checked = check(path, budget=budget, failures=Failures(failures), cores=usable_cores(), watcher=watcher)
        if certificate is not None:
            watcher.phase("verifying the certificate")
            found = checked.write_certificate(certificate)
            complaints = [f"the verdict's certificate does not verify: {failure}" for failure in found.failures]
    if as_json:
        from ..report.summary import as_line

        say(as_line(checked.as_dict()))
    else:
        say_all(checked.lines())
    for complaint in (*crash_lines(checked.crashes), *complaints):
        complain(complaint)
    return ExitCode.CRASH if complaints else checked.exit_code
