"""``fencepost verify``: re-check the proofs of stored verdicts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..exits import ExitCode, worst
from ..failure import UsageFailure
from .output import complain, say, say_all
from .watching import reporter

if TYPE_CHECKING:
    from ..certificates import StoredCertificate

_EPILOG = """\b
Examples:
  fencepost verify results/latest
  fencepost verify history.jsonl --certificate proof.zip

What verifies shares no code with what judged: see docs/certificates.md.

Exit codes: 0 verified (whatever the verdict), 254 a missing or damaged file, or the proof of another history, 255 a
verdict that its proof does not bear out; the worst of several runs.
"""


@click.command(epilog=_EPILOG)
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN…")
@click.option(
    "--certificate",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The proof, where it does not lie in the run's folder. RUN may be a history file then.",
)
def command(runs: tuple[Path, ...], certificate: Path | None) -> ExitCode:
    """Verify, from the operations alone, that each RUN's verdict is right."""
    if certificate is not None and len(runs) > 1:
        raise UsageFailure("--certificate takes the proof of one history; name one RUN")
    return worst([_verify_or_complain(run, certificate) for run in runs])


def _verify_or_complain(run: Path, certificate: Path | None) -> ExitCode:
    try:
        return _verify(run, certificate)
    except UsageFailure as failure:  # one bad file does not keep the others from being verified
        complain(str(failure))
        return ExitCode.USAGE


def _verify(run: Path, certificate: Path | None) -> ExitCode:
    from .. import certificates
    from ..history.reader import read_history
    from ..history.s2_porcupine.described import Failures
    from ..store import CERTIFICATE, history_of, identity

    file = history_of(run)
    if certificate is None and not run.is_dir():
        raise UsageFailure(f"{run} is no run's folder; name its certificate with --certificate FILE")
    stored = certificates.read(run / CERTIFICATE if certificate is None else certificate)
    with reporter(str(run), sys.stderr, quiet=True) as watcher:
        history = read_history(file, watcher.reading, Failures(stored.history.get("failures", "any")))
        watcher.phase("verifying")
        found = certificates.verify(history, identity(file), stored)
    failures = [*found.failures, *(_told_otherwise(run, stored) if run.is_dir() else [])]
    say_all(found.lines)
    for failure in failures:
        complain(f"{run}: {failure}")
    say(f"{'NOT VERIFIED' if failures else 'VERIFIED'}: {run}")
    return ExitCode.CRASH if failures else ExitCode.VALID


def _told_otherwise(run: Path, stored: StoredCertificate) -> list[str]:
    """Where the verdict beside it says something else than the certificate proves."""
    from ..store import read_verdict

    verdict = read_verdict(run)
    if verdict is None:
        return []
    told = {name: result.get("validity") for name, result in verdict.get("checkers", {}).items()}
    return [
        f"{name}: the stored verdict is {told.get(name)}, and the certificate is of {validity}"
        for name, validity in stored.validities.items()
        if told.get(name) != validity
    ]
