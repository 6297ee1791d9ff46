"""``fencepost validate``: lists what is wrong with a history file, and what a checker could decide."""

from __future__ import annotations

from pathlib import Path

import click

from ..exits import ExitCode
from .output import complain, say, say_all

_EPILOG = """\b
Examples:
  fencepost validate history.jsonl
  my-recorder | fencepost validate -

For authors of recorders: docs/history.md describes the format, docs/exchange.md the others that can be read.

Exit codes: 0 a checker can read the history, 254 something is wrong with it. It is not judged.
"""


@click.command(epilog=_EPILOG)
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
def command(path: Path) -> ExitCode:
    """List up to 20 problems of the history in FILE (a run's folder, a file, or - for standard input), each with its
    line and field, and say what the rest would let a checker decide."""
    from ..history.problems import MOST, examine
    from ..history.sniffing import format_of
    from ..history.sources import name_of, read_bytes
    from ..history.survey import survey
    from ..store import history_of

    file = history_of(path)
    data = read_bytes(file)
    found = examine(data, name_of(file))
    for problem in found.wrong:
        complain(problem)
    if len(found.wrong) == MOST:
        complain(f"that is {MOST} problems; there may be more")
    if found.history is not None:
        say(f"format: {format_of(data)}")
        if found.left_out:
            say(f"without the {found.left_out:,} lines of the operations that are wrong:")
        say_all(survey(found.history))
        for warning in found.history.warnings:
            say(f"warning: {warning}")
    return ExitCode.USAGE if found.wrong else ExitCode.VALID
