"""A recorder that keeps its events instead of writing them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

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

    def invoke(self, invocation: Invocation, process: int, session: int | None = None) -> int:
        """See :class:`.recorder.Recorder`."""
        op = super().invoke(invocation, process, session)
        self.calls += 1
        return op

    def _open(self, path: Path) -> int:
        return -1

    def _write(self, event: msgspec.Struct) -> None:
        if not isinstance(event, events.Header):
            self.events.append(event)  # type: ignore[arg-type]
