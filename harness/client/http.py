"""The HTTP client: each operation is one request, and ends as ok, definite or indefinite.

What decides between the last two is whether the request may have left. Exceptions do not tell: a reset right
after accept and a reset after the append was applied look alike. httpcore, the engine inside httpx, reports its
steps to a ``trace`` extension, and before ``send_request_headers.started`` nothing has left. So:

- no answer, and the request had not begun to leave: definite (``not_sent``), whatever went wrong;
- a complete answer of the operation's own success status that can be read: ok;
- a complete answer that is an error of the service with a code that promises no effect: definite;
- anything else: indefinite. A redirect is among it: none is followed, and who sent it is unknown.

The client uses httpcore directly, on a connection of its own (``connection.py``). The same exchange through
``httpx.AsyncClient`` takes twice the processor time (``benchmarks/client_rate.py``), and the client is what
bounds how many operations a run records.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import httpcore

from ..s2 import Ack, Append, Batch, CheckTail, Read, Tail
from ..s2.errors import NOT_SENT
from . import wire
from .connection import Backend, Departure
from .endpoint import Endpoint, Proxy, headers, tls_context
from .outcome import Definite, Indefinite, Outcome
from .sessions import WithoutSessions

T = TypeVar("T")

KEEPALIVE_EXPIRY: Final = 3.0
"""Seconds after which an idle connection is not used again: less than the 5 s of common servers, so that the
server's closing and our sending do not cross (which would be an indefinite failure of a healthy service)."""

ANSWER_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of an answer's body above which it is not read on. The largest legal batch takes less than half of it."""


# Its debug log repeats the heads of answers, in which anything may echo the token.
logging.getLogger("httpcore").setLevel(logging.INFO)


