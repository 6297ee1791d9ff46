"""Prints for people: every line of every command goes through here, so that each is printable."""

from __future__ import annotations

from collections.abc import Iterable

import click

from ..bearer import short_token_warning
from ..printable import printable, printable_lines


def say(line: str, *, err: bool = False) -> None:
    """Print one line; whatever is unprintable in it, line breaks included, is escaped."""
    click.echo(printable(line), err=err)


def say_all(lines: Iterable[str]) -> None:
    """Print each of the lines as it comes."""
    for line in lines:
        say(line)


def warn_of_short_token(variable: str | None) -> None:
    """Warn where the bearer token in an environment variable is too short to be told from other words."""
    warning = short_token_warning(variable)
    if warning is not None:
        complain(warning)


def complain(text: str) -> None:
    """Print what went wrong on standard error, after the command's name; further lines of it are indented."""
    for line in printable_lines(f"fencepost: {text}"):
        click.echo(line, err=True)
