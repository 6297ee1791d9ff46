"""The seam between the harness and whatever speaks to a stream service."""

from __future__ import annotations

from typing import Protocol

from ..s2 import Ack, Append, Batch, CheckTail, Read, Tail
from .outcome import Outcome


class StreamClient(Protocol):
    """One client identity's connection to one basin of a stream service.

    Each call sends its request at most once: there are no hidden retries. Each call ends as an
    :data:`~fencepost.harness.client.outcome.Outcome` and raises nothing but ``asyncio.CancelledError``
    (in which case the operation is indefinite, and the client is not to be used again).
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

    async def create_stream(self, stream: str) -> Outcome[None]:
        """Make a stream (with the default configuration)."""
        ...

    async def delete_stream(self, stream: str) -> Outcome[None]:
        """Delete a stream."""
        ...

    async def aclose(self) -> None:
        """Let go of the connection. Idempotent."""
        ...
