"""A client whose read sessions are server-sent events. A session that starts at a seq_num resumes, as a browser would.

It asks for ``text/event-stream``, and names the record before its start in ``last-event-id``. Everything else is as in
the client ``httpx``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from ..s2 import Batch, Read, json_codec, urls
from ..s2.errors import ERROR_CODES, Malformed
from ..s2.events import BatchEvent, Done, EventDecoder, EventId, Failure, Ping
from .http import HttpStreamClient
from .http_sessions import HttpSessions, Reading
from .options import ClientOptions
from .outcome import Indefinite, Ok

CONTENT_TYPE: Final = b"text/event-stream"


class SseClient(HttpStreamClient):
    """A :class:`~fencepost.harness.client.protocol.StreamClient` that reads sessions as server-sent events."""

    def _kind_of_sessions(self) -> type[HttpSessions]:
        return _SseSessions


class _SseSessions(HttpSessions):
    def _reading(
        self, path: bytes, call: Read, on_frame: Callable[[Batch], None]
    ) -> tuple[Reading, list[tuple[bytes, bytes]]]:
        query, resume = call, []
        if call.seq_num:
            query = replace(call, seq_num=None)
            resume = [(b"last-event-id", str(EventId(call.seq_num - 1, 0, 0)).encode())]
        fields = [
            (name, CONTENT_TYPE if name == b"accept" else value)
            for name, value in self._head(b"GET", path + urls.encode_read(query))
            if name != b"content-type"
        ]
        return _EventReading(call, on_frame, self.token), [*fields, (b"s2-format", b"base64"), *resume]


class _EventReading(Reading):
    """One open read as server-sent events."""

    def __init__(self, call: Read, on_frame: Callable[[Batch], None], token: str | None) -> None:
        super().__init__(call, on_frame, token)
        self._events = EventDecoder()

    def received(self, data: bytes) -> None:
        """See Receiver."""
        if self._status != 200:
            super().received(data)
            return
        self.on_sign_of_life()
        try:
            for event in self._events.feed(data):
                match event:
                    case BatchEvent(batch):
                        self._returned(batch)
                    case Ping(tail=tail):
                        self._returned(Batch((), tail))
                    case Failure(text):
                        self._refused(_status_of(text), text.encode())
                    case Done():
                        self._resolve(Ok(None))
        except Malformed as error:
            self.lost(f"the service broke the rules of server-sent events: {error}")

    def _finished(self) -> None:
        self._resolve(Indefinite("the service ended the events without [DONE]"))


def _status_of(error: str) -> int:
    """Return the status that goes with an error, since an error event has none. 500 goes with every unknown one."""
    try:
        code = json_codec.decode_error(error.encode()).get("code")
    except Malformed:
        return 500
    return next((row.statuses[0] for row in ERROR_CODES if row.code == code and row.statuses), 500)


def sse_client(options: ClientOptions) -> SseClient:
    """Return the client that is registered as ``sse``."""
    return SseClient.of(options)
