"""What a scheduler knows of each of its threads: who acts on it, and what it has in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from .client.outcome import Definite, Indefinite, Ok, Outcome
from .client.protocol import AppendSession, StreamClient
from .draws import Draws
from .workload import Invocation

MOST_IN_FLIGHT: Final = 256
"""Batches of one session that may be in flight at once, however many a generator would like to send."""

_Job = tuple[Callable[["Thread", Any], Awaitable[None]], Any]


class Identities:
    """Numbers that are given once: process identities, and sessions of the history.

    ``processes`` are the identities that act on the threads now. Generators number the sessions of each thread; in a
    history no two sessions share a number.
    """

    def __init__(self, processes: tuple[int, ...]) -> None:
        self.processes = processes
        self._next_process = max(processes) + 1
        self._next_session = 0

    def next_process(self) -> int:
        """A process identity that nobody has had."""
        process, self._next_process = self._next_process, self._next_process + 1
        return process

    def next_session(self) -> int:
        """A number that no session has had."""
        session, self._next_session = self._next_session, self._next_session + 1
        return session

    def renew(self, thread: int) -> int:
        """Give the thread a new process identity; that identity."""
        processes = list(self.processes)
        processes[thread] = self.next_process()
        self.processes = tuple(processes)
        return processes[thread]


class Pipeline:
    """An append session that is open on a thread.

    ``number`` is what the generator calls it, ``recorded`` its number in the history. ``flying`` are the batches in
    flight by operation, in the order of their submission. ``failure`` is how the session failed: the first failure,
    unless a later batch ended indefinitely.
    """

    __slots__ = ("failure", "flying", "number", "recorded", "session", "stream")

    def __init__(self, number: int, recorded: int, stream: str, session: AppendSession) -> None:
        self.number = number
        self.recorded = recorded
        self.stream = stream
        self.session = session
        self.flying: dict[int, Invocation] = {}
        self.failure: Definite | Indefinite | None = None

    @property
    def open(self) -> bool:
        """Whether it takes another batch now."""
        return self.failure is None and len(self.flying) < MOST_IN_FLIGHT

    def give_up(self) -> list[int]:
        """Wait for no batch any longer; the operations that were in flight."""
        given_up = list(self.flying)
        self.flying.clear()
        return given_up

    def note(self, outcome: Outcome[Any]) -> None:
        """A batch of it has ended."""
        if not isinstance(outcome, Ok) and (self.failure is None or isinstance(outcome, Indefinite)):
            self.failure = outcome


class Thread:
    """A place in the run: one process identity after another acts on it. The nemesis has no client.

    ``busy`` says that it performs an operation, opens or ends a session, or pauses; batches of its session may be in
    flight besides.
    """

    task: asyncio.Task[None]

    def __init__(self, number: int, client: StreamClient | None, draws: Draws) -> None:
        self.number = number
        self.process = number
        self._client = client
        self.draws = draws
        self.busy = False
        self.refusals = 0
        self.pipeline: Pipeline | None = None
        self._job: _Job | None = None
        self._leaving = False
        self._wake: asyncio.Future[None] | None = None

    @property
    def client(self) -> StreamClient:
        """The client of the process that acts on the thread."""
        assert self._client is not None, "the nemesis has no client"
        return self._client

    @client.setter
    def client(self, client: StreamClient) -> None:
        self._client = client

    @property
    def idle(self) -> bool:
        """Whether no batch of a session is in flight."""
        return self.pipeline is None or not self.pipeline.flying

    def give(self, act: Callable[[Thread, Any], Awaitable[None]], subject: Any) -> None:
        """Let its task do this next."""
        self._job = act, subject
        self._rouse()

    def leave(self) -> None:
        """Let its task end once it has done what it was given."""
        self._leaving = True
        self._rouse()

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def take(self) -> _Job | None:
        """The next thing to do, when there is one; None to end."""
        while self._job is None:
            if self._leaving:
                return None
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
            self._wake = None
        return self.drop()

    def drop(self) -> _Job | None:
        """Take back what was given and not begun."""
        job, self._job = self._job, None
        return job
