"""The seam between the harness and whatever speaks to a stream service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..s2 import Ack, Append, Batch, CheckTail, Read, Tail
from .outcome import Outcome
from .sessions import Ticket


class AppendSession(Protocol):
    """Batches on their way to one stream, several at a time, applied and answered in the order of submission.

    The first failure poisons the session: the service applies nothing that was submitted later. A later batch ends as
    ``not_sent`` where none of it had left, as ``session_poisoned`` where the failure was an answer that promises
    no effect, and else as indefinite.
    """

    def submit(self, batch: Append) -> Ticket:
        """Hand over the next batch, without waiting; the ticket gives its outcome.

        Tickets resolve in order. After :meth:`aclose` or a failure every batch ends at once, as ``not_sent``.
        """
        ...

    async def aclose(self) -> None:
        """Wait for the answers to what was submitted, then end the session. Idempotent.

        The wait is bounded by the client's time-out. A task that is cancelled here ends the session at once, as the
        client's own ``aclose`` does.
        """
        ...


class StreamClient(Protocol):
    """One client identity's connection to one basin of a stream service.

    Each call sends its request at most once: there are no hidden retries. Each call ends as an
    :data:`~fencepost.harness.client.outcome.Outcome` and raises nothing but ``asyncio.CancelledError``
    (in which case the operation is indefinite, and the client is not to be used again).

    A client does one of ``append``, ``read``, ``check_tail``, ``create_stream`` and ``delete_stream`` at a time. Append
    sessions and read sessions may be open beside it, any number of them. A client that has none derives
    :class:`~fencepost.harness.client.sessions.WithoutSessions`.
    """

    async def append(self, stream: str, call: Append) -> Outcome[Ack]:
        """Append a batch."""
        ...

    async def read(self, stream: str, call: Read) -> Outcome[Batch]:
        """Read one batch of records."""
        ...

    async def check_tail(self, stream: str, call: CheckTail) -> Outcome[Tail]:
        """Ask for the tail."""
        ...

    def append_session(self, stream: str) -> AppendSession:
        """Open an append session. What goes wrong with that is the outcome of its batches."""
        ...

    async def read_session(self, stream: str, call: Read, on_frame: Callable[[Batch], None]) -> Outcome[None]:
        """Read until the bounds of ``call`` are reached; ``on_frame`` gets each part of the answer as it arrives.

        A session has no implicit bounds. Without any bound of its own it follows the tail until it is cancelled or
        the service ends it; with ``wait`` (seconds) it follows until that long no record has come. A frame without
        records is a heartbeat, and tells the tail. Ok means that the service ended the answer in good order. After any
        other end the frames that came still count. An exception of ``on_frame`` ends the session and is raised.
        """
        ...

    async def create_stream(self, stream: str) -> Outcome[None]:
        """Make a stream (with the default configuration)."""
        ...

    async def delete_stream(self, stream: str) -> Outcome[None]:
        """Delete a stream."""
        ...

    async def aclose(self) -> None:
        """Let go of the connection, and end what is open on it. Idempotent."""
        ...
