"""From an ASGI application to a process that serves it, and stops well.

The server is granian's embedded one: its sockets live in a thread of this process, so that ``kill -9`` of it is
the end of everything, and HTTP/2 in clear text (by prior knowledge) comes on the same port as HTTP/1.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final

from granian._granian import SocketHolder
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from ..failure import UsageFailure

BACKLOG: Final = 2048
# Connections beyond these wait to be accepted.
MAX_CONNECTIONS: Final = 16_384
# hyper has one time-out for an idle connection between two requests and for a head that stays incomplete.
# It must be longer than any client keeps a connection, or a request meets a closing one.
IDLE_SECONDS: Final = 90.0
# How long the first answer may take, once the socket listens.
START_SECONDS: Final = 10.0
# How long connections may take to end once everything has been answered.
STOP_SECONDS: Final = 2.0


def bind(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet; port 0 lets the system choose. Raises UsageFailure.

    granian would bind with SO_REUSEPORT, so that two servers could share a port without a word.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, OverflowError) as error:
        raise UsageFailure(f"cannot listen on {host}:{port}: {error}") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, OverflowError) as error:
        listener.close()
        raise UsageFailure(f"cannot listen on {host}:{port}: {error}; choose another --port, or 0 for any") from error
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL at which this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _EmbeddedServer(Server):
    """granian on a socket of our own."""

    def __init__(self, application: Callable[..., Awaitable[None]], listener: socket.socket, idle_seconds: float):
        super().__init__(
            application,
            interface=Interfaces.ASGINL,
            http=HTTPModes.auto,
            websockets=False,
            backlog=BACKLOG,
            backpressure=MAX_CONNECTIONS,
            http1_settings=HTTP1Settings(header_read_timeout=int(idle_seconds * 1000)),
            log_enabled=False,
        )
        self._listener = listener

    def _init_shared_socket(self) -> None:
        make: Any = SocketHolder  # its stub leaves out the arguments: descriptor, is it a Unix socket, backlog
        self._shd: Any = make(self._listener.detach(), False, BACKLOG)
        self._sfd = None
        self._ssp = None


async def serve(
    application: Callable[..., Awaitable[None]],
    listener: socket.socket,
    *,
    ready: Callable[[str], None],
    stop: asyncio.Event,
    drain: Callable[[], Awaitable[Any]],
    idle_seconds: float = IDLE_SECONDS,
) -> bool:
    """Serve until ``stop`` is set, then await ``drain()`` while still answering, then end the connections.

    ``ready`` is called with the URL once a request has been answered. Returns whether every connection ended
    by itself: a client that leaves a request half-sent keeps its own open, and is left behind.
    """
    url = url_of(listener)
    listener.listen(BACKLOG)
    server: Any = _EmbeddedServer(application, listener, idle_seconds)
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    try:
        await _first_answer(url, serving)
        ready(url)
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
            raise RuntimeError("the HTTP server ended by itself")
        await drain()
        server.stop()
        await asyncio.wait({serving}, timeout=STOP_SECONDS)
        return serving.done()
    finally:
        stopping.cancel()


async def _first_answer(url: str, serving: asyncio.Task[Any]) -> None:
    """Ask until something answers, whatever it says. Raises RuntimeError where nothing does."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        if serving.done():
            serving.result()
            raise RuntimeError("the HTTP server ended before it began")
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
                writer.write(f"GET /health HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
                answer = await reader.read()
                writer.close()
                if answer.startswith(b"HTTP/1.1 "):
                    return
        await asyncio.sleep(0.01)
    raise RuntimeError(f"the HTTP server does not answer at {url}")
