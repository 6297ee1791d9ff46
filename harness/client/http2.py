"""One HTTP/2 connection: many concurrent streams with flow control, each of which sends and receives at the same time.

``h2`` is the state machine, and this module gives it a transport. A stream's bytes wait in order until the peer's
window and the transport both have room, so a peer that does not read slows its senders down. The connection notifies a
sender right before it hands the first byte of a message to the transport. A failure before that moment is definite.

The connection sends requests only after it has received the peer's settings. A server that does not speak HTTP/2 thus
never gets a request.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
from h2.errors import ErrorCodes

from ..world.network import Network
from .connection import KEEPALIVE_EXPIRY, ConnectionClosed

if TYPE_CHECKING:
    from hyperframe.frame import Frame, GoAwayFrame

WINDOW: Final = 1 << 20
"""Bytes that a peer may send ahead of us, on one stream and on the whole connection."""

ALPN: Final = "h2"


class Receiver(Protocol):
    """The receiver of one stream's answer. The connection calls nothing after ``ended`` or ``lost``."""

    def answered(self, status: int) -> None:
        """Take the status of the answer."""

    def received(self, data: bytes) -> None:
        """Take a part of the answer's body."""

    def ended(self) -> None:
        """Note that the peer ended the answer in good order."""

    def lost(self, reason: str) -> None:
        """Note that nothing more comes: the stream was reset, or the connection was lost."""


@dataclass(slots=True)
class _Outgoing:
    data: memoryview
    departing: Callable[[], None]
    begun: bool = False


@dataclass(slots=True)
class _Stream:
    receiver: Receiver
    waiting: deque[_Outgoing] = field(default_factory=deque)
    ending: bool = False
    sent_end: bool = False


class Http2State(h2.connection.H2Connection):
    """A state machine that survives a GOAWAY: h2 ends the connection, this one lets the remaining streams finish."""

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[h2.events.Event]]:
        event = h2.events.ConnectionTerminated()
        event.error_code = frame.error_code
        event.last_stream_id = frame.last_stream_id
        return [], [event]


