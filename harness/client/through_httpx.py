"""Operations through httpx: the control plane, and behind a proxy all operations.

Without a proxy, httpx sends over the client's own connection (``httpx_transport.py``), which knows whether any byte has
left. Behind a proxy, httpx uses httpcore, whose exceptions do not say so: a reset right after accept looks like a reset
after an append was applied. But httpcore reports its steps to a ``trace`` extension, and nothing has left before
``send_request_headers.started``.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .connection import ANSWER_LIMIT, KEEPALIVE_EXPIRY, ConnectionClosed
from .direct import DirectEngine
from .endpoint import Proxy

if TYPE_CHECKING:
    import httpx

# At debug level these libraries log the heads of answers, which may repeat the token.
logging.getLogger("httpcore").setLevel(logging.INFO)
logging.getLogger("httpx").setLevel(logging.WARNING)


class HttpxEngine:
    """An ``httpx.AsyncClient`` with at most one connection. Without a proxy it sends through ``direct``."""

    def __init__(
        self,
        headers: list[tuple[bytes, bytes]],
        direct: DirectEngine,
        context: ssl.SSLContext | None,
        proxy: Proxy | None,
    ) -> None:
        self._headers = headers
        self._direct = direct
        self._context = context
        self._proxy = proxy
        self._client: httpx.AsyncClient | None = None
        self._traced = False

    @property
    def sent(self) -> bool:
        """True if any byte of the last request may have left the client."""
        return self._direct.sent if self._proxy is None else self._traced

    async def exchange(self, method: bytes, url: str, body: bytes | None, limit: float) -> tuple[int, bytes]:
        """Return the answer's status and body. Raises TimeoutError after ``limit`` seconds, and httpx's own errors."""
        self._traced = self._direct.sent = False
        if self._client is None:
            self._client = self._connect()
        headers = self._headers if body is None else [*self._headers, (b"content-type", b"application/json")]
        extensions = {"trace": self._trace, "deadline": asyncio.get_running_loop().time() + limit}
        request = self._client.build_request(method.decode(), url, headers=headers, content=body, extensions=extensions)
        async with asyncio.timeout(limit):
            response = await self._client.send(request, stream=True)
            content: list[bytes] = []
            size = 0
            async for chunk in response.aiter_raw():
                size += len(chunk)
                if size > ANSWER_LIMIT:
                    raise ConnectionClosed(f"answered {response.status_code} with more than {ANSWER_LIMIT} bytes")
                content.append(chunk)
            await response.aclose()
        return response.status_code, b"".join(content)

    async def aclose(self) -> None:
        """Drop the connection. Idempotent. The next exchange connects again."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _connect(self) -> httpx.AsyncClient:
        import httpx  # importing it takes a tenth of a second, and most clients never need it

        from .httpx_transport import DirectTransport

        transport: httpx.AsyncBaseTransport = DirectTransport(self._direct)
        if self._proxy is not None:
            transport = httpx.AsyncHTTPTransport(
                verify=self._context or False,
                limits=httpx.Limits(max_connections=1, keepalive_expiry=KEEPALIVE_EXPIRY),
                trust_env=False,
                retries=0,
                proxy=httpx.Proxy(self._proxy.url, auth=self._proxy.auth),
            )
        return httpx.AsyncClient(transport=transport, trust_env=False, timeout=None)

    async def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Note a step that httpcore reports."""
        # The CONNECT request to a proxy takes the same step, but is not the operation's request.
        if event.endswith(".send_request_headers.started") and info["request"].method != b"CONNECT":
            self._traced = True
