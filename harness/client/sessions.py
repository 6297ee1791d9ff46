"""The building blocks of every client's append session: tickets that resolve in order, and poisoning.

This module does no I/O. A client pushes a ticket for each submitted batch, and resolves the oldest ticket when an
answer arrives. The first failure ends the session: no later batch is applied.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, Final

from ..s2 import Ack, Append, Batch, Read
from ..s2.errors import NOT_SENT, SESSION_POISONED
from .outcome import Definite, Indefinite, Ok, Outcome

PENDING_LIMIT: Final = 1000
"""Largest number of unanswered batches per append session."""


class Ticket:
    """One batch of an append session. Awaiting the ticket returns the batch's outcome.

    Any number of tasks may await a ticket, at any time. Cancelling one of these tasks does not withdraw the batch.
    """

    __slots__ = ("_future", "departed")

    def __init__(self) -> None:
        self._future: asyncio.Future[Outcome[Ack]] = asyncio.get_running_loop().create_future()
        self.departed = False
        """True if any byte of the batch may have left the client."""

    def __await__(self) -> Generator[Any, None, Outcome[Ack]]:
        if self._future.done():
            return self._future.result()
        return (yield from asyncio.shield(self._future).__await__())

    @property
    def outcome(self) -> Outcome[Ack] | None:
        """The outcome of the batch, or None while it is in flight."""
        return self._future.result() if self._future.done() else None

    def on_outcome(self, call: Callable[[Outcome[Ack]], None]) -> None:
        """Call back with the outcome, in a later turn of the event loop. Tickets of a session call back in order."""
        self._future.add_done_callback(lambda future: call(future.result()))

    def depart(self) -> None:
        """Note that the first byte of the batch is about to leave. Only the session calls this."""
        self.departed = True

    def resolve(self, outcome: Outcome[Ack]) -> None:
        """Set the outcome of the batch. Only the session calls this, once."""
        self._future.set_result(outcome)


class Tickets:
    """The batches of one append session, in order of submission."""

    def __init__(self) -> None:
        self._pending: deque[Ticket] = deque()
        self._resolved = 0
        self._poison = ""
        self._refused = False
        self._closed = ""
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._pending)

    @property
    def ended(self) -> bool:
        """True if the session has failed or was closed. Batches submitted from then on are not sent."""
        return bool(self._poison or self._closed)

    @property
    def oldest(self) -> Ticket | None:
        """The oldest unanswered batch: the next answer belongs to it."""
        return self._pending[0] if self._pending else None

    def push(self) -> Ticket:
        """Return a ticket for a new batch. Raises RuntimeError if PENDING_LIMIT batches are unanswered."""
        if len(self._pending) >= PENDING_LIMIT:
            raise RuntimeError(f"an append session holds at most {PENDING_LIMIT} batches without an answer")
        ticket = Ticket()
        if self.ended:
            ticket.resolve(Definite(NOT_SENT.code, None, {"message": self._poison or self._closed}))
        else:
            self._pending.append(ticket)
            self._idle.clear()
        return ticket

    def acknowledge(self, ack: Ack) -> None:
        """Resolve the oldest batch as appended. Raises ValueError if no batch is waiting for an answer."""
        if not self._pending or not self._pending[0].departed:
            raise ValueError("an append was acknowledged that nobody had sent")
        self._pop().resolve(Ok(ack))

    def refuse(self, failure: Definite | Indefinite) -> None:
        """Resolve the oldest batch as failed, which ends the session."""
        if self._poison:
            return
        kind = failure.code if isinstance(failure, Definite) else failure.reason
        self._poison = f"batch {self._resolved} of its session failed before it: {kind}"
        self._refused = isinstance(failure, Definite) and failure.status is not None
        if self._pending:
            first = self._pop()
            lost = isinstance(failure, Indefinite) and not first.departed
            first.resolve(self._after_the_end(first) if lost else failure)
        self._drain()

    def close(self, reason: str = "the session was closed") -> None:
        """Take no more batches. Batches already submitted go on."""
        self._closed = self._closed or reason

    def lose(self, reason: str) -> None:
        """End all batches, since no answer can come: those that may have left are indefinite, the rest ``not_sent``."""
        if self._poison:
            return
        self._poison = reason
        self._drain()

    async def settled(self) -> None:
        """Return once every submitted batch has its outcome."""
        await self._idle.wait()

    def _pop(self) -> Ticket:
        ticket = self._pending.popleft()
        self._resolved += 1
        if not self._pending:
            self._idle.set()
        return ticket

    def _drain(self) -> None:
        while self._pending:
            ticket = self._pop()
            ticket.resolve(self._after_the_end(ticket))

    def _after_the_end(self, ticket: Ticket) -> Definite | Indefinite:
        if not ticket.departed:
            return Definite(NOT_SENT.code, None, {"message": self._poison})
        if self._refused:
            return Definite(SESSION_POISONED.code, None, {"message": self._poison})
        return Indefinite(f"{self._poison}; the batch may have left")


class RefusedSession:
    """An append session that cannot be opened. It sends none of its batches."""

    def __init__(self, reason: str) -> None:
        self._tickets = Tickets()
        self._tickets.lose(reason)

    def submit(self, batch: Append) -> Ticket:
        """Return a ticket that has already ended as ``not_sent``."""
        return self._tickets.push()

    async def aclose(self) -> None:
        """Do nothing, since there is nothing to close."""


class WithoutSessions:
    """Base class of clients without sessions. Every session fails definitely, and sends nothing."""

    def append_session(self, stream: str) -> RefusedSession:
        """Return a session whose batches all end as ``not_sent``."""
        return RefusedSession(f"{type(self).__name__} has no append sessions")

    async def read_session(self, stream: str, call: Read, on_frame: Callable[[Batch], None]) -> Outcome[None]:
        """Return a definite failure, ``not_sent``."""
        return Definite(NOT_SENT.code, None, {"message": f"{type(self).__name__} has no read sessions"})
