"""Compression of bodies, in both directions: Zstandard and gzip, in frames of sessions and in HTTP."""

from __future__ import annotations

import enum
import gzip
import zlib
from functools import cache
from typing import Any, Final

COMPRESS_FROM: Final = 1024
"""Bodies smaller than this, in bytes, are not worth compressing."""

_LEVEL: Final = 1
"""The fastest. Compression holds up all other requests, and higher levels take many times as long for little."""

_MAX_WINDOW: Final = 8 << 20
"""Largest Zstandard window that is allocated, in bytes. Every decoder of the format should support it."""


class Compression(enum.IntEnum):
    """A way to compress a body, with the values used in the flag byte of frames."""

    NONE = 0
    ZSTD = 1
    GZIP = 2


class Damaged(ValueError):
    """Bytes that are not one complete body in the given compression."""


class TooLarge(ValueError):
    """A compressed body that has more bytes than the limit, decompressed."""


def compress(body: bytes, compression: Compression) -> tuple[bytes, Compression]:
    """Return the body to send and how it is compressed: not at all if that is not worth it."""
    if compression is Compression.NONE or len(body) < COMPRESS_FROM:
        return body, Compression.NONE
    if compression is Compression.ZSTD:
        compressed: bytes = _zstandard().ZstdCompressor(_LEVEL).compress(body)
    else:
        compressed = gzip.compress(body, _LEVEL, mtime=0)
    return (compressed, compression) if len(compressed) < len(body) else (body, Compression.NONE)


def decompress(body: bytes, compression: Compression, limit: int) -> bytes:
    """Return the body decompressed. It is one Zstandard frame or one member of gzip, and nothing else.

    Allocates no more than ``limit`` bytes for it. Raises Damaged, or TooLarge if there are more.
    """
    match compression:
        case Compression.ZSTD:
            return _unzstd(body, limit)
        case Compression.GZIP:
            return _gunzip(body, limit)
    return body


def _gunzip(body: bytes, limit: int) -> bytes:
    decompressor = zlib.decompressobj(wbits=31)  # accepts only a gzip header
    try:
        found = decompressor.decompress(body, limit + 1)
    except zlib.error as error:
        raise Damaged(f"the gzip data is damaged: {error}") from error
    if len(found) > limit:
        raise _too_large("gzip", limit)
    if not decompressor.eof or decompressor.unused_data:
        raise Damaged("the gzip data does not end where the body ends")
    return found


def _unzstd(body: bytes, limit: int) -> bytes:
    zstandard = _zstandard()
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    try:
        size = zstandard.get_frame_parameters(body).content_size
        if size == zstandard.CONTENTSIZE_UNKNOWN:
            return _unzstd_unknown_size(decompressor, body, limit)
        if size > limit:  # the decompressor would allocate as much
            raise _too_large("Zstandard", limit)
        found: bytes = decompressor.decompress(body, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Damaged(f"the Zstandard data is damaged: {error}") from error
    return found


def _unzstd_unknown_size(decompressor: Any, body: bytes, limit: int) -> bytes:
    """Decompress twice, because one way has a limit, and the other says where the data ended."""
    if len(decompressor.stream_reader(body).read(limit + 1)) > limit:
        raise _too_large("Zstandard", limit)
    stream = decompressor.decompressobj()
    found: bytes = stream.decompress(body)
    if not stream.eof or stream.unused_data:
        raise Damaged("the Zstandard data does not end where the body ends")
    return found


def _too_large(name: str, limit: int) -> TooLarge:
    return TooLarge(f"the {name} data has more than {limit} bytes decompressed")


@cache
def _zstandard() -> Any:
    """Return the module zstandard. The first body that needs it imports it."""
    import zstandard

    return zstandard
