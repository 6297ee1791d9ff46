"""Prints rows as a table for people or as JSON for scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..printable import printable
from .output import say

if TYPE_CHECKING:
    from rich.text import Text


def show(rows: Sequence[Mapping[str, Any]], as_json: bool, empty: str = "") -> None:
    """Print rows that have the same keys: as a JSON list, or as a table as wide as the terminal."""
    if as_json:
        from ..report.summary import as_line

        say(as_line(rows))
    elif not rows:
        say(empty, err=True)
    else:
        _table(rows)


def _cell(value: object) -> Text:
    """Return a cell; a list has a line for each of its items."""
    from rich.text import Text

    return Text("\n".join(printable(str(line)) for line in (value if isinstance(value, list) else [value])))


def _table(rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, name in enumerate(rows[0]):
        table.add_column(name, no_wrap=index == 0, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    console = Console()
    Console(width=None if console.is_terminal else 160, soft_wrap=False).print(table)