class Http2Connection(asyncio.Protocol):
    """A connection to one server, shared by any number of streams."""

    def __init__(self) -> None:
        self.usable = True
        """True while another stream may be opened."""
        self.closed = False
        """True once the connection has ended."""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._h2 = Http2State(h2.config.H2Configuration(client_side=True))
        self._streams: dict[int, _Stream] = {}
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._full = False
        self._pumping = False
        self._idle_since = self._loop.time()
        self._readable: Callable[[], bool] = lambda: False

    @classmethod
    async def open(cls, network: Network, host: str, port: int, context: ssl.SSLContext | None) -> Http2Connection:
        """Return a connection that has exchanged settings. Raises OSError or ConnectionClosed; no socket stays open."""
        transport, connection = await network.connect(
            cls, host, port, ssl=context, server_hostname=None if context is None else host
        )
        try:
            if context is not None:
                chosen = transport.get_extra_info("ssl_object").selected_alpn_protocol()
                if chosen != ALPN:
                    raise ConnectionClosed("the server does not offer HTTP/2 over TLS (ALPN h2), which sessions need")
            await connection._ready
        except BaseException:
            connection.abort("the connection was given up")
            raise
        if context is None:
            connection._readable = network.readable(transport)
        return connection

    def is_fresh(self) -> bool:
        """Return whether a stream may be opened now. Asks the network if the connection has been idle."""
        if not self.usable or self._transport.is_closing():
            return False
        if self._streams:
            return True
        return self._loop.time() - self._idle_since <= KEEPALIVE_EXPIRY and not self._readable()

    def retire(self) -> None:
        """Open no more streams, because the server is about to stop. Open streams go on."""
        self.usable = False

    def request(self, headers: Iterable[tuple[bytes, bytes]], receiver: Receiver, *, end: bool) -> int:
        """Return the number of a new stream, after sending its request's head. ``end`` means that it has no body."""
        number = self._h2.get_next_available_stream_id()
        self._h2.send_headers(number, list(headers), end_stream=end)
        self._streams[number] = _Stream(receiver, ending=end, sent_end=end)
        self._flush()
        return number

    def send(self, number: int, data: bytes, departing: Callable[[], None]) -> None:
        """Send a part of a request's body once there is room. Calls ``departing`` before its first byte leaves."""
        if stream := self._streams.get(number):
            stream.waiting.append(_Outgoing(memoryview(data), departing))
            self._pump_soon()

    def end(self, number: int) -> None:
        """End a request's body once all of it has been sent."""
        if stream := self._streams.get(number):
            stream.ending = True
            self._pump_soon()

    def cancel(self, number: int) -> None:
        """Reset a stream and discard what it has not sent yet. Idempotent."""
        if self._streams.pop(number, None) is not None:
            self._leave()
            try:
                self._h2.reset_stream(number, ErrorCodes.CANCEL)
            except h2.exceptions.ProtocolError:
                return  # the stream has already ended
            self._flush()

    def abort(self, reason: str) -> None:
        """Drop the connection at once, with all its streams. Idempotent."""
        self.usable = False
        self.closed = True
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.receiver.lost(reason)
        if not self._ready.done():
            self._ready.set_exception(ConnectionClosed(reason))
            self._ready.exception()  # mark it as retrieved, since no task may be waiting
        self._transport.abort()

    # Callbacks of asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's transport is not declared as one
        self._h2.local_settings = h2.settings.Settings(
            client=True,
            initial_values={
                h2.settings.SettingCodes.ENABLE_PUSH: 0,
                h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
            },
        )
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(WINDOW)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        try:
            events = self._h2.receive_data(data)
            for event in events:
                self._take(event)
            self._flush()
        except h2.exceptions.ProtocolError as error:
            self._flush()  # sends h2's GOAWAY, which tells the peer what was wrong
            self.abort(f"the server broke the rules of HTTP/2: {str(error) or type(error).__name__}")

    def eof_received(self) -> None:
        """See asyncio."""
        self.abort("the connection was closed")

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        self.abort(f"the connection was lost: {exc}" if exc else "the connection was closed")

    def pause_writing(self) -> None:
        """See asyncio."""
        self._full = True

    def resume_writing(self) -> None:
        """See asyncio."""
        self._full = False
        self._pump_all()

    # Private methods.

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RemoteSettingsChanged():
                if not self._ready.done():
                    self._ready.set_result(None)
                self._pump_all()
            case h2.events.ResponseReceived(stream_id=number, headers=headers):
                if (stream := self._streams.get(number)) is not None:
                    stream.receiver.answered(int(dict(headers or ()).get(b":status", b"0")))
            case h2.events.DataReceived(stream_id=number, data=data, flow_controlled_length=size):
                if (stream := self._streams.get(number)) is not None:
                    stream.receiver.received(data or b"")
                if size:
                    self._acknowledge(number, size)
            case h2.events.StreamEnded(stream_id=number):
                if (stream := self._streams.get(number)) is not None:
                    # The answer ended before its request, so sending the rest of the request is useless.
                    if not stream.sent_end:
                        self.cancel(number)
                    self._streams.pop(number, None)
                    self._leave()
                    stream.receiver.ended()
            case h2.events.StreamReset(stream_id=number, error_code=code):
                if (stream := self._streams.pop(number, None)) is not None:
                    self._leave()
                    stream.receiver.lost(f"the server reset the stream ({_name(code)})")
            case h2.events.WindowUpdated():
                self._pump_all()
            case h2.events.ConnectionTerminated(error_code=code, last_stream_id=last):
                self._go_away(last or 0, f"the server is going away ({_name(code)})")
            case _:
                pass

    def _go_away(self, last: int, reason: str) -> None:
        self.usable = False
        for number in [number for number in self._streams if number > last]:
            self._streams.pop(number).receiver.lost(reason)
        self._leave()

    def _acknowledge(self, number: int, size: int) -> None:
        with suppress(h2.exceptions.ProtocolError):  # the stream was cancelled; h2 has updated the connection's window
            self._h2.acknowledge_received_data(size, number)

    def _leave(self) -> None:
        """Note that a stream has gone. The last stream closes a connection that takes no new ones."""
        self._idle_since = self._loop.time()
        if not self.usable and not self._streams:
            self.closed = True
            self._transport.close()

    def _pump_soon(self) -> None:
        """Schedule sending for the loop's next turn, so that everything handed over in this turn goes out together."""
        if not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump_all)

    def _pump_all(self) -> None:
        self._pumping = False
        for number, stream in list(self._streams.items()):
            self._pump(number, stream)
        self._flush()

    def _pump(self, number: int, stream: _Stream) -> None:
        """Send as much as there is room for."""
        while stream.waiting and not self._full:
            room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
            if room <= 0:
                return
            # Put several batches into one HTTP/2 frame, because a frame costs more than its content.
            pieces = []
            while stream.waiting and room:
                outgoing = stream.waiting[0]
                if not outgoing.begun:
                    outgoing.begun = True
                    outgoing.departing()
                pieces.append(outgoing.data[:room])
                outgoing.data = outgoing.data[room:]
                room -= len(pieces[-1])
                if not outgoing.data:
                    stream.waiting.popleft()
            self._h2.send_data(number, b"".join(pieces))
            self._flush()
        if stream.ending and not stream.sent_end and not stream.waiting:
            stream.sent_end = True
            self._h2.end_stream(number)

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)


def _name(code: int | None) -> str:
    return ErrorCodes(code).name if code in set(ErrorCodes) else f"error {code}"
