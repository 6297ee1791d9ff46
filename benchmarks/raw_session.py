"""The cheapest possible client of one session: HTTP/2 frames cut by hand, so that the server is the bottleneck."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final

import h2.config
import h2.connection
from h2.settings import SettingCodes

_WINDOW: Final = 2**31 - 1
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_HEAD: Final = 9


class RawSession:
    """A connection with one stream, on which a session is open. It grants the server all the room there is."""

    def __init__(self, port: int, method: str, path: str, headers: Sequence[tuple[str, str]]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.room = 65_535
        """Bytes that the server allows to be sent."""
        self.status = b""
        self.ended = False
        self._stream_room = self._connection_room = 65_535
        self._frame = 16_384  # the largest content of an HTTP/2 frame, unless the server allows more
        self._received = bytearray()
        self._granted = _WINDOW
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        connection.initiate_connection()
        connection.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW})
        connection.increment_flow_control_window(_WINDOW - 65_535)
        head = [(":method", method), (":path", path), (":scheme", "http"), (":authority", "bench"), *headers]
        connection.send_headers(1, head, end_stream=method == "GET")
        self._connection = connection
        self.socket.sendall(connection.data_to_send())

    def send(self, content: bytes) -> int:
        """Send as much of the content as there is room for, and return the number of its bytes that were sent."""
        pieces = []
        content = content[: self.room]
        for at in range(0, len(content), self._frame):
            piece = content[at : at + self._frame]
            pieces += (_frame_head(len(piece), _DATA, 0, 1), piece)
        self._stream_room -= len(content)
        self._connection_room -= len(content)
        self.room = min(self._stream_room, self._connection_room)
        self.socket.sendall(b"".join(pieces))
        return len(content)

    def end(self) -> None:
        """End the request."""
        self.socket.sendall(_frame_head(0, _DATA, 1, 1))

    def receive(self) -> bytes:
        """Wait for bytes of the server and return the content in them, which may be none."""
        data = self.socket.recv(1 << 20)
        if not data:
            raise SystemExit("the server closed the connection")
        self._received += data
        found, at, received = [], 0, self._received
        while len(received) - at >= _HEAD:
            size = int.from_bytes(received[at : at + 3], "big")
            end = at + _HEAD + size
            if len(received) < end:
                break
            kind, flags = received[at + 3], received[at + 4]
            stream = int.from_bytes(received[at + 5 : at + 9], "big")
            content = bytes(received[at + _HEAD : end])
            at = end
            if kind == _DATA:
                found.append(content)
                self._granted -= size
                self.ended = self.ended or bool(flags & 1)
            else:
                self._take(kind, flags, stream, content)
        del received[:at]
        if self._granted < _WINDOW // 2:
            more = (_WINDOW - self._granted).to_bytes(4, "big")
            updates = [_frame_head(4, _WINDOW_UPDATE, 0, stream) + more for stream in (0, 1)]
            self.socket.sendall(b"".join(updates))
            self._granted = _WINDOW
        return b"".join(found)

    def _take(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        if kind == _WINDOW_UPDATE:
            more = int.from_bytes(content, "big")
            if stream:
                self._stream_room += more
            else:
                self._connection_room += more
        elif kind == _SETTINGS and not flags & 1:
            for at in range(0, len(content), 6):
                code, value = (
                    int.from_bytes(content[at : at + 2], "big"),
                    int.from_bytes(content[at + 2 : at + 6], "big"),
                )
                if code == SettingCodes.INITIAL_WINDOW_SIZE:
                    self._stream_room += value - 65_535
                elif code == SettingCodes.MAX_FRAME_SIZE:
                    self._frame = value
            self.socket.sendall(_frame_head(0, _SETTINGS, 1, 0))
        elif kind == _PING and not flags & 1:
            self.socket.sendall(_frame_head(8, _PING, 1, 0) + content)
        elif kind == _HEADERS:
            self.ended = self.ended or bool(flags & 1)
        elif kind in (_RESET, _GOAWAY):
            raise SystemExit(f"the server ended the session: {content!r}")
        self.room = min(self._stream_room, self._connection_room)


def _frame_head(size: int, kind: int, flags: int, stream: int) -> bytes:
    return b"%b%c%c%b" % (size.to_bytes(3, "big"), kind, flags, stream.to_bytes(4, "big"))
