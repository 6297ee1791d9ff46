"""A transport that lets ``httpx.AsyncClient`` send over a client's own connection, on the world's network."""

from __future__ import annotations

from typing import Final

import httpx

from .direct import DirectEngine

DEADLINE: Final = "deadline"
"""Name of the request extension that holds the deadline (seconds, on the event loop's clock)."""


class DirectTransport(httpx.AsyncBaseTransport):
    """A transport that sends requests through a :class:`~.direct.DirectEngine`. The length of a body must be known."""

    def __init__(self, engine: DirectEngine) -> None:
        self._engine = engine

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx. Raises the errors of :meth:`.direct.DirectEngine.exchange`."""
        body = await request.aread()
        head = b"".join(b"%b: %b\r\n" % field for field in request.headers.raw)
        method = request.method.encode()
        whole = b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, request.url.raw_path, head, body)
        status, content = await self._engine.exchange(whole, request.extensions[DEADLINE])
        return httpx.Response(status, stream=httpx.ByteStream(content))

    async def aclose(self) -> None:
        """See httpx."""
        self._engine.drop()
