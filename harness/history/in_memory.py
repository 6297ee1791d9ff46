"""A recorder that keeps its events instead of writing them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from ..s2 import Batch
from ..workload import Invocation
from . import events
from .recorder import Recorder


class InMemory(Recorder):
    """The events of a history so far: those that a :class:`.recorder.Recorder` would have written."""

    def __init__(self, header: events.Header, clock: Callable[[], int]) -> None:
        self.header = header
        self.events: list[events.Event] = []
        self.calls = 0
        super().__init__(Path(), header, clock)

    def invoke_in(self, invocation: Invocation, process: int, session: int | None) -> int:
        """Record an invocation that is of a session, if it is of one; the id of the operation."""
        op = self.invoke(invocation, process)
        self.calls += 1
        invoked = self.events[-1]
        if session is not None and isinstance(invoked, events.AppendInvoked | events.ReadInvoked):
            self.events[-1] = msgspec.structs.replace(invoked, session=session)
        return op

    def part(self, of: int, part: Batch) -> None:
        """Record a part of the answer to a read that goes on."""
        op, self._next = self._next, self._next + 1
        found = self._batch(op, self._clock(), part.records, part.tail)
        fields = {name: getattr(found, name) for name in found.__struct_fields__}
        self.events.append(events.Frame(of=of, **fields))

    def _open(self, path: Path) -> int:
        return -1

    def _write(self, event: msgspec.Struct) -> None:
        if not isinstance(event, events.Header):
            self.events.append(event)  # type: ignore[arg-type]
