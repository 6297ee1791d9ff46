"""Where the bytes of a history come from: a file or standard input, as they are or compressed with gzip or Zstandard.

What is compressed is told by its first bytes, not by its name.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import sys
import zlib
from pathlib import Path
from typing import Final, TextIO
from weakref import WeakKeyDictionary

from ..files import is_endless, refuse_device
from .failure import HistoryFailure

STDIN: Final = Path("-")
"""Names standard input. A file of that name can be named by its absolute path."""

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE: Final = b"\x2a\x4d\x18"
"""The last three bytes of the magic number of a Zstandard frame that holds no data; the first is 0x50 to 0x5f."""

_CHUNK: Final = 1 << 20
_WINDOW: Final = 1 << 31
"""The largest window (bytes) that the format's tools write."""

_of_stdin: WeakKeyDictionary[TextIO, str] = WeakKeyDictionary()
"""The SHA-256 of what came from standard input, once that has been read: it cannot be read again."""

_of_pipes: Final[dict[Path, str]] = {}
"""Likewise of what came from a pipe with a name."""


def read_bytes(path: Path) -> bytes:
    """The content of the file, or of standard input for ``-``, decompressed where it is compressed.

    Raises :class:`HistoryFailure` where it cannot be read, is compressed and damaged, or is standard input for the
    second time.
    """
    return decompressed(_from_stdin() if path == STDIN else _from_file(path), name_of(path))


def decompressed(data: bytes, name: str) -> bytes:
    """Return the data, decompressed where it is compressed. ``name`` is what errors call it.

    Raises :class:`HistoryFailure` where it is damaged.
    """
    if data.startswith(_GZIP):
        return _gunzip(data, name)
    if data.startswith(_ZSTD) or (data[1:4] == _SKIPPABLE and 0x50 <= data[0] <= 0x5F):
        return _unzstd(data, name)
    return data


def name_of(path: Path) -> str:
    """What errors call it."""
    return "standard input" if path == STDIN else str(path)


def sha256(path: Path) -> str:
    """Return the SHA-256 of the file as it is, compressed or not; of standard input or a pipe, of what it gave."""
    if path == STDIN:
        return _of_stdin[sys.stdin]
    if path in _of_pipes:
        return _of_pipes[path]
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_file(path: Path) -> bytes:
    refuse_device(path)
    try:
        data = path.read_bytes()
        if not path.is_file():
            _of_pipes[path] = hashlib.sha256(data).hexdigest()
    except OSError as error:
        raise HistoryFailure(f"{path}: cannot be read: {error.strerror}") from error
    return data


def _from_stdin() -> bytes:
    if sys.stdin is None:
        raise HistoryFailure("standard input is closed; give it a history, or name a file")
    if sys.stdin in _of_stdin:
        raise HistoryFailure("standard input was read already; name - only once")
    try:
        if _is_endless(sys.stdin):
            raise HistoryFailure("standard input is a device, and may never end; give it a history, or name a file")
        data = sys.stdin.buffer.read()
    except OSError as error:
        raise HistoryFailure(f"standard input cannot be read: {error.strerror}") from error
    _of_stdin[sys.stdin] = hashlib.sha256(data).hexdigest()
    return data


def _is_endless(stream: TextIO) -> bool:
    try:
        return is_endless(stream.fileno())
    except io.UnsupportedOperation:  # it is in memory
        return False


def _gunzip(data: bytes, name: str) -> bytes:
    try:
        return gzip.GzipFile(fileobj=io.BytesIO(data)).read()
    except EOFError as error:
        raise _truncated(name, "gzip", len(data)) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(name, "gzip", error) from error


def _unzstd(data: bytes, name: str) -> bytes:
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    frame = decompressor.decompressobj()
    found: list[bytes] = []
    inside = False
    try:
        for position in range(0, len(data), _CHUNK):
            rest = data[position : position + _CHUNK]
            while rest:
                found.append(frame.decompress(rest))
                inside, rest = not frame.eof, b""
                if frame.eof:
                    rest, frame = frame.unused_data, decompressor.decompressobj()
    except zstandard.ZstdError as error:
        raise _damaged(name, "Zstandard", error) from error
    if inside:
        raise _truncated(name, "Zstandard", len(data))
    return b"".join(found)


def _truncated(name: str, format_name: str, size: int) -> HistoryFailure:
    return HistoryFailure(
        f"{name}: the {format_name} data is truncated: it ends after {size:,} bytes, in the middle; get it whole"
    )


def _damaged(name: str, format_name: str, error: Exception) -> HistoryFailure:
    return HistoryFailure(f"{name}: the {format_name} data is damaged ({error}); get it anew")
