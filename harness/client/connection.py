"""One TCP (or TLS) connection as httpcore wants it, straight on asyncio, and what it knows of a request's departure.

httpcore's own backend goes through anyio, with a cancel scope around each read and each write; this one costs
half as much. It has three further properties that the client needs. What is written leaves with the next read, in
one segment where it fits. An end or a reset that arrives while the connection is idle is seen before the connection is
used again. And it can be dropped without awaiting anything, which is what a cancelled task needs.

Time-outs are not kept here: the client bounds the whole operation.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

import httpcore

UNREAD_LIMIT: Final = 1 << 20
"""Bytes that may wait to be read before the peer is held back."""


class Stream(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """The connection. Usable from one task at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._unread: list[bytes] = []
        self._unread_bytes = 0
        self._paused = False
        self._ended = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._poll = select.poll()
        self.sent_bytes = 0
        """How many bytes have been handed to the system, or to TLS: what was only written is not among them."""

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its type
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        self._unread.append(data)
        self._unread_bytes += len(data)
        if self._unread_bytes > UNREAD_LIMIT and not self._paused and self._transport is not None:
            self._transport.pause_reading()
            self._paused = True
        self._wake()

    def eof_received(self) -> None:
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._error = exc
        self._wake()

    # What httpcore calls.

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has arrived, or waits for something to arrive; empty at the end of the stream."""
        self._send()
        while not self._unread and not self._ended:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if not self._unread:
            if self._error is not None:
                raise httpcore.ReadError(str(self._error) or type(self._error).__name__)
            return b""
        data = b"".join(self._unread)
        self._unread.clear()
        self._unread_bytes = 0
        if self._paused and self._transport is not None:
            self._transport.resume_reading()
            self._paused = False
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Hold the bytes for the next read, which sends them. A request is always followed by one."""
        if buffer:
            self._unsent.append(buffer)

    async def aclose(self) -> None:
        """Close without delay; what was not sent is dropped."""
        self.abort()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Turn the connection into a TLS one. Raises :class:`httpcore.ConnectError`; it is closed then."""
        assert self._transport is not None
        try:
            loop = asyncio.get_running_loop()
            secured = await loop.start_tls(self._transport, self, ssl_context, server_hostname=server_hostname)
        except (OSError, ssl.SSLError) as error:
            self.abort()
            raise httpcore.ConnectError(str(error) or type(error).__name__) from error
        except BaseException:
            self.abort()
            raise
        if secured is None:
            raise httpcore.ConnectError("the connection was lost during the TLS handshake")
        self._transport = secured
        return self

    def get_extra_info(self, info: str) -> Any:
        """httpcore asks for ``is_readable`` before it uses an idle connection again, and for ``ssl_object``."""
        if info == "is_readable":
            return self._readable()
        return None if self._transport is None else self._transport.get_extra_info(info)

    # What the client calls.

    def abort(self) -> None:
        """Drop the connection, now. Idempotent."""
        self._unsent.clear()
        self._ended = True
        if self._transport is not None:
            self._transport.abort()

    def _send(self) -> None:
        if self._unsent and self._transport is not None and not self._transport.is_closing() and not self._stale():
            data = b"".join(self._unsent)
            self.sent_bytes += len(data)  # first, so that it never says too little
            self._transport.write(data)
        self._unsent.clear()

    def _stale(self) -> bool:
        """Whether the peer ended a connection that was used before, or sent what nobody asked for.

        The last look before a request leaves: what is found here was not sent for certain. TLS may have something
        to read of its own.
        """
        if not self.sent_bytes or self.get_extra_info("ssl_object") is not None or not self._readable():
            return False
        self._ended = True
        return True

    def _readable(self) -> bool:
        """Whether anything has arrived, the end included. Asks the system, for asyncio may not have had its turn."""
        if self._unread or self._ended or self._transport is None or self._transport.is_closing():
            return True
        return bool(self._poll.poll(0))

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Backend(httpcore.AsyncNetworkBackend):
    """Connects, and remembers the last connection so that it can be dropped at once."""

    def __init__(self) -> None:
        self.stream: Stream | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect. Raises :class:`httpcore.ConnectError`."""
        try:
            _, stream = await asyncio.get_running_loop().create_connection(Stream, host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error) or type(error).__name__) from error
        self.stream = stream
        return stream

    def abort(self) -> None:
        """Drop the last connection, if there is one."""
        if self.stream is not None:
            self.stream.abort()
            self.stream = None


class Departure:
    """Watches the steps of one request, as httpcore's ``trace`` extension tells them: may any of it have left?

    That its headers are about to be sent is the sign. The connection then still knows whether a single byte was
    handed to the system: none is where the peer was found to have closed meanwhile.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._stream: Stream | None = None
        self._mark = 0

    def reset(self) -> None:
        """Watch the next request."""
        self._stream = None

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        """Called by httpcore at each step."""
        # A proxy's CONNECT goes through the same step, and is not the request.
        if event.endswith(".send_request_headers.started") and info["request"].method != b"CONNECT":
            self._stream = self._backend.stream
            assert self._stream is not None
            self._mark = self._stream.sent_bytes

    @property
    def possible(self) -> bool:
        """Whether some of the request may have left."""
        return self._stream is not None and self._stream.sent_bytes > self._mark
