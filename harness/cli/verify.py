"""``fencepost verify``: re-checks the proofs of stored verdicts."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..exits import ExitCode, worst
from ..failure import UsageFailure
from .output import complain, say, say_all
from .watching import reporter

_EPILOG = """\b
Examples:
  fencepost verify results/latest
  fencepost verify history.jsonl --certificate proof.zip

The verifier is the checker's kernel, run alone on the history and the proof (docs/certificates.md).

Exit codes: 0 verified, whatever the verdict; 254 a file is missing, damaged, or the proof of another history; 255 the
proof does not bear out the verdict; the worst of several runs.
"""


@click.command(epilog=_EPILOG)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN…")
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The proof, if it is not in the run's folder. RUN may then be a history file.",
)
def command(runs: tuple[Path, ...], certificate: Path | None) -> ExitCode:
    """Verify, from the operations alone, that each RUN's verdict is right."""
    if certificate is not None and len(runs) > 1:
        raise UsageFailure("--certificate takes the proof of one history; name one RUN")
    return worst([_verify_or_complain(run, certificate) for run in runs])


def _verify_or_complain(run: Path, certificate: Path | None) -> ExitCode:
    try:
        return _verify(run, certificate)
    except UsageFailure as failure:  # the others are verified all the same
        complain(str(failure))
        return ExitCode.USAGE


def _verify(run: Path, certificate: Path | None) -> ExitCode:
    from ..checking import verify

    with reporter(str(run), sys.stderr, quiet=True) as watcher:
        found = verify(run, certificate, watcher=watcher)
    say_all(found.lines)
    for failure in found.failures:
        complain(f"{run}: {failure}")
    say(f"{'VERIFIED' if found.verified else 'NOT VERIFIED'}: {run}")
    return ExitCode.VALID if found.verified else ExitCode.CRASH
