"""A scheduler on a stage: clients in memory, and the history that comes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from fencepost import PENDING, Append, Completion, Context, History, Invocation, Record, read_history
from fencepost.harness.client.outcome import Definite, Indefinite, Outcome
from fencepost.harness.history.events import SCHEMA, Header, StreamState
from fencepost.harness.history.recorder import Recorder
from fencepost.harness.scheduler import Scheduler
from fencepost.harness.workload import Strike
from tests.run.doubles import Answering, MemoryClient, TimedService

REFUSED = Definite("not_sent", None, {"message": "refused"})
LOST = Indefinite("the connection was lost")


class Calls:
    """A generator of the given invocations that notes what it is told. ``pending`` asks for patience that often.

    An invocation is taken from the list when it is invoked, not when it is asked for: an answer may be thrown away.
    """

    def __init__(self, invocations: Iterable[Invocation], pending: int = 0) -> None:
        self.left = list(invocations)
        self.pending = pending
        self.told: list[Invocation | Completion] = []
        self.draws: list[float] = []

    def next(self, context: Context) -> Any:
        if not self.left:
            return None
        if self.pending:
            self.pending -= 1
            return PENDING, self
        if context.taker(self.left[0]) is None:
            return PENDING, self
        self.drawn = context.random.random()
        return self.left[0], self

    def update(self, context: Context, event: Invocation | Completion) -> Calls:
        self.told.append(event)
        if isinstance(event, Invocation) and self.left and event.call == self.left[0].call:
            self.left.pop(0)
            self.draws.append(self.drawn)
        return self


def appends(number: int, **given: Any) -> list[Invocation]:
    return [Invocation("s", Append((Record(f"record {n}".encode()),)), **given) for n in range(number)]


@dataclass
class Stage:
    """A scheduler with a recorder and clients that do as ``answering`` says."""

    path: Path
    answering: Answering = lambda stream, call: None
    threads: int = 2
    streams: tuple[str, ...] = ("s",)
    seed: int = 1
    timeout: float = 5.0
    clients: list[MemoryClient] = field(default_factory=list)
    connect: Callable[[], MemoryClient] | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    scheduler: Scheduler | None = None
    strike: Callable[[Strike], Awaitable[Outcome[None]]] | None = None

    async def run(self, generator: Any) -> History:
        """Run the generator to its end; the history. Whatever is raised is raised after the recorder was closed."""
        zero = time.monotonic_ns()

        def clock() -> int:
            return time.monotonic_ns() - zero

        header = Header(
            SCHEMA, "0", "test", self.seed, "2026-01-01T00:00:00+00:00", [StreamState(name) for name in self.streams]
        )
        recorder = Recorder(self.path, header, clock)
        service = TimedService()

        def connect() -> MemoryClient:
            self.clients.append(MemoryClient(service, self.answering))
            return self.clients[-1]

        self.scheduler = Scheduler(
            recorder,
            self.connect or connect,
            clock,
            threads=self.threads,
            streams=lambda *names: Random(repr((self.seed, *names))),
            timeout=self.timeout,
            strike=self.strike,
        )
        try:
            async with asyncio.timeout(20):
                await self.scheduler.run(generator, self.stopping)
        finally:
            recorder.close()
        return self.history

    @property
    def history(self) -> History:
        return read_history(self.path)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "history.jsonl")


def answers(*given: Any) -> Answering:
    """These, one a call; after them the service's own."""
    left = list(given)
    return lambda stream, call: left.pop(0) if left else None
