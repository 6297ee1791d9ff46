"""One HTTP/1.1 connection for the operations that a run consists of: an asyncio protocol with httptools as its parser.

It makes one exchange at a time and knows three things that decide between a definite and an indefinite failure. Whether
any byte of a request was handed to the transport. Whether the peer ended the connection while it was idle, which is
asked of the network right before a request is written, because the event loop may not have had its turn. And
that an answer is whole: what is cut, or followed by something that nobody asked for, is never taken for an answer.

A connection can be dropped without awaiting anything, which is what a cancelled task needs.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

import httptools

from ..world.network import Network

KEEPALIVE_EXPIRY: Final = 3.0
"""Seconds after which an idle connection is not used again: less than the 5 s of common servers, so that the
server's closing and our sending do not cross (which would be an indefinite failure of a healthy service)."""

ANSWER_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of an answer's body above which it is not read on. The largest legal batch takes less than half of it."""

HEAD_LIMIT: Final = 64 * 1024
"""Bytes of an answer without a body, interim answers included, above which it is not read on."""


class ConnectionClosed(Exception):
    """The peer ended the connection, or sent what is no answer; the text says which."""


class Connection(asyncio.Protocol):
    """A connection to one server, used by one task at a time."""

    def __init__(self) -> None:
        self.closed = False
        """Whether the connection is not to be used again."""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[tuple[int, bytes]] | None = None
        self._idle_since = self._loop.time()
        self._readable: Callable[[], bool] = lambda: False
        self._secure = False
        self._deadline = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0  # not every loop's handles tell their time
        self._body: list[bytes] = []
        self._unframed = True  # the answer ends with the connection
        self._in_body = False
        self._head_size = 0
        self._body_size = 0

    @classmethod
    async def open(cls, network: Network, host: str, port: int, context: ssl.SSLContext | None) -> Connection:
        """Connect. Raises OSError; nothing is left behind then, nor when the task is cancelled."""
        _, connection = await network.connect(
            cls, host, port, ssl=context, server_hostname=None if context is None else host
        )
        connection._readable = network.readable(connection._transport)
        connection._secure = context is not None
        return connection

    async def is_fresh(self) -> bool:
        """Whether a request may be written now: nothing has arrived since the last answer, neither an end nor data.

        After this returns true nothing may be awaited before :meth:`exchange`.
        """
        if self.closed or self._expired():
            return False
        if self._readable():
            if not self._secure:
                return False
            # It may be TLS's own: let the loop read it, and see whether anything for us was in it.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return not self.closed

    def exchange(self, request: bytes, deadline: float) -> asyncio.Future[tuple[int, bytes]]:
        """Write a request; the future gives the answer's status and body.

        It fails with ConnectionClosed, OSError, or TimeoutError at ``deadline`` (a time of the loop). The connection is
        then closed.
        """
        self._waiter = waiter = self._loop.create_future()
        self._deadline = deadline
        self._head_size = self._body_size = 0
        # One timer serves many exchanges: setting and cancelling one for each costs more than the parser does.
        if self._alarm is None or self._alarm_at > deadline:
            self._set_alarm()
        self._transport.write(request)
        return waiter

    def abort(self) -> None:
        """Drop the connection, now. Idempotent."""
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

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is none by its type

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        if self._waiter is None:
            self.abort()  # nobody asked for it
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

    # What httptools calls.

    def on_message_begin(self) -> None:
        """An answer begins: while none is awaited, the connection is worth nothing any more."""
        if self._waiter is None:
            self.closed = True
        self._body = []
        self._unframed = True
        self._in_body = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        if name.lower() == b"content-length" or (name.lower() == b"transfer-encoding" and value.lower() == b"chunked"):
            self._unframed = False

    def on_headers_complete(self) -> None:
        """The body begins."""
        self._in_body = True

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body_size += len(body)
        if self._body_size > ANSWER_LIMIT:
            status = self._parser.get_status_code()
            self._fail(ConnectionClosed(f"answered {status} with more than {ANSWER_LIMIT} bytes"))
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """An answer is whole. Interim answers are passed over."""
        self._in_body = False
        status = self._parser.get_status_code()
        if status == 101:
            self._fail(ConnectionClosed("answered 101, a change of protocol that nobody asked for"))
        elif status >= 200:
            self._finish(reusable=self._parser.should_keep_alive())

    def _finish(self, *, reusable: bool) -> None:
        waiter, self._waiter = self._waiter, None
        self._idle_since = self._loop.time()
        # An answer that overtook its request may leave a part of it to be sent.
        self.closed = self.closed or not reusable or self._transport.get_write_buffer_size() > 0
        if waiter is not None and not waiter.done():
            waiter.set_result((self._parser.get_status_code(), b"".join(self._body)))
