"""The service over HTTP: an ASGI application that serves S2's API.

The operations stand in :mod:`.endpoints`. Every failure becomes an error body with a code of the table. A refusal has
its own code. Anything unexpected is a 500 ``other``, with a traceback in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Final

from ..world.clock import Clock
from .access.authority import Authority, permit
from .answers import JSON, Response, failure, refusal
from .bodies import Bodies, Message
from .content_coding import encoded
from .endpoints.account import Account
from .endpoints.basins import Basins
from .endpoints.itself import Itself
from .endpoints.records import Records
from .endpoints.streams import Streams
from .endpoints.tokens import AccessTokens
from .errors import ServiceError
from .limits import PIECE_BYTES, Limits
from .metrics import Metrics
from .request import Receive, Request, Send
from .routing import Router, operations_of
from .service import Service

HEAD_START: Final = 0.1
"""Seconds from the end of the last session to the end of the connections when the server stops."""

_OK_HEAD: Final[Message] = {"type": "http.response.start", "status": 200, "headers": [JSON]}


class App(Itself, Account, AccessTokens, Basins, Streams, Records):
    """An ASGI application that serves one service.

    If there is a ``token``, every request must have it as its bearer token, except requests for public operations. With
    ``auth``, a request may also have an access token that this service has issued and that permits it.
    Set ``draining`` to stop the server: the application then refuses every request with ``server_draining``.
    """

    def __init__(
        self,
        service: Service,
        metrics: Metrics,
        clock: Clock,
        token: str | None = None,
        limits: Limits | None = None,
        *,
        auth: bool = False,
    ) -> None:
        super().__init__(service, metrics)
        self._monotonic_ns = clock.monotonic_ns
        self._authority = Authority(service.tokens, token, issued=auth)
        self._bodies = Bodies(limits or Limits())
        self._router = Router(operations_of(type(self)))
        self.draining = False
        self._answered = asyncio.Event()

    async def answered(self, seconds: float) -> None:
        """Return once no request is in flight any more while the server drains, or after so many seconds.

        Sessions end by themselves then, but a client that does not read holds up its answer. Their last frames get a
        head start before the connections close: clients that are built on the Python library h2, as the official SDK
        is, lose what they read together with a GOAWAY.
        """
        if self._metrics.in_flight:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._answered.wait(), seconds)
            await asyncio.sleep(HEAD_START)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one ASGI request. Raise RuntimeError for anything but HTTP."""
        if scope["type"] != "http":
            raise RuntimeError(f"this application serves HTTP, not {scope['type']}")
        metrics = self._metrics
        began = self._monotonic_ns()
        metrics.in_flight += 1
        request = Request(scope, receive, self._bodies)
        status = 499
        try:
            response = await self._answer(scope, request)
            accept_encoding = request.raw(b"accept-encoding")
            status, body, headers = response if accept_encoding is None else encoded(response, accept_encoding)
            if scope["method"] == "HEAD":  # hyper leaves the body out over HTTP/1.1 only
                body = b""
            # The client may still be sending a body that the server will not read. (HTTP/2 resets the stream instead.)
            if request.unfinished and scope["http_version"].startswith("1"):
                headers = (*headers, (b"connection", b"close"))
            if status == 200 and headers == (JSON,):
                await send(_OK_HEAD)
            else:
                await send({"type": "http.response.start", "status": status, "headers": list(headers)})
            if isinstance(body, bytes):
                await send({"type": "http.response.body", "body": body})
            else:
                try:
                    await _send_pieces(request, body, send)
                except ServiceError as hang_up:
                    status = hang_up.status
        finally:
            metrics.in_flight -= 1
            if self.draining and not metrics.in_flight:
                self._answered.set()
            metrics.finish(request.operation, status, (self._monotonic_ns() - began) / 1e9)

    async def _answer(self, scope: Message, request: Request) -> Response:
        """Return the answer, whatever happens. An unauthorized request is refused before its content is read."""
        try:
            request.refuse_repeats()
            if not self._authority.open and scope["raw_path"] not in self._router.public:
                request.grant = self._authority.grant(request)
            route = self._router.route(scope["raw_path"])
            if route is None:
                raise ServiceError("not_found", "no operation has this path")
            row = route.operations.get(scope["method"])
            if row is None:
                error = ServiceError("method_not_allowed", f"this path allows {route.allow.decode()}")
                return refusal(error, (b"allow", route.allow))
            request.operation, request.name = row.name, route.name
            if request.grant.limited:
                permit(request, row, route)
            if request.query and not row.queried:
                request.refuse_query()
            if self.draining:
                raise ServiceError("server_draining", "the server is stopping")
            response: Response = await row.handler(self, request)
        except Exception as error:
            return failure(error, request)
        return response


async def _send_pieces(request: Request, body: AsyncGenerator[bytes, None], send: Send) -> None:
    """Send a body piece by piece. Raise ServiceError ``client_hangup`` as soon as the client leaves."""
    async with request.hang_up(), aclosing(body) as pieces:
        # The head leaves with the first piece, and clients wait for it before they send much.
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        async for piece in pieces:
            for at in range(0, len(piece), PIECE_BYTES):
                part = piece[at : at + PIECE_BYTES]
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
