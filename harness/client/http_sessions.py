"""Append sessions and read sessions over HTTP/2: frames of ``s2s/proto`` on streams of one connection per client.

The outcome of a batch depends on what happened to its bytes. If none was handed to the transport, the batch ends as
``not_sent``. Otherwise the service's answer decides. Without an answer (a reset, a lost connection, an end without a
terminal frame, bytes that are not a frame, silence) the batch is indefinite.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from ..s2 import Append, Batch, Read, protobuf, urls
from ..s2.compression import Compression
from ..s2.errors import NOT_SENT, Malformed
from ..s2.frames import FrameDecoder, Message, Terminal, encode_message
from ..world.network import Network
from . import wire
from .connection import ANSWER_LIMIT, ConnectionClosed
from .endpoint import Endpoint, Tls
from .http2 import Http2Connection
from .outcome import Definite, Indefinite, Ok, Outcome
from .redaction import redacted
from .sessions import Ticket, Tickets

CONTENT_TYPE: Final = b"s2s/proto"

SILENCE_LIMIT: Final = 20.0
"""A read session fails after this many seconds, plus the client's time-out, without a byte. Heartbeats come every 5 to
15 s."""


class HttpSessions:
    """The sessions of one client. They share one connection, which the first session opens.

    ``fields`` are the headers of every request. ``timeout`` (seconds) bounds each batch, from its submission to its
    answer. ``compression`` applies to sent frames; received frames may use any.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        fields: list[tuple[bytes, bytes]],
        tls: Tls | None,
        network: Network,
        *,
        timeout: float,
        token: str | None,
        compression: Compression = Compression.NONE,
    ) -> None:
        self.timeout = timeout
        self.token = token
        self.compression = compression
        self._endpoint = endpoint
        self._tls = tls
        self._network = network
        self._connections: dict[Http2Connection, None] = {}
        self._connecting: asyncio.Task[None] | None = None
        self._open: dict[HttpAppendSession | Reading, None] = {}
        self._fields = [
            (b":scheme", endpoint.scheme),
            (b":authority", endpoint.authority),
            *((name, value) for name, value in fields if name not in (b"host", b"accept", b"s2-format")),
            (b"accept", CONTENT_TYPE),
            (b"content-type", CONTENT_TYPE),
        ]

    def append_session(self, path: bytes) -> HttpAppendSession:
        """Return a new append session on the stream at this path."""
        session = HttpAppendSession(self, self._head(b"POST", path))
        self._open[session] = None
        return session

    async def read_session(self, path: bytes, call: Read, on_frame: Callable[[Batch], None]) -> Outcome[None]:
        """Return how reading from the stream at this path ended. See ``StreamClient.read_session``."""
        loop = asyncio.get_running_loop()
        reading, head = self._reading(path, call, on_frame)
        self._open[reading] = None
        connection: Http2Connection | None = None
        number = 0
        try:
            async with asyncio.timeout(self.timeout) as alarm:
                reading.on_sign_of_life = lambda: alarm.reschedule(loop.time() + self.timeout + SILENCE_LIMIT)
                try:
                    connection = await self.connection()
                    reading.on_advice = connection.retire
                    if not reading.outcome.done():
                        number = connection.request(head, reading, end=True)
                except (ConnectionClosed, OSError) as error:
                    return _not_sent(redacted(self.token, str(error)))
                return await reading.outcome
        except TimeoutError:
            if not alarm.expired():
                raise  # the caller's on_frame raised it
            if not number:
                return _not_sent(f"no connection within {self.timeout:g} s")
            return Indefinite("the service has fallen silent")
        finally:
            self.forget(reading)
            if connection is not None and number:
                connection.cancel(number)

    async def connection(self) -> Http2Connection:
        """Return a connection that can take a stream. Open the stream before awaiting anything else.

        Raises ConnectionClosed and OSError.
        """
        while True:
            for connection in self._connections:
                if connection.is_fresh():
                    return connection
            if self._connecting is None:
                self._connecting = asyncio.create_task(self._connect())
                self._connecting.add_done_callback(self._connected)
            try:
                await asyncio.shield(self._connecting)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                raise ConnectionClosed("the client was closed") from None

    def forget(self, session: HttpAppendSession | Reading) -> None:
        """Forget a session that has ended. Idempotent."""
        self._open.pop(session, None)

    def close(self) -> None:
        """End every session and drop the connection. Idempotent."""
        for session in list(self._open):
            session.lost("the client was closed")
        if self._connecting is not None:
            self._connecting.cancel()
        for connection in self._connections:
            connection.abort("the client was closed")
        self._connections.clear()

    async def _connect(self) -> None:
        endpoint = self._endpoint
        context = None if self._tls is None else self._tls.http2
        try:
            async with asyncio.timeout(self.timeout):
                made = await Http2Connection.open(
                    self._network, endpoint.host.decode(), endpoint.effective_port, context
                )
        except TimeoutError:
            raise ConnectionClosed(f"no connection over HTTP/2 within {self.timeout:g} s") from None
        except OSError as error:
            raise ConnectionClosed(f"cannot connect: {error}") from error
        # A connection that takes no new streams closes by itself when its last stream ends.
        self._connections = {made: None} | {old: None for old in self._connections if not old.closed}

    def _connected(self, task: asyncio.Task[None]) -> None:
        self._connecting = None
        if not task.cancelled():
            task.exception()  # mark it as retrieved, since no task may be waiting for the connection

    def _reading(
        self, path: bytes, call: Read, on_frame: Callable[[Batch], None]
    ) -> tuple[Reading, list[tuple[bytes, bytes]]]:
        """Return a read session that is not open yet, and the head of its request."""
        return Reading(call, on_frame, self.token), self._head(b"GET", path + urls.encode_read(call))

    def _head(self, method: bytes, path: bytes) -> list[tuple[bytes, bytes]]:
        return [(b":method", method), (b":path", path), *self._fields]


