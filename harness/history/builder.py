"""Builds the columns of a history from its events, one event at a time."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from . import events
from .columns import as_array
from .history import FOREVER, NONE, History, Kind, Outcome
from .parts import Parts
from .selection import select
from .tables import KINDS, LARGEST, InconsistentEvent, Tables

__all__ = ["Builder", "InconsistentEvent", "too_large"]

_ANSWERS = {
    events.Acked: (Kind.APPEND, "ack"),
    events.BatchRead: (Kind.READ, "batch"),
    events.WholeRead: (Kind.READ, "whole"),
    events.TailRead: (Kind.CHECK_TAIL, "tail"),
}

_OWN = frozenset({"op", "of", "time", "intended"})
"""Fields whose numbers are the recorder's own and lie in columns as they are."""


class Builder:
    """Builds one history from its events, in the order of the file.

    :meth:`add` raises :class:`InconsistentEvent` for a duplicate operation id, a return without a call, a second
    return, an answer of the wrong kind, an unknown stream, a return before its call, an invocation before the one
    that stands before it, a frame of no open read, an event of a later version than the header's, or anything after
    the end; and OverflowError for a number beyond the bounds that :func:`too_large` names.
    """

    def __init__(self, header: events.Header) -> None:
        self._tables = Tables(header)
        self._rows: dict[int, int] = {}
        self._last = (0, NONE)
        self._kinds = array("B")
        self._invoked = array("q")
        self._outcomes = array("B")
        self._ended = array("q")
        self._returned = array("q")
        self._reads: dict[int, events.ReadInvoked] = {}
        self._parts: dict[int, Parts] = {}
        self._framed = False
        self._whole = False

    def add(self, event: events.Event) -> None:
        """Add the next event."""
        if not 0 <= event.time < FOREVER:
            raise InconsistentEvent("time", f"the time {event.time} is not between 0 and 2⁶³ ns")
        if self._whole:
            raise InconsistentEvent("type", "nothing may follow the end; were two histories put into one file?")
        _TAKERS[type(event)](self, event)

    def build(self, warnings: list[str] | None = None) -> History:
        """Return the history of the events added so far."""
        outcome, ended, returned = (as_array(column) for column in (self._outcomes, self._ended, self._returned))
        history = self._tables.build(outcome, ended, returned, self._whole, warnings or [])
        # A frame came later than its read was invoked.
        return select(history, np.argsort(history.invoked, kind="stable")) if self._framed else history

    def _new(self, op: int, kind: Kind, invoked: int) -> int:
        row = len(self._rows)
        if self._rows.setdefault(op, row) != row:
            raise InconsistentEvent("op", f"operation {op} was invoked before")
        self._kinds.append(kind)
        self._invoked.append(invoked)
        self._outcomes.append(Outcome.INDEFINITE)
        self._ended.append(FOREVER)
        self._returned.append(FOREVER)
        return row

    def _invoke(self, event: events.Invoked) -> None:
        before, last = self._last
        if event.time < before:
            raise InconsistentEvent(
                "time",
                f"operation {event.op} was invoked at {event.time} ns, but operation {last}, which stands before it, "
                f"at {before} ns; invocations stand in the order of their times",
            )
        self._last = event.time, event.op
        row = self._new(event.op, KINDS[type(event)], event.time)
        self._tables.ask(row, event)
        if isinstance(event, events.ReadInvoked):
            self._reads[row] = event

    def _fault(self, event: events.Fault) -> None:
        self._tables.faults.append(event)

    def _remark(self, event: events.Remark) -> None:
        self._tables.remarks.append(event)

    def _close(self, event: events.End) -> None:
        self._whole = True

    def _frame(self, event: events.Frame) -> None:
        self._tables.since(2, "type", "a frame")
        of = self._rows.get(event.of, NONE)
        if of not in self._reads:
            raise InconsistentEvent("of", f"operation {event.of} is no read that has yet to end")
        parts = self._parts.setdefault(of, Parts(of, self._reads[of]))
        if event.time < parts.read.time:
            raise InconsistentEvent("time", f"the frame {event.op} came before its read was invoked")
        row = self._new(event.op, Kind.READ, parts.read.time)
        self._end(row, event.time, Outcome.OK)
        self._tables.part(row, event, parts)
        self._framed = True

    def _complete(self, event: events.Completed) -> None:
        row = self._rows.get(event.op)
        if row is None:
            raise InconsistentEvent("op", f"operation {event.op} returned but was never invoked")
        if self._ended[row] != FOREVER:
            raise InconsistentEvent("op", f"operation {event.op} returned before")
        if event.time < self._invoked[row]:
            raise InconsistentEvent("time", f"operation {event.op} returned before it was invoked")
        if isinstance(event, events.Indefinite):
            self._end(row, event.time, Outcome.INDEFINITE)
        elif isinstance(event, events.Failed):
            self._end(row, event.time, Outcome.FAILED)
        else:
            wanted, answer = _ANSWERS[type(event)]
            if self._kinds[row] != wanted:
                raise InconsistentEvent("type", f"{Kind(self._kinds[row]).label} cannot be answered by {answer!r}")
            self._end(row, event.time, Outcome.OK)
        self._reads.pop(row, None)
        self._parts.pop(row, None)
        self._tables.answer(row, event)

    def _end(self, row: int, time: int, outcome: Outcome) -> None:
        self._outcomes[row] = outcome
        self._ended[row] = time
        if outcome is not Outcome.INDEFINITE:
            self._returned[row] = time


_TAKERS: Final[dict[type, Callable[[Builder, Any], None]]] = {
    **dict.fromkeys(KINDS, Builder._invoke),
    **dict.fromkeys((*_ANSWERS, events.Failed, events.Indefinite), Builder._complete),
    events.Frame: Builder._frame,
    events.Fault: Builder._fault,
    events.Remark: Builder._remark,
    events.End: Builder._close,
}
"""Who takes which event: looked up faster than asked for, one kind after another."""


def too_large(event: events.Event) -> tuple[str, str]:
    """Return the first field of an event whose number is too large, and the bound that it exceeds."""
    for field in event.__struct_fields__:
        limit, text = (FOREVER, "2⁶³") if field in _OWN else (LARGEST, "2⁶⁴")
        if _largest(getattr(event, field)) > limit:
            return field, text
    raise AssertionError(event)


def _largest(value: Any) -> int:
    if isinstance(value, list | tuple):
        return max(map(_largest, value), default=0)
    if isinstance(value, dict):
        return _largest(list(value.values()))
    return value if isinstance(value, int) else 0
