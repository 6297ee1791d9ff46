"""``fencepost convert``: writes a history in another format."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from ..exits import ExitCode
from ..failure import UsageFailure
from ..files import refuse_to_replace, replaced
from .output import say
from .reading import failures_option
from .watching import reporter

_EPILOG = """\b
Examples:
  fencepost convert results/latest orders.jsonl --to s2-porcupine
  fencepost convert orders.jsonl history.parquet --to parquet
  fencepost convert history.parquet history.jsonl.zst --to jsonl
  fencepost convert results/latest - --to s2-porcupine --stream orders

Standard error lists what the format cannot express, and how often the history held it. A TARGET that ends in .gz or
.zst is compressed. docs/exchange.md describes the formats.
"""


@click.command(epilog=_EPILOG)
@click.argument("source", type=click.Path(path_type=Path), metavar="SOURCE")
@click.argument("target", type=click.Path(path_type=Path), metavar="[TARGET]", default="-")
@click.option(
    "--to", type=click.Choice(["jsonl", "s2-porcupine", "parquet"]), required=True, help="The format to write."
)
@click.option("--stream", metavar="NAME", help="The stream to write, if the format holds only one.")
@click.option("--force", is_flag=True, help="Overwrite the target if it exists.")
@failures_option
def command(source: Path, target: Path, to: str, stream: str | None, force: bool, failures: str) -> ExitCode:
    """Write the history at SOURCE (a run's folder, a file, or - for standard input) to TARGET (default: standard
    output). TARGET is written whole or not at all."""
    from ..conversion import compressed, converted
    from ..history.losses import Losses
    from ..history.reader import read_history
    from ..history.s2_porcupine.described import Failures
    from ..history.sniffing import Format
    from ..history.sources import STDIN
    from ..store import history_of

    if target != STDIN:
        refuse_to_replace(target)
        if target.exists() and not force:
            raise UsageFailure(f"{target} exists; choose another name, or --force to overwrite it")
    file, losses = history_of(source), Losses()
    with reporter(str(source), sys.stderr, quiet=True) as watcher:
        history = read_history(file, watcher.reading, Failures(failures))
        watcher.phase("writing")
        pieces = compressed(converted(history, Format(to), losses, stream), target.name)
        if target == STDIN:
            _print(pieces)
        else:
            _write(pieces, target)
    for warning in history.warnings:
        say(f"warning: {warning}", err=True)
    if losses:
        say(f"lost, since {to} cannot express it:", err=True)
        for line in losses.lines():
            say(f"  {line}", err=True)
    return ExitCode.VALID


def _print(pieces: Iterable[bytes]) -> None:
    whole = b"".join(pieces)
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stdout.buffer.write(whole)
        sys.stdout.buffer.flush()


def _write(pieces: Iterable[bytes], target: Path) -> None:
    try:
        with replaced(target) as draft, draft.open("wb") as file:
            file.writelines(pieces)
    except OSError as error:
        raise UsageFailure(f"{target}: cannot be written: {error.strerror}; choose another target") from error
