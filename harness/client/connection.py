"""One HTTP/1.1 connection for the appends, reads and check-tails of a run: an asyncio protocol on top of httptools.

The connection makes one exchange at a time. Three facts decide whether a failure is definite or indefinite:

- whether any byte of the request was handed to the transport;
- whether the peer ended the connection while it was idle. The connection asks the network right before it writes a
  request, because the event loop may not have seen the end yet;
- whether the answer is whole. The connection rejects an answer that is cut short, or followed by unexpected bytes.

Dropping a connection awaits nothing, so that a cancelled task can do it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

import httptools

from ..world.network import Network

KEEPALIVE_EXPIRY: Final = 3.0
"""Seconds after which an idle connection is not used again. Common servers close idle connections after 5 s. If a
server closed one while the client was sending, a healthy service would cause an indefinite failure."""

ANSWER_LIMIT: Final = 16 * 1024 * 1024
"""Largest accepted body of an answer, in bytes. The largest legal batch takes less than half of it."""

HEAD_LIMIT: Final = 64 * 1024
"""Largest accepted size of everything in an answer but its body, in bytes. Interim answers count."""


class ConnectionClosed(Exception):
    """The peer ended the connection, or sent something that is not an answer. The message says which."""


class Connection(asyncio.Protocol):
    """A connection to one server, used by one task at a time."""

    def __init__(self) -> None:
        self.closed = False
        """True once the connection must not be used again."""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[tuple[int, bytes]] | None = None
        self._idle_since = self._loop.time()
        self._readable: Callable[[], bool] = lambda: False
        self._secure = False
        self._deadline = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0  # kept here because not every event loop's timer handles report their time
        self._body: list[bytes] = []
        self._unframed = True  # true if only the end of the connection ends the answer
        self._in_body = False
        self._head_size = 0
        self._body_size = 0

    @classmethod
    async def open(cls, network: Network, host: str, port: int, context: ssl.SSLContext | None) -> Connection:
        """Return a new connection. Raises OSError. A failure or a cancellation leaves no socket behind."""
        _, connection = await network.connect(
            cls, host, port, ssl=context, server_hostname=None if context is None else host
        )
        connection._readable = network.readable(connection._transport)
        connection._secure = context is not None
        return connection

    async def is_fresh(self) -> bool:
        """Return whether a request may be written now: the peer has sent nothing since the last answer, nor closed.

        After a true result, call :meth:`exchange` without awaiting anything in between.
        """
        if self.closed or self._expired():
            return False
        if self._readable():
            if not self._secure:
                return False
            # The bytes may belong to TLS itself. Let the loop read them, then see whether they contained data for us.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return not self.closed

    def exchange(self, request: bytes, deadline: float) -> asyncio.Future[tuple[int, bytes]]:
        """Return a future of the answer's status and body, after writing the request.

        The future raises ConnectionClosed, OSError, or TimeoutError at ``deadline`` (seconds, on the event loop's
        clock). The connection is then closed.
        """
        self._waiter = waiter = self._loop.create_future()
        self._deadline = deadline
        self._head_size = self._body_size = 0
        # One timer serves many exchanges, because a timer per exchange costs more than parsing the answer.
        if self._alarm is None or self._alarm_at > deadline:
            self._set_alarm()
        self._transport.write(request)
        return waiter

    def abort(self) -> None:
        """Drop the connection at once. Idempotent."""
        self.closed = True
        self._waiter = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._transport.abort()

    def _expired(self) -> bool:
        return self._loop.time() - self._idle_since > KEEPALIVE_EXPIRY

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = self._deadline
        self._alarm = self._loop.call_at(self._deadline, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._waiter is None:
            return
        if self._loop.time() >= self._deadline:
            self._fail(TimeoutError())
        else:
            self._set_alarm()

    def _fail(self, error: Exception) -> None:
        waiter = self._waiter
        self.abort()
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)

    # Callbacks of asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's transport is not declared as one

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        if self._waiter is None:
            self.abort()  # no request is waiting for an answer
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(ConnectionClosed(f"answered with what is no HTTP: {error}"))
        if not self._in_body and self._waiter is not None:
            self._head_size += len(data)
            if self._head_size > HEAD_LIMIT:
                self._fail(ConnectionClosed(f"answered with more than {HEAD_LIMIT} bytes of headers"))

    def eof_received(self) -> None:
        """See asyncio."""
        if self._waiter is not None and self._in_body and self._unframed:
            self._finish(reusable=False)
        self._fail(ConnectionClosed("the connection was closed before the answer was complete"))

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self._fail(exc or ConnectionClosed("the connection was lost"))

    # Callbacks of httptools.

    def on_message_begin(self) -> None:
        """Note that an answer begins. If no request is waiting for one, the connection cannot be used any more."""
        if self._waiter is None:
            self.closed = True
        self._body = []
        self._unframed = True
        self._in_body = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header of the answer."""
        if name.lower() == b"content-length" or (name.lower() == b"transfer-encoding" and value.lower() == b"chunked"):
            self._unframed = False

    def on_headers_complete(self) -> None:
        """Note that the body begins."""
        self._in_body = True

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        self._body_size += len(body)
        if self._body_size > ANSWER_LIMIT:
            status = self._parser.get_status_code()
            self._fail(ConnectionClosed(f"answered {status} with more than {ANSWER_LIMIT} bytes"))
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Resolve the exchange: the answer is complete. Interim answers are skipped."""
        self._in_body = False
        status = self._parser.get_status_code()
        if status == 101:
            self._fail(ConnectionClosed("answered 101, a change of protocol that nobody asked for"))
        elif status >= 200:
            self._finish(reusable=self._parser.should_keep_alive())

    def _finish(self, *, reusable: bool) -> None:
        waiter, self._waiter = self._waiter, None
        self._idle_since = self._loop.time()
        # The server may answer before it has the whole request. The rest of it is then still to be sent.
        self.closed = self.closed or not reusable or self._transport.get_write_buffer_size() > 0
        if waiter is not None and not waiter.done():
            waiter.set_result((self._parser.get_status_code(), b"".join(self._body)))
