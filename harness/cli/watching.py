"""Shows the progress of long operations: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from ..printable import printable
from ..reporter import Watcher

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status
    from rich.text import Text

_EVERY = 5.0
"""Seconds between two plain lines of progress."""

_PATIENCE = 2.0
"""Seconds before a quiet reporter says something."""


@contextmanager
def reporter(title: str, stream: TextIO, quiet: bool = False) -> Iterator[Watcher]:
    """Give a reporter that writes to ``stream``: standard error, since standard output belongs to scripts.

    A ``quiet`` one prints nothing in the first seconds, unless it is live.
    """
    if not stream.isatty():
        yield Plain(title, stream, quiet)
        return
    from rich.console import Console

    console = Console(file=stream, markup=False, emoji=False, highlight=False)
    with console.status(_shown(title)) as status:
        yield Live(title, console, status)


class Plain:
    """Prints one line per phase, and one every few seconds."""

    def __init__(self, title: str, stream: TextIO, quiet: bool) -> None:
        self._title = title
        self._stream = stream
        self._quiet = quiet
        self._last = time.monotonic()

    def phase(self, text: str) -> None:
        """A new phase begins."""
        if not self._quiet or time.monotonic() - self._last >= _PATIENCE:
            self._last = time.monotonic()
            print(printable(f"{self._title}: {text}"), file=self._stream, flush=True)

    def progress(self, completed: int, elapsed: float, limit: float | None) -> None:
        """Print a line unless the last one is recent."""
        self._seldom(_progress(completed, elapsed, limit))

    def reading(self, done: int, size: int) -> None:
        """Print a line unless the last one is recent."""
        self._seldom(_reading(done, size))

    def _seldom(self, text: str) -> None:
        if time.monotonic() - self._last >= _EVERY:
            self._last = time.monotonic()
            print(printable(f"{self._title}: {text}"), file=self._stream, flush=True)


class Live:
    """Shows one line that changes in place."""

    def __init__(self, title: str, console: Console, status: Status) -> None:
        self._title = title
        self._console = console
        self._status = status

    def phase(self, text: str) -> None:
        """A new phase begins."""
        if text.startswith("interrupted"):
            self._console.print(printable(text))
        self._update(text)

    def progress(self, completed: int, elapsed: float, limit: float | None) -> None:
        """Update the line."""
        self._update(_progress(completed, elapsed, limit))

    def reading(self, done: int, size: int) -> None:
        """Update the line."""
        self._update(_reading(done, size))

    def _update(self, text: str) -> None:
        self._status.update(_shown(f"{self._title}: {text}"))


def _shown(text: str) -> Text:
    """Return the text as a value of rich's, which would take brackets in a string for markup."""
    from rich.text import Text

    return Text(printable(text))


def _progress(completed: int, elapsed: float, limit: float | None) -> str:
    of = "" if limit is None else f" of {limit:g}"
    return f"{completed:,} operations after {elapsed:.0f}{of} s, {completed / max(elapsed, 1e-9):,.0f} per second"


def _reading(done: int, size: int) -> str:
    return f"read {done / 1e6:,.0f} of {size / 1e6:,.0f} MB"
