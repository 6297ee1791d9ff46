"""One HTTP/2 connection: many streams at once, each sending and receiving at the same time, with flow control.

``h2`` is the state machine; this module gives it a transport. A stream's bytes wait in order until both the peer's
window and the transport have room, so a peer that does not read holds its writers back. Whoever sends something learns
the moment before the first byte of it is handed to the transport: that decides between definite and indefinite.

Requests are sent only after the peer's settings have come. So a server that speaks no HTTP/2 never gets a request.
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
"""Bytes of one stream, and of the whole connection, that a peer may send before we have taken them."""

ALPN: Final = "h2"


class Receiver(Protocol):
    """What becomes of one stream. Called by the connection; nothing is called after ``ended`` or ``lost``."""

    def answered(self, status: int) -> None:
        """The head of the answer is there."""

    def received(self, data: bytes) -> None:
        """A part of its body."""

    def ended(self) -> None:
        """The peer ended the answer in good order."""

    def lost(self, reason: str) -> None:
        """There will be no more: the stream was reset, or the connection was lost."""


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


class _H2(h2.connection.H2Connection):
    """h2 takes a GOAWAY for the end of the connection. The streams that it lets finish go on, and so does this."""

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[h2.events.Event]]:
        event = h2.events.ConnectionTerminated()
        event.error_code = frame.error_code
        event.last_stream_id = frame.last_stream_id
        return [], [event]


class Http2Connection(asyncio.Protocol):
    """A connection to one server, shared by any number of streams."""

    def __init__(self) -> None:
        self.usable = True
        """Whether another stream may be opened."""
        self.closed = False
        """Whether it has ended."""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._h2 = _H2(h2.config.H2Configuration(client_side=True))
        self._streams: dict[int, _Stream] = {}
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._full = False
        self._pumping = False
        self._idle_since = self._loop.time()
        self._readable: Callable[[], bool] = lambda: False

    @classmethod
    async def open(cls, network: Network, host: str, port: int, context: ssl.SSLContext | None) -> Http2Connection:
        """Connect and exchange settings. Raises OSError or ConnectionClosed; nothing is left behind then."""
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
        """Whether a stream may be opened now; asks the network where the connection has been idle."""
        if not self.usable or self._transport.is_closing():
            return False
        if self._streams:
            return True
        return self._loop.time() - self._idle_since <= KEEPALIVE_EXPIRY and not self._readable()

    def retire(self) -> None:
        """Open no more streams on it: the server is about to stop. Those that are open go on."""
        self.usable = False

    def request(self, headers: Iterable[tuple[bytes, bytes]], receiver: Receiver, *, end: bool) -> int:
        """Send the head of a request, and return the number of its stream. ``end`` says that it has no body."""
        number = self._h2.get_next_available_stream_id()
        self._h2.send_headers(number, list(headers), end_stream=end)
        self._streams[number] = _Stream(receiver, ending=end, sent_end=end)
        self._flush()
        return number

    def send(self, number: int, data: bytes, departing: Callable[[], None]) -> None:
        """Send a part of a request's body when there is room; ``departing`` is called before its first byte leaves."""
        if stream := self._streams.get(number):
            stream.waiting.append(_Outgoing(memoryview(data), departing))
            self._pump_soon()

    def end(self, number: int) -> None:
        """End a request's body, once all of it is sent."""
        if stream := self._streams.get(number):
            stream.ending = True
            self._pump_soon()

    def cancel(self, number: int) -> None:
        """Forget a stream, and tell the peer. Nothing of it that waits is sent. Idempotent."""
        if self._streams.pop(number, None) is not None:
            self._leave()
            try:
                self._h2.reset_stream(number, ErrorCodes.CANCEL)
            except h2.exceptions.ProtocolError:
                return  # it has ended already
            self._flush()

    def abort(self, reason: str) -> None:
        """Drop the connection, now: every stream is lost. Idempotent."""
        self.usable = False
        self.closed = True
        streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.receiver.lost(reason)
        if not self._ready.done():
            self._ready.set_exception(ConnectionClosed(reason))
            self._ready.exception()  # nobody may be waiting
        self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is none by its type
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
            self._flush()  # it tells the peer what was wrong
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

    # Below.

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
                    # An answer that ends before its request: nothing more of the request is of any use.
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
        with suppress(h2.exceptions.ProtocolError):  # of a cancelled stream: h2 has seen to the connection's window
            self._h2.acknowledge_received_data(size, number)

    def _leave(self) -> None:
        """A stream has gone. The last one closes a connection that takes no more."""
        self._idle_since = self._loop.time()
        if not self.usable and not self._streams:
            self.closed = True
            self._transport.close()

    def _pump_soon(self) -> None:
        """Send in the next turn of the loop, together with whatever else is handed over in this one."""
        if not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump_all)

    def _pump_all(self) -> None:
        self._pumping = False
        for number, stream in list(self._streams.items()):
            self._pump(number, stream)
        self._flush()

    def _pump(self, number: int, stream: _Stream) -> None:
        """Send what there is room for."""
        while stream.waiting and not self._full:
            room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
            if room <= 0:
                return
            # What several batches left goes into one frame of HTTP/2, which costs more than all that is in it.
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