class _SessionAnswer:
    """The answer to a session's request, cut into frames: a :class:`~.http2.Receiver`."""

    def __init__(self) -> None:
        self._status = 0
        self._content = bytearray()
        self._decoder = FrameDecoder()

    def answered(self, status: int) -> None:
        """See Receiver."""
        self._status = status

    def received(self, data: bytes) -> None:
        """See Receiver."""
        if self._status != 200:
            self._content += data
            if len(self._content) > ANSWER_LIMIT:
                self.lost(f"answered {self._status} with more than {ANSWER_LIMIT} bytes")
            return
        try:
            for frame in self._decoder.feed(data):
                if isinstance(frame, Terminal):
                    self._refused(frame.status, frame.body)
                else:
                    self._message(frame)
        except (Malformed, ValueError) as error:
            self.lost(f"the service broke the rules of a session: {error}")

    def ended(self) -> None:
        """See Receiver."""
        if self._status != 200:
            self._refused(self._status, bytes(self._content))
            return
        try:
            self._decoder.close()
        except Malformed as error:
            self.lost(str(error))
        else:
            self._finished()

    def lost(self, reason: str) -> None:
        """See Receiver. Idempotent: a result that is already known stays."""
        raise NotImplementedError

    def _message(self, message: Message) -> None:
        """Handle a frame. Raises Malformed or ValueError for a frame that does not belong here."""
        raise NotImplementedError

    def _refused(self, status: int, content: bytes) -> None:
        """Handle an error, which came as an HTTP answer or as a terminal frame."""
        raise NotImplementedError

    def _finished(self) -> None:
        """Handle the end of an answer without an error."""
        raise NotImplementedError


