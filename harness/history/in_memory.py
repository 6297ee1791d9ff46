"""A recorder that keeps its events in memory instead of writing them to a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from ..workload import Invocation
from . import events
from .recorder import Recorder


class InMemory(Recorder):
    """A recorder whose ``events`` are what a :class:`.recorder.Recorder` would have written after the header."""

    def __init__(self, header: events.Header, clock: Callable[[], int]) -> None:
        self.header = header
        self.events: list[events.Event] = []
        self.calls = 0
        super().__init__(Path(), header, clock)

    def invoke(self, invocation: Invocation, process: int, session: int | None = None) -> int:
        """Record an invocation, count it in ``calls``, and return its id: see :meth:`.recorder.Recorder.invoke`."""
        op = super().invoke(invocation, process, session)
        self.calls += 1
        return op

    def _open(self, path: Path) -> int:
        return -1

    def _write(self, event: msgspec.Struct) -> None:
        if not isinstance(event, events.Header):
            self.events.append(event)  # type: ignore[arg-type]
