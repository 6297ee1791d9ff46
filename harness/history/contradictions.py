"""What is wrong with a history: the first contradiction, its place, and what each format calls things."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .history import Int64s


class InconsistentEvent(Exception):
    """An event contradicts the header, itself or others. The text says how, and ``field`` names the field at fault."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class Contradiction:
    """What stands at ``place`` (an offset in the file, a row) cannot be right. ``text`` says why, and what to do.

    ``field`` is what the format calls the column at fault.
    """

    place: int
    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a format calls things in its errors.

    ``fields`` maps names of columns (those of the Parquet format) to those of its fields, where they differ.
    ``answers`` maps what an answer is (:class:`.tables.Ending`) and the kind of operation that it can be of to its
    name. ``moment`` is how the format tells a time, and ``sessions`` the advice for a process that does two things.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[tuple[int, int], str] = field(default_factory=dict)
    process: str = "process"
    invoked: str = "invoked"
    returned: str = "returned"
    moment: str = "at {} ns"
    sessions: str | None = "number processes apart, or give what is pipelined a session"


class First:
    """Keeps the contradiction with the least place; of several at one place, the one that was found first."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.found: Contradiction | None = None

    def note(self, wrong: Any, places: Int64s, column: str, text: Callable[[int], str]) -> None:
        """Note the rows in which ``wrong`` (bool, (n,)) is true, with their ``places`` (n,); ``text`` tells one."""
        rows = np.flatnonzero(wrong)
        if len(rows):
            row = int(rows[np.argmin(places[rows])])
            if self.found is None or places[row] < self.found.place:
                self.at(int(places[row]), column, text(row))

    def at(self, place: int, column: str, text: str) -> None:
        """Note that the column is wrong at a place."""
        if self.found is None or place < self.found.place:
            self.found = Contradiction(place, self.terms.fields.get(column, column), text)
