"""A network in memory: connected transports, listening addresses, and the means to make them fail in tests."""

from __future__ import annotations

import asyncio
import errno
import ssl as tls
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from .network import P

_FIRST_PORT: Final = 49152
_HIGH_WATER: Final = 1 << 16
"""Bytes in flight in one direction at which the writer's protocol is told to pause."""

_LOCAL: Final = ("127.0.0.1", "::1", "0.0.0.0", "::", "localhost")


class MemoryTransport(asyncio.Transport):
    """One end of a connection. Bytes written here arrive at ``peer`` in order, after the network's delay."""

    def __init__(self, network: MemoryNetwork, protocol: asyncio.BaseProtocol, extra: dict[str, Any]) -> None:
        super().__init__(extra)
        self.peer: MemoryTransport
        self._network = network
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._arriving: deque[bytes | Exception | None] = deque()  # None means the end, an exception means a reset
        self._due = 0  # how many of these have waited out their delay
        self._reading = True
        self._ended = False  # the protocol knows that the peer has ended
        self._closing = False
        self._wrote_eof = False
        self._under_way = 0  # bytes written but not yet delivered to the peer's protocol
        self._writer_paused = False
        self._high, self._low = _HIGH_WATER, _HIGH_WATER // 4

    # -- called by protocols

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See asyncio. Ignored on a connection that is closed or lost."""
        if self._closing or not data:
            return
        if self._wrote_eof:
            raise RuntimeError("write after write_eof")
        self._under_way += len(data)
        self.peer._send(bytes(data))
        if self._under_way > self._high and not self._writer_paused:
            self._writer_paused = True
            self._protocol.pause_writing()

    def write_eof(self) -> None:
        """See asyncio."""
        if not self._wrote_eof and not self._closing:
            self._wrote_eof = True
            self.peer._send(None)

    def can_write_eof(self) -> bool:
        """Half-closing works."""
        return True

    def close(self) -> None:
        """See asyncio. Bytes already written still arrive."""
        if not self._closing:
            self.write_eof()
            self._lose(None)

    def abort(self) -> None:
        """See asyncio. Bytes already written still arrive, as if the operating system had them."""
        self.close()

    def reset(self) -> None:
        """Break the connection as a RST does: both ends lose it and all bytes in flight. The peer sees the error."""
        if not self._closing:
            self.peer._drop()
            self.peer._send(_reset_error())
            self._lose(None)

    def fail(self) -> None:
        """Break this end only: it loses the connection with ConnectionResetError, and all bytes in flight to it."""
        self._lose(_reset_error())

    def is_closing(self) -> bool:
        """See asyncio."""
        return self._closing

    def pause_reading(self) -> None:
        """See asyncio."""
        self._reading = False

    def resume_reading(self) -> None:
        """See asyncio."""
        if not self._reading and not self._closing:
            self._reading = True
            self._loop.call_soon(self._deliver)

    def is_reading(self) -> bool:
        """See asyncio."""
        return self._reading and not self._closing

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See asyncio."""
        self._high = _HIGH_WATER if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_size(self) -> int:
        """Return the number of bytes not yet delivered to the peer's protocol."""
        return self._under_way

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """See asyncio."""
        return self._low, self._high

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """See asyncio."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """See asyncio."""
        return self._protocol

    def readable(self) -> bool:
        """Return whether something has arrived that has not been delivered to the protocol yet."""
        return self._due > 0 or self._ended or self._closing

    # -- the wire

    def start(self) -> None:
        """Call the protocol's ``connection_made``."""
        self._protocol.connection_made(self)
        self._loop.call_soon(self._deliver)

    def _send(self, item: bytes | Exception | None) -> None:
        """Accept an item from the peer."""
        if self._closing:
            self._arrived(item)
            if isinstance(item, bytes) and not self.peer._closing:
                self.peer._send(_reset_error())  # this end has gone
            return
        self._arriving.append(item)
        if self._network.delay:
            self._loop.call_later(self._network.delay, self._arrive)
        else:
            self._loop.call_soon(self._arrive)

    def _arrive(self) -> None:
        # Each item starts a timer, and each timer delivers the oldest item, so a delay that shrinks reorders nothing.
        if self._due < len(self._arriving):
            self._due += 1
            self._deliver()

    def _deliver(self) -> None:
        while self._due and self._reading and not self._closing:
            self._due -= 1
            item = self._arriving.popleft()
            self._arrived(item)
            if isinstance(item, Exception):
                self._lose(item)
            elif item is None:
                self._ended = True
                keep: bool | None = self._protocol.eof_received()  # type: ignore[attr-defined]
                if not keep:
                    self.close()
            else:
                self._protocol.data_received(item)  # type: ignore[attr-defined]

    def _arrived(self, item: bytes | Exception | None) -> None:
        if isinstance(item, bytes):
            self.peer._delivered(len(item))

    def _delivered(self, size: int) -> None:
        self._under_way -= size
        if self._writer_paused and self._under_way <= self._low:
            self._writer_paused = False
            if not self._closing:
                self._protocol.resume_writing()

    def _drop(self) -> None:
        """Drop everything that has not been delivered."""
        while self._arriving:
            self._arrived(self._arriving.popleft())
        self._due = 0

    def _lose(self, error: Exception | None) -> None:
        if self._closing:
            return
        self._closing = True
        self._drop()
        self._network.forget(self)
        self._loop.call_soon(self._protocol.connection_lost, error)


