"""The seam between the harness and the clients of stream services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from ..s2 import Answer, Append, Batch, Call, Read
from .outcome import Outcome
from .sessions import Ticket

A = TypeVar("A", bound=Answer)


class AppendSession(Protocol):
    """One append session: several batches in flight to one stream, applied and answered in the order of submission.

    The first failure poisons the session: the service applies no later batch. A later batch ends as ``not_sent`` if no
    byte of it had left the client, as ``session_poisoned`` if the failure was an answer that promises no effect, and as
    indefinite otherwise.
    """

    def submit(self, batch: Append) -> Ticket:
        """Return a ticket for the next batch, without waiting. The ticket resolves to the batch's outcome.

        Tickets resolve in order. After :meth:`aclose` or a failure, every new batch ends at once as ``not_sent``.
        """
        ...

    async def aclose(self) -> None:
        """Wait for the answers to all submitted batches, then end the session. Idempotent.

        The client's time-out bounds the wait. Cancelling the waiting task ends the session at once, as the client's
        own ``aclose`` does.
        """
        ...


class StreamClient(Protocol):
    """One client identity's connection to one basin of a stream service.

    Each call sends its request at most once: there are no hidden retries. Each call ends as an
    :data:`~fencepost.harness.client.outcome.Outcome` and raises only ``asyncio.CancelledError``. A cancelled operation
    is indefinite, and its client must not be used again.

    A client does one of ``perform``, ``create_stream`` and ``delete_stream`` at a time. Any number of append sessions
    and read sessions may be open at the same time. A client without sessions derives from
    :class:`~fencepost.harness.client.sessions.WithoutSessions`.
    """

    async def perform(self, stream: str, call: Call[A]) -> Outcome[A]:
        """Return the outcome of one call: an append, a read or any other.

        Its Ok holds the answer: the Ack of an append, the Batch of a read, the Tail of a check-tail.
        """
        ...

    def append_session(self, stream: str) -> AppendSession:
        """Return a new append session. If opening it fails, its batches end with that failure."""
        ...

    async def read_session(self, stream: str, call: Read, on_frame: Callable[[Batch], None]) -> Outcome[None]:
        """Return how a read session ended. ``on_frame`` gets each part of the answer as it arrives.

        The session ends once it reaches the bounds of ``call``; it has no implicit ones. Without any bound it follows
        the tail until it is cancelled or the service ends it. With ``wait`` (seconds) it ends after that long without a
        record. A frame without records is a heartbeat that reports the tail. Ok means that the service ended the answer
        in good order. After any other end, the frames received so far still count. An exception of ``on_frame`` ends
        the session and is raised.
        """
        ...

    async def create_stream(self, stream: str) -> Outcome[None]:
        """Create a stream, with the default configuration."""
        ...

    async def delete_stream(self, stream: str) -> Outcome[None]:
        """Delete a stream."""
        ...

    async def aclose(self) -> None:
        """Close the connections and end all open sessions. Idempotent."""
        ...
