"""Connections and listening sockets, as asyncio transports and protocols.

Clients and servers are ``asyncio.Protocol``\\ s. The network makes their transports, so a simulated network can replace
the real one.
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
    """A bound address. Connections to it are refused until :meth:`serve`."""

    @property
    def address(self) -> tuple[str, int]:
        """The host and the port. If port 0 was bound, this is the port that the network chose."""
        ...

    async def serve(self, factory: Callable[[], asyncio.BaseProtocol], *, ssl: tls.SSLContext | None = None) -> None:
        """Accept connections, each with its own protocol. Raise OSError if another server has taken the address."""
        ...

    def detach(self) -> int:
        """Return the listening socket as a file descriptor, for a server that does not use asyncio's protocols.

        Raise OSError if the network has no file descriptors.
        """
        ...

    def close(self) -> None:
        """Stop accepting connections and free the address. Open connections stay open. Idempotent."""
        ...


class Network(Protocol):
    """What connects clients and binds addresses for servers."""

    async def connect(
        self,
        factory: Callable[[], P],
        host: str,
        port: int,
        *,
        ssl: tls.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> tuple[asyncio.Transport, P]:
        """Return a connection and its protocol after ``connection_made``. Raise OSError if it cannot connect."""
        ...

    def bind(self, host: str, port: int) -> Listener:
        """Bind an address and return its listener. Port 0 lets the network choose. Raise OSError if it is in use."""
        ...

    def readable(self, transport: asyncio.BaseTransport) -> Callable[[], bool]:
        """Return a cheap function that says whether anything, the end included, has arrived but is not delivered yet.

        A client calls it before it reuses an idle connection.
        """
        ...


class SystemListener:
    """A bound TCP socket of this machine. SO_REUSEADDR is set and SO_REUSEPORT is not: one server per port."""

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
            # Connections inherit it. Without it, the second small answer in a row waits for the first one's ACK: 40 ms.
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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
        """See :class:`Listener`. The returned socket listens already."""
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
        """See :class:`Network`. The function asks the operating system, which takes about a microsecond."""
        poll = select.poll()
        poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        return lambda: bool(poll.poll(0))