class HttpStreamClient(WithoutSessions):
    """A :class:`~fencepost.harness.client.protocol.StreamClient` over HTTP/1.1, for one client identity.

    ``base_url`` is ``http://`` or ``https://``, host, optional port and optional path; ``/v1`` is added where it does
    not end so. ``timeout`` (seconds) bounds each whole operation, from the call to the last byte of the answer; a
    read's own ``wait`` is added to it. For https give an ``ssl_context`` (share one: making it takes
    milliseconds) or a ``ca_bundle``, else the usual authorities are trusted. ``proxy`` is an ``http://`` or
    ``https://`` URL, with ``user:password@`` if need be; none is taken from the environment.

    It holds at most one connection and does one operation at a time (RuntimeError otherwise). A connection is used
    again only after an answer that was understood. Nothing is ever sent twice.

    The token occurs in no outcome, repr or message: an answer that echoes it is kept with ``<token>`` in its place.

    Raises :class:`UsageFailure` for a URL, token or bundle that cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        basin: str,
        *,
        token: str | None = None,
        timeout: float = 5.0,
        ssl_context: ssl.SSLContext | None = None,
        ca_bundle: str | Path | None = None,
        proxy: str | None = None,
    ) -> None:
        self.base_url = base_url
        self.basin = basin
        self.timeout = timeout
        self._endpoint = Endpoint.parse(base_url)
        self._root = self._endpoint.root
        self._token = token
        if self._endpoint.scheme == b"https" and ssl_context is None:
            ssl_context = tls_context(ca_bundle)
        self._ssl_context = ssl_context
        self._proxy = None if proxy is None else Proxy.parse(proxy)
        self._headers = headers(self._endpoint, basin, token)
        self._post_headers = [*self._headers, (b"content-type", b"application/json")]
        self._paths: dict[str, bytes] = {}
        self._backend = Backend()
        self._pool: httpcore.AsyncConnectionPool | None = None
        self._departure = Departure(self._backend)
        self._busy = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r}, {self.basin!r})"

    @property
    def sent(self) -> bool:
        """Whether the last operation's request may have left, in whole or in part.

        After a cancellation this tells what the outcome would have been: false means definitely not applied
        (record it as ``not_sent``), true means indefinite.
        """
        return self._departure.possible

    async def append(self, stream: str, call: Append) -> Outcome[Ack]:
        """Append a batch."""
        try:
            path, body = self._path(stream) + b"/records", wire.append_body(call)
        except UnicodeEncodeError as error:
            return self._unsendable(error)
        return await self._request(wire.APPEND, b"POST", path, body)

    async def read(self, stream: str, call: Read) -> Outcome[Batch]:
        """Read one batch of records."""
        try:
            path = self._path(stream) + b"/records" + wire.read_query(call)
        except UnicodeEncodeError as error:
            return self._unsendable(error)
        return await self._request(wire.READ, b"GET", path, timeout=self.timeout + (call.wait or 0))

    async def check_tail(self, stream: str, call: CheckTail) -> Outcome[Tail]:
        """Ask for the tail."""
        try:
            path = self._path(stream) + b"/records/tail"
        except UnicodeEncodeError as error:
            return self._unsendable(error)
        return await self._request(wire.CHECK_TAIL, b"GET", path)

    async def create_stream(self, stream: str, *, config: Mapping[str, Any] | None = None) -> Outcome[None]:
        """Make a stream, with S2's ``config`` object or the basin's default."""
        try:
            body = wire.create_stream_body(stream, config)
        except UnicodeEncodeError as error:
            return self._unsendable(error)
        return await self._request(wire.CREATE, b"POST", self._root + b"/streams", body)

    async def delete_stream(self, stream: str) -> Outcome[None]:
        """Delete a stream."""
        try:
            path = self._path(stream)
        except UnicodeEncodeError as error:
            return self._unsendable(error)
        return await self._request(wire.DELETE, b"DELETE", path)

    async def create_basin(self) -> Outcome[None]:
        """Make this client's basin, with the default configuration."""
        return await self._request(wire.CREATE, b"POST", self._root + b"/basins", wire.create_basin_body(self.basin))

    async def aclose(self) -> None:
        """Let go of the connection. Idempotent; a later call connects again."""
        self._drop()
        await asyncio.sleep(0)  # asyncio closes the socket at its next turn

    async def _request(
        self,
        operation: wire.Operation[T],
        method: bytes,
        target: bytes,
        body: bytes | None = None,
        *,
        timeout: float | None = None,
    ) -> Outcome[T]:
        if self._busy:
            raise RuntimeError(f"{self!r} does one operation at a time; make one client for each identity")
        self._busy = True
        self._departure.reset()
        clean = False
        limit = self.timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(limit) as deadline:
                status, content = await self._exchange(method, target, body)
            if not self._departure.possible:
                return self._lost("an answer was there before the request was sent")
            outcome = wire.conclude(operation, status, content, self._token)
            clean = not isinstance(outcome, Indefinite)
            return outcome
        except Exception as error:  # whatever it is: what matters is whether the request may have left
            if isinstance(error, TimeoutError) and deadline.expired():
                return self._lost(f"no answer within {limit:g} s")
            return self._lost(wire.without(self._token, f"{type(error).__name__}: {error}"))
        finally:
            self._busy = False
            if not clean:
                self._drop()

    async def _exchange(self, method: bytes, target: bytes, body: bytes | None) -> tuple[int, bytes]:
        endpoint = self._endpoint
        fields = self._headers if body is None else [*self._post_headers, (b"content-length", b"%d" % len(body))]
        request = httpcore.Request(
            method,
            httpcore.URL(scheme=endpoint.scheme, host=endpoint.host, port=endpoint.port, target=target),
            headers=fields,
            content=body,
            extensions={"trace": self._departure},
        )
        if self._pool is None:
            self._pool = self._connect()
        response = await self._pool.handle_async_request(request)
        chunks: list[bytes] = []
        size = 0
        async with aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_stream())) as content:
            async for chunk in content:
                size += len(chunk)
                if size > ANSWER_LIMIT:
                    raise _Oversized(f"answered {response.status} with more than {ANSWER_LIMIT} bytes")
                chunks.append(chunk)
        await response.aclose()
        return response.status, b"".join(chunks)

    def _connect(self) -> httpcore.AsyncConnectionPool:
        options: dict[str, Any] = {
            "ssl_context": self._ssl_context,
            "max_connections": 1,
            "max_keepalive_connections": 1,
            "keepalive_expiry": KEEPALIVE_EXPIRY,
            "retries": 0,
            "network_backend": self._backend,
        }
        if self._proxy is None:
            return httpcore.AsyncConnectionPool(**options)
        return httpcore.AsyncHTTPProxy(self._proxy.url, proxy_auth=self._proxy.auth, **options)

    def _lost(self, reason: str) -> Definite | Indefinite:
        """The outcome of an operation without a usable answer."""
        if self._departure.possible:
            return Indefinite(f"{reason}; the request may have left")
        return Definite(NOT_SENT.code, None, {"message": reason})

    def _unsendable(self, error: UnicodeEncodeError) -> Definite:
        self._departure.reset()
        return Definite(NOT_SENT.code, None, {"message": f"a name or token is not Unicode text: {error.reason}"})

    def _path(self, stream: str) -> bytes:
        path = self._paths.get(stream)
        if path is None:
            path = self._paths[stream] = self._root + b"/streams/" + wire.path_segment(stream)
        return path

    def _drop(self) -> None:
        """Forget the connection and its pool, without awaiting: a cancelled task may do this too."""
        self._pool = None
        self._backend.abort()


class _Oversized(Exception):
    pass
