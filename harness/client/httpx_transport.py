"""httpx on the world's network: a transport for ``httpx.AsyncClient`` that sends over a client's own connection."""

from __future__ import annotations

from typing import Final

import httpx

from .direct import DirectEngine

DEADLINE: Final = "deadline"
"""The extension of a request that holds its deadline, a time of the loop."""


class DirectTransport(httpx.AsyncBaseTransport):
    """Sends each request through a :class:`~.direct.DirectEngine`. A request has a body of known length, or none."""

    def __init__(self, engine: DirectEngine) -> None:
        self._engine = engine

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx. Raises what the engine raises."""
        body = await request.aread()
        head = b"".join(b"%b: %b\r\n" % field for field in request.headers.raw)
        method = request.method.encode()
        whole = b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, request.url.raw_path, head, body)
        status, content = await self._engine.exchange(whole, request.extensions[DEADLINE])
        return httpx.Response(status, stream=httpx.ByteStream(content))

    async def aclose(self) -> None:
        """See httpx."""
        self._engine.drop()
