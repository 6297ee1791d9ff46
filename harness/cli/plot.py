"""``fencepost plot``: draws the pictures of a stored history."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..exits import ExitCode
from ..failure import UsageFailure
from .output import complain, say
from .watching import reporter

_EPILOG = """\b
Examples:
  fencepost plot results/latest
  fencepost plot results/latest --svg --only witness,staircase
  fencepost plot history.jsonl --output pictures
"""


@click.command(epilog=_EPILOG)
@click.argument("path", type=click.Path(path_type=Path), metavar="PATH")
@click.option("--svg", is_flag=True, help="Draw SVG pictures as well as PNG.")
@click.option("--only", metavar="NAME,…", default="", help="Draw only these plots.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the pictures.  [default: plots, beside the history]",
)
def command(path: Path, svg: bool, only: str, output: Path | None) -> ExitCode:
    """Judge the history at PATH (a run's folder, a history file, or - for standard input) and draw its pictures."""
    from ..checking import check
    from ..pictures import PLOTS, PlotFailure
    from ..store import PLOTS as FOLDER
    from ..store import history_of

    names = tuple(name for name in only.split(",") if name)
    for name in names:
        PLOTS.get(name)
    folder = output or history_of(path).parent / FOLDER
    complaints: tuple[str, ...] = ()
    with reporter(str(path), sys.stderr, quiet=True) as watcher:
        checked = check(path, watcher=watcher)
        try:
            files = checked.plot(folder, formats=("png", "svg") if svg else ("png",), only=names, watcher=watcher)
        except PlotFailure as failure:
            files, complaints = list(failure.files), failure.complaints
        except OSError as error:
            raise UsageFailure(f"{folder}: cannot be written: {error.strerror}; choose another --output") from error
    for drawn in files:
        say(str(drawn))
    for complaint in complaints:
        complain(complaint)
    return ExitCode.CRASH if complaints else ExitCode.VALID
