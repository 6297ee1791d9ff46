"""Frames of an S2 session (``s2s/proto``), in both directions.

A frame is a length of 3 bytes (big-endian, of all that follows it), a flag byte, and a body::

    bit 7      terminal: the body is an HTTP status of 2 bytes (big-endian) and the JSON of an answer; the last frame
    bits 6–5   compression of the body: 0 none, 1 Zstandard, 2 gzip (never of a terminal frame)
    bit 4      the server is about to stop and advises to reconnect
    bits 3–0   reserved: written as 0, ignored by those who read

No frame is larger than 2 MiB, compressed or not.
"""

from __future__ import annotations

import enum
import gzip
import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any, Final, TypeAlias

from msgspec import Struct

from .errors import Malformed
from .limits import MAX_FRAME_BYTES

MAX_BODY_BYTES: Final = MAX_FRAME_BYTES - 1
"""Bytes of a frame's body, decompressed or not: all but the flag."""

COMPRESS_FROM: Final = 1024
"""Bytes of a body below which compressing it is not worth it."""

_LENGTH: Final = 3
_TERMINAL: Final = 0b1000_0000
_COMPRESSION_SHIFT: Final = 5
_RECONNECT: Final = 0b0001_0000
_MAX_WINDOW: Final = 8 << 20
"""The largest window of Zstandard that is allocated for a frame: what every decoder of the format should support."""


class Compression(enum.IntEnum):
    """How the body of a frame is compressed; the values are those of the flag byte."""

    NONE = 0
    ZSTD = 1
    GZIP = 2


class Message(Struct, frozen=True):
    """A frame whose body, a protobuf message, is not compressed any more."""

    body: bytes
    reconnect_advised: bool = False


class Terminal(Struct, frozen=True):
    """The last frame of a session that fails: what a unary call would have been answered. ``body`` is JSON."""

    status: int
    body: bytes


Frame: TypeAlias = Message | Terminal


def encode_message(message: Message, compression: Compression = Compression.NONE) -> bytes:
    """Return the frame. Bodies under 1 KiB are not compressed. Raises ValueError where the body is over 2 MiB."""
    body = message.body
    if len(body) > MAX_BODY_BYTES:
        raise ValueError(f"a frame's body has at most {MAX_BODY_BYTES} bytes; this one has {len(body)}")
    if len(body) < COMPRESS_FROM:
        compression = Compression.NONE
    if compression is Compression.ZSTD:
        body = _zstandard().ZstdCompressor().compress(body)
    elif compression is Compression.GZIP:
        body = gzip.compress(body, mtime=0)
    if len(body) > len(message.body):  # it did not help, and may no longer fit
        body, compression = message.body, Compression.NONE
    flag = compression << _COMPRESSION_SHIFT | (_RECONNECT if message.reconnect_advised else 0)
    return b"%b%c%b" % ((1 + len(body)).to_bytes(_LENGTH, "big"), flag, body)


def encode_terminal(terminal: Terminal) -> bytes:
    """Return the frame. Raises ValueError where the body is over 2 MiB."""
    body = terminal.status.to_bytes(2, "big") + terminal.body
    if len(body) > MAX_BODY_BYTES:
        raise ValueError(f"a frame's body has at most {MAX_BODY_BYTES} bytes; this one has {len(body)}")
    return b"%b%c%b" % ((1 + len(body)).to_bytes(_LENGTH, "big"), _TERMINAL, body)


class FrameDecoder:
    """Takes the bytes of one direction of a session, in chunks of any size, and gives its frames.

    It holds at most one frame and one chunk. ``ended`` is set by a terminal frame.
    """

    def __init__(self) -> None:
        self.ended = False
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Take a chunk, and return an iterator over the frames that are complete now.

        The iterator raises Malformed ``bad_frame`` once it has given the frames before the malformed one, so that what
        is known does not depend on how the bytes were cut. The decoder is not to be used any more then.
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
        """Say that no more bytes come. Raises Malformed ``bad_frame`` where a frame is incomplete."""
        if self._buffer:
            raise Malformed("bad_frame", f"the session ends within a frame, after {len(self._buffer)} bytes of it")

    def _frame(self, flag: int, body: bytes) -> Frame:
        if flag & _TERMINAL:
            if len(body) < 2:
                raise Malformed("bad_frame", "a terminal frame has no status")
            self.ended = True
            return Terminal(int.from_bytes(body[:2], "big"), body[2:])
        match flag >> _COMPRESSION_SHIFT & 0b11:
            case Compression.NONE:
                pass
            case Compression.ZSTD:
                body = _unzstd(body)
            case Compression.GZIP:
                body = _gunzip(body)
            case unknown:
                raise Malformed("bad_frame", f"there is no compression with the number {unknown}")
        return Message(body, bool(flag & _RECONNECT))


def _gunzip(body: bytes) -> bytes:
    decompressor = zlib.decompressobj(wbits=31)  # gzip's own header, and nothing else
    try:
        found = decompressor.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise Malformed("bad_frame", f"the gzip data of a frame is damaged: {error}") from error
    if len(found) > MAX_BODY_BYTES:
        raise _bomb("gzip")
    if not decompressor.eof or decompressor.unused_data:
        raise Malformed("bad_frame", "the gzip data of a frame does not end with the frame")
    return found


def _unzstd(body: bytes) -> bytes:
    zstandard = _zstandard()
    try:
        # A size in the header is trusted with the memory for it, so it is looked at first.
        size = zstandard.get_frame_parameters(body).content_size
        if size != zstandard.CONTENTSIZE_UNKNOWN and size > MAX_BODY_BYTES:
            raise _bomb("Zstandard")
        decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        found: bytes = decompressor.decompress(body, max_output_size=MAX_BODY_BYTES, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Malformed("bad_frame", f"the Zstandard data of a frame is damaged or too large: {error}") from error
    return found


def _bomb(name: str) -> Malformed:
    return Malformed("bad_frame", f"the {name} data of a frame has more than {MAX_BODY_BYTES} bytes decompressed")


@cache
def _zstandard() -> Any:
    """zstandard, brought in by the first frame that needs it."""
    import zstandard

    return zstandard