class MemoryListener:
    """An address of a :class:`MemoryNetwork`."""

    def __init__(self, network: MemoryNetwork, address: tuple[str, int]) -> None:
        self._network = network
        self.address = address
        self.factory: Callable[[], asyncio.BaseProtocol] | None = None

    async def serve(self, factory: Callable[[], asyncio.BaseProtocol], *, ssl: tls.SSLContext | None = None) -> None:
        """See :class:`~.network.Listener`."""
        _refuse_tls(ssl)
        self.factory = factory

    def detach(self) -> int:
        """Always raise OSError: there is no file descriptor."""
        raise OSError(errno.EOPNOTSUPP, "the network in memory has no sockets")

    def close(self) -> None:
        """See :class:`~.network.Listener`."""
        self.factory = None
        self._network.free(self)


class MemoryNetwork:
    """The connections of one process and event loop. All of localhost's names mean its only host.

    ``delay`` is the seconds from a write to its arrival, and may be changed at any time. ``refusing`` makes every new
    connection fail. :meth:`reset` breaks all connections.
    """

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self.refusing = False
        self._listeners: dict[int, MemoryListener] = {}
        self._transports: dict[MemoryTransport, None] = {}  # oldest first
        self._next_port = _FIRST_PORT

    async def connect(
        self,
        factory: Callable[[], P],
        host: str,
        port: int,
        *,
        ssl: tls.SSLContext | None = None,
        server_hostname: str | None = None,
    ) -> tuple[asyncio.Transport, P]:
        """See :class:`~.network.Network`. TLS is refused with ValueError."""
        _refuse_tls(ssl)
        await asyncio.sleep(2 * self.delay)
        listener = self._listeners.get(port)
        if self.refusing or host not in _LOCAL or listener is None or listener.factory is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed ({host!r}, {port})")
        here, there = ("127.0.0.1", self._free_port()), ("127.0.0.1", port)
        protocol = factory()
        near, far = _pair(self, protocol, listener.factory(), here, there)
        for end in (far, near):
            self._transports[end] = None
            end.start()
        return near, protocol

    def bind(self, host: str, port: int) -> MemoryListener:
        """See :class:`~.network.Network`."""
        if host not in _LOCAL:
            raise OSError(errno.EADDRNOTAVAIL, f"Cannot assign requested address: {host}")
        if port in self._listeners:
            raise OSError(errno.EADDRINUSE, f"Address already in use: {host}:{port}")
        port = port or self._free_port()
        self._listeners[port] = MemoryListener(self, (host, port))
        return self._listeners[port]

    def readable(self, transport: asyncio.BaseTransport) -> Callable[[], bool]:
        """See :class:`~.network.Network`."""
        assert isinstance(transport, MemoryTransport)
        return transport.readable

    def reset(self) -> None:
        """Break every connection, oldest first. Both ends see a reset."""
        for transport in list(self._transports):
            transport.fail()

    def forget(self, transport: MemoryTransport) -> None:
        """Remove a transport that has ended."""
        self._transports.pop(transport, None)

    def free(self, listener: MemoryListener) -> None:
        """Free the address of a listener that has ended."""
        if self._listeners.get(listener.address[1]) is listener:
            del self._listeners[listener.address[1]]

    def _free_port(self) -> int:
        while self._next_port in self._listeners:
            self._next_port += 1
        port, self._next_port = self._next_port, self._next_port + 1
        return port


def connected(one: asyncio.BaseProtocol, other: asyncio.BaseProtocol) -> tuple[MemoryTransport, MemoryTransport]:
    """Connect two protocols to each other, as a socket pair does, and return their transports."""
    near, far = _pair(MemoryNetwork(), one, other, ("", 0), ("", 0))
    far.start()
    near.start()
    return near, far


def _pair(
    network: MemoryNetwork,
    one: asyncio.BaseProtocol,
    other: asyncio.BaseProtocol,
    here: tuple[str, int],
    there: tuple[str, int],
) -> tuple[MemoryTransport, MemoryTransport]:
    near = MemoryTransport(network, one, {"sockname": here, "peername": there})
    far = MemoryTransport(network, other, {"sockname": there, "peername": here})
    near.peer, far.peer = far, near
    return near, far


def _reset_error() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


def _refuse_tls(ssl: tls.SSLContext | None) -> None:
    if ssl is not None:
        raise ValueError("the network in memory does not support TLS")
