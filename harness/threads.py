"""The state that a scheduler keeps for each thread: its process, its client and its operations in flight."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from .client.outcome import Definite, Indefinite, Ok, Outcome
from .client.protocol import AppendSession, StreamClient
from .draws import Draws
from .workload import Invocation

MOST_IN_FLIGHT: Final = 256
"""Maximum number of batches in flight per session, even if a generator would send more."""

_Job = tuple[Callable[["Thread", Any], Awaitable[None]], Any]


class Identities:
    """The source of all process identities and session numbers of one history. It gives each number once.

    ``processes`` are the identities that act on the threads now. Session numbers are unique in a history, whereas
    generators number the sessions of each thread separately.
    """

    def __init__(self, processes: tuple[int, ...]) -> None:
        self.processes = processes
        self._next_process = max(processes) + 1
        self._next_session = 0

    def next_process(self) -> int:
        """Return a process identity that has never been used."""
        process, self._next_process = self._next_process, self._next_process + 1
        return process

    def next_session(self) -> int:
        """Return a session number that has never been used."""
        session, self._next_session = self._next_session, self._next_session + 1
        return session

    def renew(self, thread: int) -> int:
        """Return a new process identity for the thread, which acts under it from now on."""
        processes = list(self.processes)
        processes[thread] = self.next_process()
        self.processes = tuple(processes)
        return processes[thread]


class Pipeline:
    """An append session that is open on a thread.

    ``number`` is its number in the generator, and ``recorded`` is its number in the history. ``flying`` maps the id of
    each operation in flight to its batch, in the order of submission. ``failure`` is the first failure of the session,
    or a later one that was indefinite.
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
        """Whether the session can take another batch now."""
        return self.failure is None and len(self.flying) < MOST_IN_FLIGHT

    def give_up(self) -> list[int]:
        """Return the ids of the operations in flight and stop waiting for them."""
        given_up = list(self.flying)
        self.flying.clear()
        return given_up

    def note(self, outcome: Outcome[Any]) -> None:
        """Note the outcome of a batch that has ended."""
        if not isinstance(outcome, Ok) and (self.failure is None or isinstance(outcome, Indefinite)):
            self.failure = outcome


class Thread:
    """One place in the run, on which one process identity after another acts. The nemesis's thread has no client.

    ``busy`` is true while the thread performs an operation, opens or ends a session, or pauses. Batches of its session
    may be in flight at the same time.
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
        """The client of the current process."""
        assert self._client is not None, "the nemesis has no client"
        return self._client

    @client.setter
    def client(self, client: StreamClient) -> None:
        self._client = client

    @property
    def idle(self) -> bool:
        """Whether the thread has no batch in flight."""
        return self.pipeline is None or not self.pipeline.flying

    def give(self, act: Callable[[Thread, Any], Awaitable[None]], subject: Any) -> None:
        """Make ``act(thread, subject)`` the next job of the thread's task."""
        self._job = act, subject
        self._rouse()

    def leave(self) -> None:
        """Let the thread's task end after its current job."""
        self._leaving = True
        self._rouse()

    def _rouse(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def take(self) -> _Job | None:
        """Return the next job as soon as there is one, or None if the task should end."""
        while self._job is None:
            if self._leaving:
                return None
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
            self._wake = None
        return self.drop()

    def drop(self) -> _Job | None:
        """Remove and return the job that was given but not begun; None if there is none."""
        job, self._job = self._job, None
        return job