class HttpAppendSession(_SessionAnswer):
    """An :class:`~fencepost.harness.client.protocol.AppendSession` on a stream of an HTTP/2 connection."""

    def __init__(self, sessions: HttpSessions, head: list[tuple[bytes, bytes]]) -> None:
        super().__init__()
        self._sessions = sessions
        self._head = head
        self._tickets = Tickets()
        self._waiting: list[tuple[bytes, Ticket]] = []
        self._opening: asyncio.Task[None] | None = None
        self._connection: Http2Connection | None = None
        self._number = 0
        self._unsendable: tuple[Ticket, Definite] | None = None
        self._ending = False

    def submit(self, batch: Append) -> Ticket:
        """Return a ticket for the next batch. The first batch opens the session."""
        ticket = self._tickets.push()
        if ticket.outcome is not None:
            return ticket
        try:
            frame = encode_message(Message(protobuf.encode_append(batch)), self._sessions.compression)
        except ValueError as error:  # includes UnicodeEncodeError
            self._unsendable = ticket, _not_sent(f"the batch cannot be written as a frame: {error}")
            self._tickets.close("an earlier batch of the session could not be sent")
            self._come_to_the_unsendable()
            return ticket
        asyncio.get_running_loop().call_later(self._sessions.timeout, self._expire, ticket)
        if self._connection is not None:
            self._connection.send(self._number, frame, ticket.depart)
            return ticket
        self._waiting.append((frame, ticket))
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        return ticket

    async def aclose(self) -> None:
        """Wait until every submitted batch has its outcome, then end the session. Idempotent."""
        self._tickets.close()
        self._end()
        try:
            await self._tickets.settled()
        except asyncio.CancelledError:
            self.lost("the session was closed")
            raise
        self._sessions.forget(self)

    def lost(self, reason: str) -> None:
        """End the remaining batches, since no answer can come any more. See Receiver."""
        self._tickets.lose(redacted(self._sessions.token, reason))
        self._let_go()

    async def _open(self) -> None:
        try:
            connection = await self._sessions.connection()
            if self._tickets.ended and not len(self._tickets):
                return
            self._number = connection.request(self._head, self, end=False)
        except Exception as error:
            self.lost(str(error) or type(error).__name__)
            return
        self._connection = connection
        for frame, ticket in self._waiting:
            connection.send(self._number, frame, ticket.depart)
        self._waiting.clear()
        self._end()

    def _end(self) -> None:
        """End the request's body if the session takes no more batches. Cancel the stream after the time-out."""
        if self._connection is not None and self._tickets.ended and not self._ending:
            self._ending = True
            self._connection.end(self._number)
            asyncio.get_running_loop().call_later(self._sessions.timeout, self._connection.cancel, self._number)

    def _expire(self, ticket: Ticket) -> None:
        if ticket.outcome is None:
            self.lost(f"no answer within {self._sessions.timeout:g} s")

    def _let_go(self) -> None:
        self._sessions.forget(self)
        if self._connection is not None:
            self._connection.cancel(self._number)

    def _message(self, message: Message) -> None:
        if message.reconnect_advised and self._connection is not None:
            self._connection.retire()
        self._tickets.acknowledge(protobuf.decode_ack(message.body))
        self._come_to_the_unsendable()

    def _refused(self, status: int, content: bytes) -> None:
        outcome = wire.conclude(wire.APPEND, status, content, self._sessions.token)
        self._tickets.refuse(_misplaced(status) if isinstance(outcome, Ok) else outcome)
        self._let_go()

    def _finished(self) -> None:
        self.lost("the service ended the session without a terminal frame")

    def _come_to_the_unsendable(self) -> None:
        if self._unsendable is not None and self._tickets.oldest is self._unsendable[0]:
            self._tickets.refuse(self._unsendable[1])
            self._end()


class Reading(_SessionAnswer):
    """One open read session, which resolves to its outcome."""

    def __init__(self, call: Read, on_frame: Callable[[Batch], None], token: str | None) -> None:
        super().__init__()
        self.outcome: asyncio.Future[Outcome[None]] = asyncio.get_running_loop().create_future()
        self.on_sign_of_life: Callable[[], None] = lambda: None
        self.on_advice: Callable[[], None] = lambda: None
        self._on_frame = on_frame
        self._token = token
        self._bounded = any(bound is not None for bound in (call.count, call.bytes, call.until, call.wait))

    def answered(self, status: int) -> None:
        """See Receiver."""
        self.on_sign_of_life()
        super().answered(status)

    def received(self, data: bytes) -> None:
        """See Receiver."""
        self.on_sign_of_life()
        super().received(data)

    def lost(self, reason: str) -> None:
        """See Receiver."""
        self._resolve(Indefinite(redacted(self._token, reason)))

    def _message(self, message: Message) -> None:
        if message.reconnect_advised:
            self.on_advice()
        self._returned(protobuf.decode_batch(message.body))

    def _returned(self, batch: Batch) -> None:
        if self.outcome.done():
            return
        try:
            self._on_frame(batch)
        except Exception as error:
            self.outcome.set_exception(error)

    def _refused(self, status: int, content: bytes) -> None:
        outcome = wire.conclude(wire.READ, status, content, self._token)
        self._resolve(_misplaced(status) if isinstance(outcome, Ok) else outcome)

    def _finished(self) -> None:
        # s2-lite does not send a terminal frame when a read session reaches its bounds; it just ends the stream.
        if self._bounded:
            self._resolve(Ok(None))
        else:
            self._resolve(Indefinite("the service ended a session without bounds, and did not say why"))

    def _resolve(self, outcome: Outcome[None]) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)


def _not_sent(reason: str) -> Definite:
    return Definite(NOT_SENT.code, None, {"message": reason})


def _misplaced(status: int) -> Indefinite:
    return Indefinite(f"answered {status} where only an error ends a session", status)
