"""One stream of a history: linearizability is local, so each stream is judged alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fencepost.harness.history.history import History, Int64s

from .kernel.columns import rows_of


@dataclass(frozen=True, slots=True)
class Stream:
    """The ``rows`` of one stream, ascending; it is the one of this ``index`` in the header."""

    history: History
    index: int
    rows: Int64s

    @property
    def name(self) -> str:
        """Its name."""
        return self.history.header.streams[self.index].name

    @property
    def tail(self) -> int:
        """The tail before the first operation."""
        return self.history.header.streams[self.index].tail


def streams(history: History) -> Iterator[Stream]:
    """Every stream that the header declares, in its order."""
    for index, rows in enumerate(rows_of(history)):
        yield Stream(history, index, rows)
