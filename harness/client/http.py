"""The HTTP client. Each operation is one request, and ends as ok, definite or indefinite:

- ok: a complete, readable answer with the operation's success status;
- definite (``not_sent``): no answer, and no byte of the request can have left the client;
- definite: a complete answer that is an error of the service, with a code that promises no effect;
- indefinite: everything else. This includes redirects. The client follows none, because any intermediary may send one.

Appends, reads and check-tails make up a run, and the client's speed limits how many of them a run records. They use the
client's own connection (``connection.py``), because the same exchange through httpx and httpcore costs many times the
processor time (``benchmarks/client_rate.py``). All other operations use httpx. Behind a proxy, every operation does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from ..s2 import Answer, Batch, Call, Read, urls
from ..s2.compression import Compression
from ..s2.errors import NOT_SENT
from ..world.network import Network, SystemNetwork
from . import wire
from .connection import ConnectionClosed
from .direct import DirectEngine
from .endpoint import Endpoint, Proxy, Tls, headers
from .options import ClientOptions
from .outcome import Definite, Indefinite, Outcome
from .protocol import AppendSession
from .redaction import redacted
from .sessions import RefusedSession
from .through_httpx import HttpxEngine

if TYPE_CHECKING:
    from .http_sessions import HttpSessions

A = TypeVar("A", bound=Answer)
T = TypeVar("T")

_NETWORK: Final = SystemNetwork()
_NO_SESSIONS: Final = "sessions need HTTP/2 from end to end, which a proxy does not give"


class HttpStreamClient:
    """A :class:`~fencepost.harness.client.protocol.StreamClient` over HTTP/1.1, for one client identity.

    ``base_url`` is ``http://`` or ``https://``, host, optional port and optional path. The client appends ``/v1`` to a
    path without it. ``timeout`` (seconds) bounds each operation, from the call to the last byte of the answer; a
    read's ``wait`` is added to it. For https, pass ``tls`` (share one between clients, because making it takes
    milliseconds) or ``ca_bundle``. By default the client trusts the authorities of the system and certifi. ``proxy`` is
    an ``http://`` or ``https://`` URL, with ``user:password@`` if needed. The client ignores proxies
    named in the environment.

    All sessions of a client share one HTTP/2 connection. ``compression`` applies to the frames that the client sends.

    A client does one operation at a time, and raises RuntimeError for a second one. It reuses a connection only after
    an answer that it understood. It never sends a request twice.

    The token never appears in an outcome, a repr or a message. If an answer repeats it, the outcome has ``<token>``.

    Raises :class:`UsageFailure` for a URL, token or bundle that cannot be used.
    """

    def __init__(
        self,
        base_url: str,
        basin: str,
        *,
        token: str | None = None,
        timeout: float = 5.0,
        tls: Tls | None = None,
        ca_bundle: str | Path | None = None,
        proxy: str | None = None,
        network: Network = _NETWORK,
        compression: Compression = Compression.NONE,
    ) -> None:
        self.base_url = base_url
        self.basin = basin
        self.timeout = timeout
        self._endpoint = Endpoint.parse(base_url)
        self._root = self._endpoint.root
        self._token = token
        self._tls = (tls or Tls(ca_bundle)) if self._endpoint.scheme == b"https" else None
        self._proxy = None if proxy is None else Proxy.parse(proxy)
        context = None if self._tls is None else self._tls.http1
        self._network = network
        self._fields = fields = headers(self._endpoint, basin, token)
        self._head = b" HTTP/1.1\r\n" + b"".join(b"%b: %b\r\n" % field for field in fields)
        self._paths: dict[str, bytes] = {}
        self._compression = compression
        self._sessions: HttpSessions | None = None
        self._direct = DirectEngine(network, self._endpoint, context)
        self._httpx = HttpxEngine(fields, self._direct, context, self._proxy)
        self._engine: DirectEngine | HttpxEngine | None = None  # the engine of the last operation
        self._busy = False

    @classmethod
    def of(cls, options: ClientOptions) -> Self:
        """Return the client of a run."""
        return cls(
            options.url,
            options.basin,
            token=options.token,
            timeout=options.timeout,
            tls=options.tls,
            proxy=options.proxy,
            network=options.network,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.base_url!r}, {self.basin!r})"

    @property
    def sent(self) -> bool:
        """True if any byte of the last operation's request may have left the client.

        After a cancellation, false means that the operation certainly had no effect (record it as ``not_sent``). True
        means that it is indefinite.
        """
        return self._engine is not None and self._engine.sent

    async def perform(self, stream: str, call: Call[A]) -> Outcome[A]:
        """Return the outcome of one call."""
        row = wire.UNARY[type(call)]
        try:
            target = self._path(stream) + row.target(call)
            body = None if row.body is None else row.body(call)
        except UnicodeEncodeError as error:
            return self._unsendable(error)
        return await self._request(row.operation, row.method, target, body, wait=call.patience)

    def append_session(self, stream: str) -> AppendSession:
        """Return a new append session, over HTTP/2. Sessions do not work through a proxy."""
        if self._proxy is not None:
            return RefusedSession(_NO_SESSIONS)
        try:
            return self._over_http2().append_session(self._path(stream) + b"/records")
        except UnicodeEncodeError as error:
            return RefusedSession(f"the stream's name is not Unicode text: {error.reason}")

    async def read_session(self, stream: str, call: Read, on_frame: Callable[[Batch], None]) -> Outcome[None]:
        """Return how reading frame by frame ended, over HTTP/2. Sessions do not work through a proxy."""
        if self._proxy is not None:
            return Definite(NOT_SENT.code, None, {"message": _NO_SESSIONS})
        try:
            path = self._path(stream) + b"/records"
        except UnicodeEncodeError as error:
            return self._unsendable(error)
        return await self._over_http2().read_session(path, call, on_frame)

    async def create_stream(self, stream: str, *, config: Mapping[str, Any] | None = None) -> Outcome[None]:
        """Create a stream with S2's ``config`` object, or the basin's default."""
        try:
            body = wire.create_stream_body(stream, config)
        except UnicodeEncodeError as error:
            return self._unsendable(error)
        return await self._control(wire.CREATE, b"POST", self._root + b"/streams", body)

    async def delete_stream(self, stream: str) -> Outcome[None]:
        """Delete a stream."""
        try:
            path = self._path(stream)
        except UnicodeEncodeError as error:
            return self._unsendable(error)
        return await self._control(wire.DELETE, b"DELETE", path)

    async def list_streams(self, prefix: str = "", start_after: str = "") -> Outcome[wire.StreamPage]:
        """Return one page of the streams whose names begin with ``prefix`` and sort after ``start_after``."""
        try:
            query = urls.encode_list(prefix, start_after)
        except UnicodeEncodeError as error:
            return self._unsendable(error)
        return await self._control(wire.LIST, b"GET", self._root + b"/streams" + query)

    async def stream_config(self, stream: str) -> Outcome[wire.StreamConfig]:
        """Return what the configuration of a stream says of how long records are kept."""
        try:
            path = self._path(stream)
        except UnicodeEncodeError as error:
            return self._unsendable(error)
        return await self._control(wire.CONFIG, b"GET", path)

    async def create_basin(self) -> Outcome[None]:
        """Create this client's basin, with the default configuration."""
        return await self._control(wire.CREATE, b"POST", self._root + b"/basins", wire.create_basin_body(self.basin))

    async def aclose(self) -> None:
        """Close the connections. Idempotent. A later call connects again."""
        self._direct.drop()
        if self._sessions is not None:
            self._sessions.close()
        await self._httpx.aclose()
        await asyncio.sleep(0)  # asyncio closes the socket in the loop's next turn

    def _over_http2(self) -> HttpSessions:
        if self._sessions is None:
            self._sessions = self._kind_of_sessions()(
                self._endpoint,
                self._fields,
                self._tls,
                self._network,
                timeout=self.timeout,
                token=self._token,
                compression=self._compression,
            )
        return self._sessions

    def _kind_of_sessions(self) -> type[HttpSessions]:
        from .http_sessions import HttpSessions  # importing h2 is slow, and most runs have no sessions

        return HttpSessions

    async def _request(
        self, operation: wire.Operation[T], method: bytes, target: bytes, body: bytes | None = None, *, wait: int = 0
    ) -> Outcome[T]:
        """Return the outcome of an operation, over the client's own connection or, behind a proxy, through httpx."""
        if self._proxy is not None:
            return await self._control(operation, method, target, body, wait=wait)
        self._begin(self._direct)
        limit = self.timeout + wait
        if body is None:
            request = b"%b %b%b\r\n" % (method, target, self._head)
        else:
            fields = b"%bcontent-type: application/json\r\ncontent-length: %d\r\n" % (self._head, len(body))
            request = b"%b %b%b\r\n%b" % (method, target, fields, body)
        try:
            status, content = await self._direct.exchange(request, asyncio.get_running_loop().time() + limit)
            outcome = wire.conclude(operation, status, content, self._token)
        except Exception as error:  # the kind of error does not matter, only whether the request may have left
            return self._lost(error, limit)
        finally:
            self._busy = False
        if isinstance(outcome, Indefinite):
            self._direct.drop()
        return outcome

    async def _control(
        self, operation: wire.Operation[T], method: bytes, target: bytes, body: bytes | None = None, *, wait: int = 0
    ) -> Outcome[T]:
        """Return the outcome of an operation through httpx."""
        self._begin(self._httpx)
        limit = self.timeout + wait
        try:
            status, content = await self._httpx.exchange(method, self._endpoint.url(target), body, limit)
            outcome = wire.conclude(operation, status, content, self._token)
        except Exception as error:
            outcome = self._lost(error, limit)
        finally:
            self._busy = False
        if isinstance(outcome, Indefinite):
            await self._httpx.aclose()
        return outcome

    def _begin(self, engine: DirectEngine | HttpxEngine) -> None:
        if self._busy:
            raise RuntimeError(f"{self!r} does one operation at a time; make one client for each identity")
        self._busy = True
        self._engine = engine

    def _lost(self, error: Exception, limit: float) -> Definite | Indefinite:
        """Return the outcome of an operation that got no usable answer."""
        if isinstance(error, TimeoutError):
            reason = f"no answer within {limit:g} s"
        else:
            ours = isinstance(error, ConnectionClosed)
            cause = redacted(self._token, str(error if ours else _cause(error)))
            reason = cause if ours else f"{type(error).__name__}: {cause}"
        if self._engine is not None and self._engine.sent:
            return Indefinite(f"{reason}; the request may have left")
        return Definite(NOT_SENT.code, None, {"message": reason})

    def _unsendable(self, error: UnicodeEncodeError) -> Definite:
        self._engine = None
        return Definite(NOT_SENT.code, None, {"message": f"a name or token is not Unicode text: {error.reason}"})

    def _path(self, stream: str) -> bytes:
        path = self._paths.get(stream)
        if path is None:
            path = self._paths[stream] = self._root + b"/streams/" + urls.encode_name(stream)
        return path


def _cause(error: BaseException) -> BaseException:
    """Return the first cause in a chain of exceptions. httpx's own errors only say that all attempts failed."""
    while (behind := error.__cause__ or error.__context__) is not None:
        error = behind
    return error


def http_client(options: ClientOptions) -> HttpStreamClient:
    """Return the client that is registered as ``httpx``."""
    return HttpStreamClient.of(options)
