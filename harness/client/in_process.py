"""A client of a service in the same process, without sockets or codecs, but with sessions.

Tests, simulations and measurements use it for everything above the wire. It passes the same conformance suite as the
HTTP client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from ..s2 import Answer, Append, Batch, Call, Read
from ..server.errors import ServiceError, StateMismatch
from ..server.service import Service
from .outcome import Definite, Indefinite, Ok, Outcome
from .sessions import Ticket, Tickets

A = TypeVar("A", bound=Answer)
T = TypeVar("T")

Refusal = (ServiceError, StateMismatch)


class InProcessClient:
    """A :class:`~fencepost.harness.client.protocol.StreamClient` of one basin of a started service.

    ``timeout`` (seconds) bounds each operation and each batch of an append session. A read's ``wait`` is added to it.
    """

    def __init__(self, service: Service, basin: str, *, timeout: float = 5.0) -> None:
        self._service = service
        self._basin = basin
        self._timeout = timeout
        self._sessions: dict[InProcessAppendSession, None] = {}
        self._reading: dict[asyncio.Timeout, None] = {}

    async def perform(self, stream: str, call: Call[A]) -> Outcome[A]:
        """Return the outcome of one call."""
        return await self._conclude(self._service.perform(self._basin, stream, call), call.patience)

    def append_session(self, stream: str) -> InProcessAppendSession:
        """Return a new append session."""
        session = InProcessAppendSession(self._service, self._basin, stream, self._timeout)
        self._sessions[session] = None
        session.performing.add_done_callback(lambda _: self._sessions.pop(session))
        return session

    async def read_session(self, stream: str, call: Read, on_frame: Callable[[Batch], None]) -> Outcome[None]:
        """Return how reading frame by frame up to the bounds of ``call`` ended."""
        try:
            async with (
                asyncio.timeout(None) as end,
                aclosing(await self._service.read_session(self._basin, stream, call)) as frames,
            ):
                self._reading[end] = None
                try:
                    async for frame in frames:
                        on_frame(frame)
                finally:
                    del self._reading[end]
        except Refusal as refusal:
            return failure(refusal)
        except TimeoutError:
            if not end.expired():
                raise
            return Indefinite("the client was closed")
        return Ok(None)

    async def create_stream(self, stream: str) -> Outcome[None]:
        """Create a stream, with the basin's default configuration."""
        outcome = await self._conclude(self._service.create_stream(self._basin, stream))
        return Ok(None) if isinstance(outcome, Ok) else outcome

    async def delete_stream(self, stream: str) -> Outcome[None]:
        """Delete a stream."""
        return await self._conclude(self._service.delete_stream(self._basin, stream))

    async def aclose(self) -> None:
        """End all open sessions. Idempotent."""
        for session in list(self._sessions):
            session.abort("the client was closed")
        for reading in self._reading:
            reading.reschedule(asyncio.get_running_loop().time())
        await asyncio.sleep(0)

    async def _conclude(self, operation: Awaitable[T], wait: float = 0) -> Outcome[T]:
        limit = self._timeout + wait
        try:
            async with asyncio.timeout(limit):
                return Ok(await operation)
        except Refusal as refusal:
            return failure(refusal)
        except TimeoutError:
            return Indefinite(f"no answer within {limit:g} s")


class InProcessAppendSession:
    """An :class:`~fencepost.harness.client.protocol.AppendSession` of a service in the same process."""

    def __init__(self, service: Service, basin: str, stream: str, timeout: float) -> None:
        self._tickets = Tickets()
        self._timeout = timeout
        self._waiting: asyncio.Queue[tuple[Ticket, Append] | None] = asyncio.Queue()
        self._closing = False
        self.performing = asyncio.create_task(self._perform(service, basin, stream))

    def submit(self, batch: Append) -> Ticket:
        """Return a ticket for the next batch."""
        ticket = self._tickets.push()
        if ticket.outcome is None:
            self._waiting.put_nowait((ticket, batch))
            asyncio.get_running_loop().call_later(self._timeout, self._expire, ticket)
        return ticket

    async def aclose(self) -> None:
        """Wait until every submitted batch has its outcome, then end the session. Idempotent."""
        if not self._closing:
            self._closing = True
            self._tickets.close()
            self._waiting.put_nowait(None)
        try:
            await asyncio.wait((self.performing,))
        except asyncio.CancelledError:
            self.abort("the session was closed")
            raise

    def abort(self, reason: str) -> None:
        """End the session at once. Batches that the service has already taken are indefinite."""
        self._tickets.lose(reason)
        self.performing.cancel()

    def _expire(self, ticket: Ticket) -> None:
        if ticket.outcome is None:
            self.abort(f"no answer within {self._timeout:g} s")

    async def _batches(self) -> AsyncGenerator[Append, None]:
        while (item := await self._waiting.get()) is not None:
            ticket, batch = item
            if ticket.outcome is not None:
                return  # the session has ended, and this batch counts as not sent
            ticket.departed = True
            yield batch

    async def _perform(self, service: Service, basin: str, stream: str) -> None:
        try:
            session = await service.append_session(basin, stream)
            async with aclosing(session.acks(self._batches())) as groups:
                async for group in groups:
                    for ack in group:
                        self._tickets.acknowledge(ack)
        except Refusal as refusal:
            self._tickets.refuse(failure(refusal))
        finally:
            self._tickets.lose("the session ended")


def failure(refusal: Exception) -> Definite | Indefinite:
    """Return the outcome of an operation that the service refused. Raises TypeError for any other exception."""
    match refusal:
        case StateMismatch():
            return Definite(refusal.code, refusal.status, refusal.body)
        case ServiceError():
            body = {"code": refusal.code, "message": refusal.message}
            if refusal.definite:
                return Definite(refusal.code, refusal.status, body)
            return Indefinite(f"answered {refusal.status} {refusal.code}: {refusal.message}", refusal.status, body)
    raise TypeError(f"{refusal!r} is no refusal of the service")
