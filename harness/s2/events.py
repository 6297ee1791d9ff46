"""Server-sent events of a read (``text/event-stream``), in both directions.

An answer is a sequence of ``batch``, ``ping`` and ``error`` events. Its last event has the data ``[DONE]``. A later
request that sends the id of a batch as ``last-event-id`` resumes after that batch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from .errors import Malformed
from .json_codec import Format, decode_batch, encode, encode_batch
from .limits import U64_MAX
from .nouns import Batch, Position, Unsigned

MAX_EVENT_BYTES: Final = 16 << 20
"""Largest accepted event, in bytes. The largest legal batch takes less than half of it, as JSON with escapes."""

_DONE: Final = b"[DONE]"
_BOM: Final = b"\xef\xbb\xbf"
_ID: Final = re.compile(r"([0-9]{1,20}),([0-9]{1,20}),([0-9]{1,20})")


class EventId(Struct, frozen=True, gc=False):
    """The progress of a read after a batch: seq_num of its last record; total records and metered bytes so far."""

    seq_num: int
    count: int
    bytes: int

    def __str__(self) -> str:
        return f"{self.seq_num},{self.count},{self.bytes}"

    @classmethod
    def parse(cls, text: str) -> EventId:
        """Return the id in a ``last-event-id`` header. Raises Malformed ``bad_header``."""
        match = _ID.fullmatch(text)
        numbers = [] if match is None else [int(number) for number in match.groups()]
        if not numbers or max(numbers) > U64_MAX:
            raise Malformed("bad_header", f"last-event-id must be seq_num,count,bytes, not {text[:80]!r}")
        return cls(*numbers)


class BatchEvent(Struct, frozen=True):
    """An event with the records of one batch."""

    batch: Batch
    id: EventId


class Ping(Struct, frozen=True, omit_defaults=True):
    """A heartbeat at ``timestamp`` (ms). Newer services report the tail in it."""

    timestamp: Unsigned
    tail: Position | None = None


class Failure(Struct, frozen=True):
    """An event that ends the read with an error, which ``data`` describes."""

    data: str


class Done(Struct, frozen=True):
    """The last event of a complete read."""


Event: TypeAlias = BatchEvent | Ping | Failure | Done
_ping: Final = msgspec.json.Decoder(Ping)


def encode_event(event: Event, form: Format) -> bytes:
    """Return the event's lines, including the empty line that ends it."""
    match event:
        case BatchEvent(batch, identity):
            return b"event: batch\nid: %b\ndata: %b\n\n" % (str(identity).encode(), encode_batch(batch, form))
        case Ping():
            return b"event: ping\ndata: %b\n\n" % encode(event)
        case Failure(data):
            lines = b"".join([b"data: %b\n" % line.encode() for line in re.split("\r\n|\r|\n", data)])
            return b"event: error\n%b\n" % lines
        case Done():
            return b"data: %b\n\n" % _DONE


class EventDecoder:
    """A decoder of one answer: it takes bytes in chunks of any size and yields events.

    It skips comments, and events and fields with unknown names. ``[DONE]`` sets ``ended``.
    """

    def __init__(self, form: Format = Format.BASE64) -> None:
        self.ended = False
        self._form = form
        self._begun = False
        self._head = b""  # a possible beginning of a byte order mark
        self._after_return = False
        self._line: list[bytes] = []
        self._size = 0  # of the event so far
        self._name = ""
        self._id = ""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Return an iterator over the events that this chunk completes. Exhaust it before feeding the next chunk.

        The iterator raises Malformed ``bad_frame`` for an event that is malformed, too large, or after ``[DONE]``. It
        first yields the events before it. Do not use the decoder after that.
        """
        *lines, rest = self._lines(chunk)
        return self._events(lines, rest)

    def _events(self, lines: list[bytes], rest: bytes) -> Iterator[Event]:
        for line in lines:
            self._grow(len(line) + 1)
            whole = b"".join([*self._line, line])
            self._line.clear()
            if whole:
                self._field(whole)
            elif (event := self._dispatched()) is not None:
                yield event
        if rest:
            self._grow(len(rest))
            self._line.append(rest)

    def close(self) -> None:
        """End the answer. Raises Malformed ``bad_frame`` if an event is incomplete."""
        if self._head or self._line or self._data or self._name:
            raise Malformed("bad_frame", "the answer ends within an event")

    def _lines(self, chunk: bytes) -> list[bytes]:
        """Return the lines that end in the chunk, then the rest of the chunk."""
        if not self._begun:
            chunk = self._head + chunk
            self._head = b""
            if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
                self._head = chunk
                return [b""]
            self._begun = True
            chunk = chunk.removeprefix(_BOM)
        if self._after_return and chunk:
            self._after_return = False
            chunk = chunk.removeprefix(b"\n")
        if chunk.endswith(b"\r"):
            self._after_return = True
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_EVENT_BYTES:
            raise Malformed("bad_frame", f"an event has more than {MAX_EVENT_BYTES} bytes")

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._data.append(value)
            case b"event":
                self._name = _unicode(value)
            case b"id":
                self._id = _unicode(value)

    def _dispatched(self) -> Event | None:
        name, data, identity = self._name, self._data, self._id
        self._name, self._data, self._id, self._size = "", [], "", 0
        if not data:
            return None
        if self.ended:
            raise Malformed("bad_frame", "an event follows [DONE]")
        try:
            return self._event(name, b"\n".join(data), identity)
        except (Malformed, msgspec.DecodeError, RecursionError) as error:
            raise Malformed("bad_frame", f"the event {name[:40]!r} is malformed: {error}") from error

    def _event(self, name: str, data: bytes, identity: str) -> Event | None:
        match name:
            case "batch":
                return BatchEvent(decode_batch(data, self._form), EventId.parse(identity))
            case "ping":
                return _ping.decode(data)
            case "error":
                return Failure(_unicode(data))
            case "" if data == _DONE:
                self.ended = True
                return Done()
        return None


def _unicode(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise Malformed("bad_frame", f"an event is not UTF-8: {error.reason} at byte {error.start}") from error
