"""Connections and listening sockets, in the shape that asyncio gives them.

Clients and servers are ``asyncio.Protocol``\\ s: the network makes the transport, so that a simulated one can stand in
its place.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl as tls
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

P = TypeVar("P", bound=asyncio.BaseProtocol)
BACKLOG: Final = 2048


class Listener(Protocol):
    """An address that is taken. Connections to it are refused until :meth:`serve`."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port, the real port where 0 was asked for."""
        ...

    async def serve(self, factory: Callable[[], asyncio.BaseProtocol], *, ssl: tls.SSLContext | None = None) -> None:
        """Accept connections, each with a protocol of its own. Raises OSError where somebody else does by now."""
        ...

    def detach(self) -> int:
        """Hand over the listening socket as a file descriptor, to a server that is not written on asyncio's protocols.

        Raises OSError where the network has no such thing.
        """
        ...

    def close(self) -> None:
        """Stop accepting and free the address. Connections that stand go on. Idempotent."""
        ...


class Network(Protocol):
    """Connects, and takes addresses to listen on."""

    async def connect(
        self,
        factory: Callable[[], P],
        host: str,
        port: int,
        *,
        ssl: tls.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> tuple[asyncio.Transport, P]:
        """Return a connection and its protocol, ``connection_made`` called. Raises OSError."""
        ...

    def bind(self, host: str, port: int) -> Listener:
        """Take an address; port 0 lets the network choose. Raises OSError where somebody serves there already."""
        ...

    def readable(self, transport: asyncio.BaseTransport) -> Callable[[], bool]:
        """Return a question to ask often: has anything arrived, the end included, that the loop has not delivered yet?

        A client asks it before it uses an idle connection again.
        """
        ...


class SystemListener:
    """A bound TCP socket of this machine. It has SO_REUSEADDR but no SO_REUSEPORT: only one server gets a port."""

    def __init__(self, host: str, port: int) -> None:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            self._socket = socket.socket(family, kind, protocol)
        except OverflowError as error:
            raise OSError(str(error)) from error
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(address)
            self._socket.setblocking(False)
        except OSError:
            self._socket.close()
            raise
        self._server: asyncio.Server | None = None

    @property
    def address(self) -> tuple[str, int]:
        """See :class:`Listener`."""
        host, port = self._socket.getsockname()[:2]
        return host, port

    async def serve(self, factory: Callable[[], asyncio.BaseProtocol], *, ssl: tls.SSLContext | None = None) -> None:
        """See :class:`Listener`."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(factory, sock=self._socket, ssl=ssl, backlog=BACKLOG)

    def detach(self) -> int:
        """See :class:`Listener`. The socket listens from here on."""
        self._socket.listen(BACKLOG)
        return self._socket.detach()

    def close(self) -> None:
        """See :class:`Listener`."""
        if self._server is not None:
            self._server.close()
        self._socket.close()


class SystemNetwork:
    """TCP and TLS of this machine."""

    async def connect(
        self,
        factory: Callable[[], P],
        host: str,
        port: int,
        *,
        ssl: tls.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> tuple[asyncio.Transport, P]:
        """See :class:`Network`."""
        loop = asyncio.get_running_loop()
        return await loop.create_connection(factory, host, port, ssl=ssl, server_hostname=server_hostname)

    def bind(self, host: str, port: int) -> SystemListener:
        """See :class:`Network`."""
        return SystemListener(host, port)

    def readable(self, transport: asyncio.BaseTransport) -> Callable[[], bool]:
        """See :class:`Network`. Asks the operating system: about a microsecond."""
        poll = select.poll()
        poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        return lambda: bool(poll.poll(0))
