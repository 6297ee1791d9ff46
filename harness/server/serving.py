"""Serves an ASGI application from this process, and stops cleanly.

The HTTP server is granian's embedded one. Its sockets live in a thread of this process, so ``kill -9`` ends everything
at once. The same port serves HTTP/1.1 and HTTP/2: without TLS by prior knowledge, with TLS by ALPN.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings
from granian.server.embed import Server

from ..failure import UsageFailure
from ..world.network import BACKLOG, Listener, Network
from .limits import FRAME_BYTES, HEAD_BYTES, STREAM_BYTES, Limits

# Open files that are not connections of clients: the journal's, and those of the runtime.
RESERVED_FILES: Final = 64
# Seconds that the first answer may take once the socket listens.
START_SECONDS: Final = 10.0
# Seconds that connections may take to end once everything has been answered.
STOP_SECONDS: Final = 2.0


class Certificate(NamedTuple):
    """The files with a certificate chain and with its private key, as PEM."""

    chain: Path
    key: Path


def bind(network: Network, host: str, port: int) -> Listener:
    """Bind an address and return its listener. Port 0 lets the system choose. Raise UsageFailure if that fails.

    granian itself would bind with SO_REUSEPORT, so two servers could share a port without noticing.
    """
    try:
        return network.bind(host, port)
    except OSError as error:
        raise UsageFailure(f"cannot listen on {host}:{port}: {error}; choose another --port, or 0 for any") from error


def connections_within(wanted: int) -> int:
    """Return how many connections to accept: ``wanted``, or fewer, so that the journal can open its files.

    Otherwise clients with many connections could keep it from opening its next segment.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)  # granian raises the soft limit to the hard one
    return wanted if hard == resource.RLIM_INFINITY else max(1, min(wanted, hard - RESERVED_FILES))


def url_of(listener: Listener, scheme: str = "http") -> str:
    """Return the URL at which this machine reaches the listener."""
    host, port = _reachable(listener)
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _reachable(listener: Listener) -> tuple[str, int]:
    host, port = listener.address
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port


class _EmbeddedServer(Server):
    """A granian server on a socket that is bound already."""

    def __init__(
        self,
        application: Callable[..., Awaitable[None]],
        listener: Listener,
        limits: Limits,
        certificate: Certificate | None,
    ) -> None:
        super().__init__(
            application,
            interface=Interfaces.ASGINL,
            http=HTTPModes.auto,
            websockets=False,
            backlog=BACKLOG,
            backpressure=limits.connections,
            # hyper uses one time-out for idle connections between requests and for incomplete request heads.
            http1_settings=HTTP1Settings(
                header_read_timeout=int(limits.idle_seconds * 1000), max_buffer_size=HEAD_BYTES
            ),
            http2_settings=HTTP2Settings(
                max_headers_size=HEAD_BYTES,
                # A piece of a body costs far more than the bytes in it: it wakes another thread.
                max_frame_size=FRAME_BYTES,
                # An append session that is held back must not use up the room of others on its connection.
                initial_stream_window_size=STREAM_BYTES,
                initial_connection_window_size=2 * STREAM_BYTES,
            ),
            log_enabled=False,
            ssl_cert=certificate and certificate.chain,
            ssl_key=certificate and certificate.key,
            ssl_protocol_min=SSLProtocols.tls12,
        )
        self._descriptor = listener.detach()

    def _init_shared_socket(self) -> None:
        make: Any = SocketHolder  # its stub omits the arguments: descriptor, whether it is a Unix socket, backlog
        self._shd: Any = make(self._descriptor, False, BACKLOG)
        self._sfd = None
        self._ssp = None


async def serve(
    application: Callable[..., Awaitable[None]],
    listener: Listener,
    network: Network,
    *,
    ready: Callable[[str], None],
    stop: asyncio.Event,
    drain: Callable[[], Awaitable[Any]],
    limits: Limits,
    certificate: Certificate | None = None,
) -> bool:
    """Serve until ``stop`` is set, then await ``drain()`` while still answering, then close the connections.

    With a ``certificate``, all connections are TLS. ``ready`` is called with the URL once a request has been answered.
    Return whether every connection closed in time: a client that sent only a part of a request keeps its connection
    open, and the server abandons it. Raise RuntimeError if the HTTP server ends by itself.
    """
    url = url_of(listener, "https" if certificate else "http")
    address = _reachable(listener)
    server: Any = _EmbeddedServer(application, listener, limits, certificate)
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    try:
        await _first_answer(network, address, serving, _any_certificate() if certificate else None)
        ready(url)
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
            raise RuntimeError("the HTTP server ended by itself")
        await drain()
        server.stop()
        await asyncio.wait((serving,), timeout=STOP_SECONDS)
        return serving.done()
    finally:
        stopping.cancel()


class _Greeting(asyncio.Protocol):
    """A health request to a server. ``answer`` becomes the first bytes of the answer, or empty if there is none."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        if not self.answer.done():
            self.answer.set_result(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        if not self.answer.done():
            self.answer.set_result(b"")


def _any_certificate() -> ssl.SSLContext:
    """Return a TLS context that trusts every server: this process talks to itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _first_answer(
    network: Network, address: tuple[str, int], serving: asyncio.Task[Any], tls: ssl.SSLContext | None
) -> None:
    """Send requests until one is answered, whatever the answer is. Raise RuntimeError if none is."""
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        if serving.done():
            serving.result()
            raise RuntimeError("the HTTP server ended before it answered a request")
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                transport, greeting = await network.connect(_Greeting, *address, ssl=tls)
                transport.write(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                answer = await greeting.answer
                transport.close()
                if answer.startswith(b"HTTP/1.1 "):
                    return
        await asyncio.sleep(0.01)
    raise RuntimeError(f"the HTTP server does not answer at {address[0]}:{address[1]}")
