"""The barest HTTP/2 client, which sends what a test wants when it wants, and reads only when it is told."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import h2.config
import h2.events
import h2.settings

from fencepost.harness.client.http2 import Http2State
from fencepost.harness.s2 import Append, Record, protobuf
from fencepost.harness.s2.frames import Frame, FrameDecoder, Message, encode_message

from .processes import BASIN, connected, records_of

SESSION = {"content-type": "s2s/proto"}


@dataclass
class Stream:
    """One request, and what has come back so far. ``frames`` are those of a session, ``events`` bytes of any other."""

    number: int
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""
    frames: list[Frame] = field(default_factory=list)
    ended: bool = False
    was_reset: bool = False
    decoder: FrameDecoder = field(default_factory=FrameDecoder)

    def take(self, data: bytes) -> None:
        self.content += data
        if self.headers.get("content-type") == "s2s/proto":
            self.frames += self.decoder.feed(data)


class Http2:
    """One connection, by prior knowledge or TLS. ``window`` is what a stream lets the server send unasked (bytes)."""

    def __init__(
        self, port: int, window: int = 65_535, timeout: float = 20.0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.socket = connected(port, timeout, tls)
        self.streams: dict[int, Stream] = {}
        self._h2 = Http2State(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self._h2.initiate_connection()
        self._h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self._flush()

    def open(
        self, method: str, path: str, headers: Mapping[str, str] = SESSION, *, end: bool = False, basin: str = BASIN
    ) -> Stream:
        """Send the head of a request."""
        number = self._h2.get_next_available_stream_id()
        head = {":method": method, ":path": path, ":scheme": "http", ":authority": "test", "s2-basin": basin}
        self._h2.send_headers(number, list((head | dict(headers)).items()), end_stream=end)
        self._flush()
        self.streams[number] = Stream(number)
        return self.streams[number]

    def append_session(self, stream: str) -> Stream:
        """Open an append session."""
        return self.open("POST", records_of(stream))

    def read_session(self, stream: str, query: str = "", headers: Mapping[str, str] = SESSION) -> Stream:
        """Open a read session."""
        return self.open("GET", f"{records_of(stream)}?{query}", headers, end=True)

    def send(self, stream: Stream, data: bytes, *, end: bool = False) -> None:
        """Send a part of the request's body. Wait for room if there is none."""
        while data:
            self.until(lambda: self._h2.local_flow_control_window(stream.number) > 0)
            room = min(self._h2.local_flow_control_window(stream.number), self._h2.max_outbound_frame_size)
            self._h2.send_data(stream.number, data[:room])
            data = data[room:]
            self._flush()
        if end:
            self.end(stream)

    def send_while_there_is_room(self, stream: Stream, data: bytes) -> int:
        """Send data again and again without waiting, and return the number of bytes sent."""
        sent = 0
        while (room := self._h2.local_flow_control_window(stream.number)) >= len(data):
            self._h2.send_data(stream.number, data[: min(room, self._h2.max_outbound_frame_size)])
            self._flush()
            sent += len(data)
        return sent

    def end(self, stream: Stream) -> None:
        """End the request's body."""
        self._h2.end_stream(stream.number)
        self._flush()

    def reset(self, stream: Stream) -> None:
        """Give the request up."""
        self._h2.reset_stream(stream.number, error_code=8)
        self._flush()

    def until(self, condition: Callable[[], bool]) -> None:
        """Read until the condition holds. Raise TimeoutError if nothing comes, ConnectionError if it is closed."""
        while not condition():
            self.read()

    def until_end(self, stream: Stream) -> Stream:
        """Read until the answer has ended, and return it."""
        self.until(lambda: stream.ended)
        return stream

    def read(self) -> None:
        """Read something, and let the server send as much again."""
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed the connection")
        for event in self._h2.receive_data(data):
            stream = self.streams.get(getattr(event, "stream_id", None) or 0)
            if stream is None:
                continue
            if isinstance(event, h2.events.ResponseReceived):
                stream.headers = {str(name): str(value) for name, value in event.headers or ()}
                stream.status = int(stream.headers[":status"])
            elif isinstance(event, h2.events.DataReceived):
                stream.take(event.data or b"")
                if event.flow_controlled_length:
                    self._h2.acknowledge_received_data(event.flow_controlled_length, stream.number)
            elif isinstance(event, h2.events.StreamReset):
                # After a whole answer, the server asks in this way that the rest of the request is not sent.
                stream.was_reset = stream.was_reset or not stream.ended
                stream.ended = True
            elif isinstance(event, h2.events.StreamEnded):
                stream.ended = True
        self._flush()

    def close(self) -> None:
        """Close the connection without a word."""
        self.socket.close()

    def abort(self) -> None:
        """Reset the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def __enter__(self) -> Http2:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _flush(self) -> None:
        self.socket.sendall(self._h2.data_to_send())


def frame_of(*bodies: bytes, **conditions: int | str) -> bytes:
    """The frame of a batch."""
    batch = Append(tuple(map(Record, bodies)), **conditions)  # type: ignore[arg-type]
    return encode_message(Message(protobuf.encode_append(batch)))
