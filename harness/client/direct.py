"""A client's own connection to its server: opened on demand, replaced when stale, dropped when in doubt."""

from __future__ import annotations

import asyncio
import ssl

from ..world.network import Network
from .connection import Connection, ConnectionClosed
from .endpoint import Endpoint


class DirectEngine:
    """The engine of one client: it makes one exchange at a time, over an HTTP/1.1 connection of the world's network."""

    def __init__(self, network: Network, endpoint: Endpoint, context: ssl.SSLContext | None) -> None:
        self._network = network
        self._endpoint = endpoint
        self._context = context
        self._connection: Connection | None = None
        self.sent = False
        """True if any byte of the last request may have left the client."""

    async def exchange(self, request: bytes, deadline: float) -> tuple[int, bytes]:
        """Return the answer's status and body, after sending the request.

        Raises ConnectionClosed, OSError, or TimeoutError at ``deadline`` (seconds, on the event loop's clock).
        """
        self.sent = False
        try:
            connection = self._connection
            if connection is None or not await connection.is_fresh():
                self.drop()
                async with asyncio.timeout_at(deadline):
                    connection = self._connection = await self._connect()
            self.sent = True
            answer = await connection.exchange(request, deadline)
        except BaseException:  # cancellation included
            self.drop()
            raise
        if connection.closed:
            self.drop()
        return answer

    def drop(self) -> None:
        """Drop the connection. This awaits nothing, so that a cancelled task can call it. Idempotent."""
        if self._connection is not None:
            self._connection.abort()
            self._connection = None

    async def _connect(self) -> Connection:
        endpoint = self._endpoint
        try:
            connection = await Connection.open(
                self._network, endpoint.host.decode(), endpoint.effective_port, self._context
            )
        except OSError as error:
            raise ConnectionClosed(f"cannot connect: {error}") from error
        if connection.closed:
            raise ConnectionClosed("the connection was closed as soon as it was made")
        return connection
