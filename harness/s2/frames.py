"""Frames of an S2 session (``s2s/proto``), in both directions.

A frame consists of a length (3 bytes, big-endian, counting everything after it), a flag byte, and a body::

    bit 7      terminal, the last frame: its body is an HTTP status (2 bytes, big-endian) and the JSON of an answer
    bits 6–5   compression of the body: 0 none, 1 Zstandard, 2 gzip; always 0 in a terminal frame
    bit 4      the server is about to stop and advises clients to reconnect
    bits 3–0   reserved: written as 0, ignored by readers

No frame is larger than 2 MiB, compressed or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

from msgspec import Struct

from .compression import Compression, compress, decompress
from .errors import Malformed
from .limits import MAX_FRAME_BYTES

MAX_BODY_BYTES: Final = MAX_FRAME_BYTES - 1
"""Largest body of a frame, in bytes, compressed and decompressed: the largest frame without its flag byte."""

_LENGTH: Final = 3
_TERMINAL: Final = 0b1000_0000
_COMPRESSION_SHIFT: Final = 5
_RECONNECT: Final = 0b0001_0000


class Message(Struct, frozen=True):
    """A frame with its decompressed body, a protobuf message."""

    body: bytes
    reconnect_advised: bool = False


class Terminal(Struct, frozen=True):
    """The last frame of a failed session: the answer that a unary call would have got. ``body`` is JSON."""

    status: int
    body: bytes


Frame: TypeAlias = Message | Terminal


def encode_message(message: Message, compression: Compression = Compression.NONE) -> bytes:
    """Return the frame. Bodies under 1 KiB are not compressed. Raises ValueError for a body over 2 MiB."""
    body = message.body
    if len(body) > MAX_BODY_BYTES:
        raise ValueError(f"a frame's body has at most {MAX_BODY_BYTES} bytes; this one has {len(body)}")
    body, compression = compress(body, compression)
    flag = compression << _COMPRESSION_SHIFT | (_RECONNECT if message.reconnect_advised else 0)
    return b"%b%c%b" % ((1 + len(body)).to_bytes(_LENGTH, "big"), flag, body)


def encode_terminal(terminal: Terminal) -> bytes:
    """Return the frame. Raises ValueError for a body over 2 MiB."""
    body = terminal.status.to_bytes(2, "big") + terminal.body
    if len(body) > MAX_BODY_BYTES:
        raise ValueError(f"a frame's body has at most {MAX_BODY_BYTES} bytes; this one has {len(body)}")
    return b"%b%c%b" % ((1 + len(body)).to_bytes(_LENGTH, "big"), _TERMINAL, body)


class FrameDecoder:
    """A decoder of one direction of a session: it takes bytes in chunks of any size and yields frames.

    It holds at most one frame and one chunk in memory. A terminal frame sets ``ended``.
    """

    def __init__(self) -> None:
        self.ended = False
        self._buffer = bytearray()

    @property
    def held(self) -> int:
        """The number of bytes of an incomplete frame, once all complete ones have been taken."""
        return len(self._buffer)

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Return an iterator over the frames that this chunk completes.

        For a malformed frame, the iterator first yields the frames before it, then raises Malformed ``bad_frame``. The
        result thus does not depend on how the bytes were cut into chunks. Do not use the decoder after that.
        """
        self._buffer += chunk
        return self._frames()

    def _frames(self) -> Iterator[Frame]:
        buffer = self._buffer
        while len(buffer) >= _LENGTH and not self.ended:
            length = int.from_bytes(buffer[:_LENGTH], "big")
            if not 1 <= length <= MAX_FRAME_BYTES:
                raise Malformed("bad_frame", f"a frame has 1 to {MAX_FRAME_BYTES} bytes; this one has {length}")
            end = _LENGTH + length
            if len(buffer) < end:
                return
            flag, body = buffer[_LENGTH], bytes(memoryview(buffer)[_LENGTH + 1 : end])
            del buffer[:end]
            yield self._frame(flag, body)
        if self.ended and buffer:
            raise Malformed("bad_frame", "bytes follow the terminal frame")

    def close(self) -> None:
        """End the session. Raises Malformed ``bad_frame`` if a frame is incomplete."""
        if self._buffer:
            raise Malformed("bad_frame", f"the session ends within a frame, after {len(self._buffer)} bytes of it")

    def _frame(self, flag: int, body: bytes) -> Frame:
        if flag & _TERMINAL:
            if len(body) < 2:
                raise Malformed("bad_frame", "a terminal frame has no status")
            self.ended = True
            return Terminal(int.from_bytes(body[:2], "big"), body[2:])
        if compression := flag >> _COMPRESSION_SHIFT & 0b11:
            try:
                body = decompress(body, Compression(compression), MAX_BODY_BYTES)
            except ValueError as error:  # includes an unknown compression
                raise Malformed("bad_frame", f"the body of a frame cannot be decompressed: {error}") from error
        return Message(body, bool(flag & _RECONNECT))
