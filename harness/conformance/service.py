"""The service under test. Every request goes through one client, which paces it and records what came back."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any, Final

import httpx

from ..client.connection import ConnectionClosed
from ..client.endpoint import Tls
from ..client.http2 import Http2Connection
from ..s2.events import EventDecoder
from ..world.network import Network
from .events import Events
from .pace import Pace
from .reply import Interrupted, NoAnswer, Reply, refuse_missing
from .sessions import Session
from .settings import Settings
from .together import Together, answers
from .transcript import Exchange, Transcript

# At debug level these libraries log heads, which hold the token.
logging.getLogger("httpcore").setLevel(logging.INFO)
logging.getLogger("httpx").setLevel(logging.WARNING)

_CONNECTIONS: Final = 32


class Service:
    """The endpoint. Once ``stopped`` returns True, no more requests are sent."""

    def __init__(
        self, settings: Settings, network: Network, transcript: Transcript, stopped: Callable[[], bool]
    ) -> None:
        self.settings = settings
        self._network = network
        self._transcript = transcript
        self._stopped = stopped
        self._pace = Pace(settings.rate)
        self._client = httpx.AsyncClient(
            verify=self._tls.http1 if self._tls else False,
            trust_env=False,
            timeout=httpx.Timeout(settings.timeout),
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
        )
        self._http2: Http2Connection | None = None

    @cached_property
    def _tls(self) -> Tls | None:
        return Tls(self.settings.ca_bundle) if self.settings.endpoint.scheme == b"https" else None

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()
        if self._http2 is not None:
            self._http2.abort("the suite has ended")

    async def request(
        self,
        method: str,
        target: str,
        body: bytes | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        patience: float = 0.0,
    ) -> Reply:
        """Return the answer to a request.

        ``target`` is a path below ``/v1``, or an absolute one if it begins with two slashes. A mapping is sent as JSON.
        ``patience`` is how many seconds the service may take on purpose. Raise NoAnswer, and NotOffered for a 501.
        """
        request = self._request(method, target, body, headers, patience)
        exchange = self._transcript.begin()
        exchange.sent += self._sent(request)
        await self._turn()
        try:
            response = await self._client.send(request)
        except httpx.HTTPError as error:
            raise self._lost(error, exchange.received) from None
        exchange.received += self._received(response) + self._transcript.body(response.content)
        answer = Reply(response.status_code, response.headers, response.content)
        refuse_missing(answer.status, answer.body)
        return answer

    @asynccontextmanager
    async def events(self, target: str, headers: Mapping[str, str] | None = None) -> AsyncIterator[Events]:
        """Open a read that is answered by server-sent events. Fail unless it is."""
        own = {"accept": "text/event-stream", "s2-format": "base64", **(headers or {})}
        request = self._request("GET", target, None, own, 0.0)
        exchange = self._transcript.begin()
        exchange.sent += self._sent(request)
        await self._turn()
        try:
            response = await self._client.send(request, stream=True)
        except httpx.HTTPError as error:
            raise self._lost(error, exchange.received) from None
        exchange.received += self._received(response)
        try:
            if response.status_code != 200:
                content = await response.aread()
                exchange.received += self._transcript.body(content)
                refuse_missing(response.status_code, content)
            kind = response.headers.get("content-type", "").partition(";")[0]

            def note(event: object) -> None:
                exchange.received.append(self._transcript.struck(str(event)[:400]))

            yield Events(
                response.status_code, kind, response.aiter_bytes(), EventDecoder(), self.settings.timeout, note
            )
        finally:
            await response.aclose()

    @asynccontextmanager
    async def session(self, method: str, target: str, headers: Mapping[str, str]) -> AsyncIterator[Session]:
        """Open a session in frames of ``s2s/proto``. Raise NoAnswer if there is no connection over HTTP/2."""
        fields = {"content-type": "s2s/proto", "accept": "s2s/proto", **headers}
        exchange = self._transcript.begin()
        head = self._http2_head(method, target, fields, exchange)
        await self._turn()
        connection = await self._connection()
        session = Session(connection, exchange, self._transcript, self.settings.timeout)
        session.number = connection.request(head, session, end=method == "GET")
        try:
            yield session
        finally:
            connection.cancel(session.number)

    async def post_together(self, target: str, bodies: Sequence[bytes], headers: Mapping[str, str]) -> list[Reply]:
        """Return the answers to requests that leave at the same time. Raise NoAnswer, and NotOffered for a 501."""
        requests = []
        for body in bodies:
            exchange = self._transcript.begin()
            head = self._http2_head("POST", target, headers, exchange)
            exchange.sent += self._transcript.body(body)
            requests.append((Together(exchange, self._transcript), body))
            await self._turn()
        found = await answers(await self._connection(), head, requests, self.settings.timeout)
        for answer in found:
            refuse_missing(answer.status, answer.body)
        return found

    def _http2_head(
        self, method: str, target: str, headers: Mapping[str, str], exchange: Exchange
    ) -> list[tuple[bytes, bytes]]:
        endpoint = self.settings.endpoint
        path = endpoint.root + target.encode()
        fields = {**self._authorization(), **headers}
        exchange.sent += self._transcript.head(f"{method} {path.decode()} (HTTP/2)", fields.items())
        return [
            (b":method", method.encode()),
            (b":path", path),
            (b":scheme", endpoint.scheme),
            (b":authority", endpoint.authority),
            *((name.encode(), value.encode()) for name, value in fields.items()),
        ]

    async def _connection(self) -> Http2Connection:
        if self._http2 is None or not self._http2.is_fresh():
            endpoint = self.settings.endpoint
            context = self._tls.http2 if self._tls else None
            try:
                async with asyncio.timeout(self.settings.timeout):
                    self._http2 = await Http2Connection.open(
                        self._network, endpoint.host.decode(), endpoint.effective_port, context
                    )
            except (ConnectionClosed, OSError) as error:  # includes TimeoutError
                raise NoAnswer(f"no connection over HTTP/2: {str(error) or 'it took too long'}") from None
        return self._http2

    def _request(
        self,
        method: str,
        target: str,
        body: bytes | Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        patience: float,
    ) -> httpx.Request:
        endpoint = self.settings.endpoint
        path = target[1:].encode() if target.startswith("//") else endpoint.root + target.encode()
        content = json.dumps(body).encode() if isinstance(body, Mapping) else body
        fields = {"user-agent": "fencepost", "accept": "application/json", **self._authorization()}
        fields |= {"content-type": "application/json"} if isinstance(body, Mapping) else {}
        return self._client.build_request(
            method,
            httpx.URL(endpoint.url(b"/")).copy_with(raw_path=path),
            content=content,
            headers={**fields, **(headers or {})},
            timeout=httpx.Timeout(self.settings.timeout + patience),
        )

    def _authorization(self) -> dict[str, str]:
        token = self.settings.token
        return {} if token is None else {"authorization": f"Bearer {token}"}

    async def _turn(self) -> None:
        """Wait until the next request may be sent. Raise Interrupted if none may any more."""
        await self._pace.turn()
        if self._stopped():
            raise Interrupted("the run was interrupted")

    def _sent(self, request: httpx.Request) -> list[str]:
        first = f"{request.method} {request.url.raw_path.decode()}"
        return self._transcript.head(first, request.headers.items()) + self._transcript.body(request.content)

    def _received(self, response: httpx.Response) -> list[str]:
        return self._transcript.head(str(response.status_code), response.headers.items())

    def _lost(self, error: Exception, received: list[str]) -> NoAnswer:
        what = self._transcript.struck(f"no answer: {type(error).__name__} {error}".strip())
        received.append(what)
        return NoAnswer(what, sent=not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout))
