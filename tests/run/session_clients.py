"""Clients in the process of the test whose sessions get lost, or whose service breaks the promises of a session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from fencepost.harness.client.in_process import InProcessAppendSession, InProcessClient
from fencepost.harness.client.outcome import Outcome
from fencepost.harness.client.sessions import Ticket
from fencepost.harness.s2 import Append, Batch, Read
from fencepost.harness.server.service import Service
from fencepost.testing.naive_service import NaiveService
from tests.run.doubles import MemoryClient
from tests.server.services import BASIN


class LossyClient(InProcessClient):
    """One whose sessions break off now and then, with batches in flight."""

    def __init__(self, service: Service, random: Random) -> None:
        super().__init__(service, BASIN)
        self._random = random

    def append_session(self, stream: str) -> InProcessAppendSession:
        session = super().append_session(stream)
        submit = session.submit

        def perhaps_the_last(batch: Append) -> Ticket:
            ticket = submit(batch)
            if self._random.random() < 0.08:
                asyncio.get_running_loop().call_soon(session.abort, "the connection was lost")
            return ticket

        session.submit = perhaps_the_last  # type: ignore[method-assign]
        return session


class WrongSession:
    """A session of which each turn of the event loop applies what was submitted: backwards, or also after a failure."""

    def __init__(self, client: InProcessClient, stream: str, *, backwards: bool) -> None:
        self._client = client
        self._stream = stream
        self._backwards = backwards
        self._waiting: list[tuple[Ticket, Append]] = []
        self._applying: dict[asyncio.Task[None], None] = {}

    def submit(self, batch: Append) -> Ticket:
        ticket = Ticket()
        if not self._waiting:
            task = asyncio.create_task(self._apply())
            self._applying[task] = None
            task.add_done_callback(self._applying.pop)
        self._waiting.append((ticket, batch))
        return ticket

    async def _apply(self) -> None:
        waiting, self._waiting = self._waiting, []
        outcomes: dict[Ticket, Any] = {}
        for ticket, batch in reversed(waiting) if self._backwards else waiting:
            outcomes[ticket] = await self._client.perform(self._stream, batch)
        for ticket, _ in waiting:
            ticket.resolve(outcomes[ticket])

    async def aclose(self) -> None:
        await asyncio.gather(*self._applying)


class WrongClient(InProcessClient):
    """One whose service gets sessions wrong."""

    def __init__(self, service: Service, *, backwards: bool) -> None:
        super().__init__(service, BASIN)
        self._backwards = backwards

    def append_session(self, stream: str) -> Any:
        return WrongSession(self, stream, backwards=self._backwards)


class ScriptedSession:
    """A session whose batches end when the test says so."""

    def __init__(self) -> None:
        self.tickets: list[Ticket] = []
        self.batches: list[Append] = []
        self.closed = False

    def submit(self, batch: Append) -> Ticket:
        assert not self.closed
        self.batches.append(batch)
        self.tickets.append(Ticket())
        return self.tickets[-1]

    async def aclose(self) -> None:
        self.closed = True


class ScriptedClient(MemoryClient):
    """One whose append sessions are scripted, and whose read session yields these frames and then ends like this."""

    def __init__(self, service: NaiveService, frames: Iterable[Batch], ending: Outcome[None]) -> None:
        super().__init__(service)
        self.sessions: list[ScriptedSession] = []
        self._frames = frames
        self._ending = ending

    def append_session(self, stream: str) -> Any:
        self.sessions.append(ScriptedSession())
        return self.sessions[-1]

    async def read_session(self, stream: str, call: Read, on_frame: Callable[[Batch], None]) -> Outcome[None]:
        for frame in self._frames:
            await asyncio.sleep(0)
            on_frame(frame)
        return self._ending
