"""``fencepost validate``: what is wrong with a history, and what it would let a checker decide."""

from __future__ import annotations

from pathlib import Path

import click

from ..exits import ExitCode
from .output import complain, say, say_all

_EPILOG = """\b
Examples:
  fencepost validate history.jsonl
  my-recorder | fencepost validate -

For authors of recorders: docs/history.md has the format, docs/exchange.md those that are read as well.

Exit codes: 0 a checker can read it, 254 something is wrong with it. Nothing is judged.
"""


@click.command(epilog=_EPILOG)
@click.argument("path", type=click.Path(path_type=Path), metavar="FILE")
def command(path: Path) -> ExitCode:
    """Say what is wrong with the history in FILE (a run's folder, a file, or - for standard input), up to 20 problems
    each with its line and field, and what it would let a checker decide."""
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
