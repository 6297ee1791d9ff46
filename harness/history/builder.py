"""Builds the columns of a history from its events, one event at a time."""

from __future__ import annotations

from typing import Any, Final

from . import events
from .contradictions import Contradiction, InconsistentEvent, Terms
from .history import FOREVER, History
from .joining import joined
from .tables import LARGEST, Tables

__all__ = ["TERMS", "Builder", "InconsistentEvent", "too_large"]

_OWN = frozenset({"op", "of", "time", "intended"})
"""Fields whose numbers are the recorder's own and lie in columns as they are."""

TERMS: Final = Terms(
    fields={"invoked": "time", "ended": "time", "part_of": "of", "append_timestamps": "timestamps"}
    | {f"append_{name}": name for name in ("fences", "trims")}
    | {f"read_{name}": name for name in ("fences", "trims", "contents")}
)
"""What events call things."""


class Builder:
    """Builds one history from its events, in the order of the file.

    :meth:`add` raises :class:`InconsistentEvent` for an event that contradicts itself or stands behind the end, and
    OverflowError for a number beyond the bounds that :func:`too_large` names. ``terms`` is for errors.
    """

    def __init__(self, header: events.Header, terms: Terms = TERMS) -> None:
        self.tables = Tables(header)
        self._terms = terms
        self._place = 0

    def add(self, event: events.Event, place: int | None = None) -> None:
        """Add the next event; ``place``, which grows from event to event, is where it stands."""
        self._place = self._place + 1 if place is None else place
        self.tables.add(event, self._place)

    def joined(self, warnings: list[str], cut: bool = False) -> tuple[History, Contradiction | None]:
        """Return the history of the events added so far, and the first contradiction in it, if there is one.

        ``cut`` says that lines are missing: an operation that has not ended yet is then no contradiction.
        """
        return joined(self.tables, warnings, self._terms, cut)

    def build(self, warnings: list[str] | None = None) -> History:
        """Return the history of the events added so far. Raises :class:`InconsistentEvent` for a contradiction.

        Whether processes do one thing at a time is left to whoever reads the history as a whole.
        """
        history, found = self.joined(warnings or [], cut=True)
        if found is not None:
            raise InconsistentEvent(found.field, found.text)
        return history


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
