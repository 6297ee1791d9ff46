"""The kinds of operations: one row each, with the nouns and the events that belong to it.

Whoever reads, writes or builds histories goes by these rows. Only what has parameters or records of its own, which are
appends and reads, is named anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from .. import s2
from . import events


class Kind(IntEnum):
    """What an operation is."""

    APPEND = 0
    READ = 1
    CHECK_TAIL = 2

    @property
    def label(self) -> str:
        """The name for people: ``append``, ``read``, ``check-tail``."""
        return self.name.lower().replace("_", "-")


APPEND, READ = int(Kind.APPEND), int(Kind.READ)
"""The same as plain integers, with which numpy compares a column several times faster."""


@dataclass(frozen=True, slots=True)
class Row:
    """What belongs to one kind.

    ``call`` is the noun that asks for an operation, ``answer`` the noun of its answer. ``invoked`` is the event that
    begins an operation. ``answers`` are the events that end it well: the first is what the recorder makes of
    ``answer``, and others come from other recorders. An operation of any kind can fail or end indefinitely as well.
    """

    call: type[s2.Call[s2.Answer]]
    answer: type[s2.Answer]
    invoked: Callable[..., events.Invoked]
    answers: tuple[Callable[..., events.Completed], ...]


ROWS: Final[Mapping[Kind, Row]] = {
    Kind.APPEND: Row(s2.Append, s2.Ack, events.AppendInvoked, (events.Acked,)),
    Kind.READ: Row(s2.Read, s2.Batch, events.ReadInvoked, (events.BatchRead, events.WholeRead)),
    Kind.CHECK_TAIL: Row(s2.CheckTail, s2.Tail, events.CheckTailInvoked, (events.TailRead,)),
}

INVOKED: Final[Mapping[type, Callable[..., events.Invoked]]] = {row.call: row.invoked for row in ROWS.values()}
"""The events that begin operations, by the noun that asks for them."""

ANSWERED: Final[Mapping[type, Callable[..., events.Completed]]] = {row.answer: row.answers[0] for row in ROWS.values()}
"""The events that end operations well, by the noun of the answer."""
