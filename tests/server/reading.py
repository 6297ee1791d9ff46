"""A read as server-sent events over HTTP/1.1."""

from __future__ import annotations

from collections.abc import Callable

from fencepost.harness.s2.events import Event, EventDecoder
from fencepost.harness.s2.json_codec import Format

from .processes import BASIN, Connection, records_of

EVENTS = {"accept": "text/event-stream", "s2-format": "base64"}


class Reading:
    """A read over HTTP/1.1, which yields its events as they come."""

    def __init__(self, port: int, stream: str, query: str = "", **headers: str) -> None:
        self.connection = Connection(port)
        fields = EVENTS | {name.replace("_", "-"): value for name, value in headers.items()}
        head = [f"GET {records_of(stream)}?{query} HTTP/1.1", "host: a", f"s2-basin: {BASIN}"]
        head += [f"{name}: {value}" for name, value in fields.items()]
        self.connection.socket.sendall("\r\n".join(head).encode() + b"\r\n\r\n")
        self.events: list[Event] = []
        self.over = False
        self.head, self._rest = b"", b""
        self._decoder = EventDecoder(Format.BASE64)

    def until(self, condition: Callable[[], bool]) -> None:
        """Read until the condition holds."""
        while not condition():
            data = self.connection.socket.recv(1 << 16)
            assert data, "the server closed the connection"
            self._rest += data
            if not self.head:
                self.head, _, self._rest = self._rest.partition(b"\r\n\r\n")
            while b"\r\n" in self._rest:  # one chunk of HTTP/1.1
                size, _, rest = self._rest.partition(b"\r\n")
                if len(rest) < int(size, 16) + 2:
                    break
                self.events += self._decoder.feed(rest[: int(size, 16)])
                self.over = int(size, 16) == 0
                self._rest = rest[int(size, 16) + 2 :]

    def until_done(self) -> list[Event]:
        """Read to the end of a whole read."""
        self.until(lambda: self._decoder.ended)
        self.connection.close()
        return self.events
