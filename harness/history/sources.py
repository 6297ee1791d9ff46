"""Where the bytes of a history come from: a file or standard input, as they are or compressed with gzip or Zstandard.

What is compressed is told by its first bytes, not by its name.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO
from weakref import WeakKeyDictionary

from ..files import is_endless, refuse_device
from .content import Content, FileContent
from .failure import HistoryFailure

STDIN: Final = Path("-")
"""Names standard input. A file of that name can be named by its absolute path."""

_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE: Final = b"\x2a\x4d\x18"
"""The last three bytes of the magic number of a Zstandard frame that holds no data; the first is 0x50 to 0x5f."""

MAX_EXPANSION: Final = 200
"""How many times as large as its file a history may be once decompressed: journals of real runs reach 10 to 30."""

ALWAYS_ALLOWED: Final = 64 << 20
"""Bytes that a history may have once decompressed, however small its file is."""

_CHUNK: Final = 1 << 20
_ZSTD_CHUNK: Final = 1 << 10
"""A byte of Zstandard can stand for 32 KB: what is decompressed in one go, before its size is known, is this short."""

_WINDOW: Final = 1 << 31
"""The largest window (bytes) that the format's tools write."""

_of_stdin: WeakKeyDictionary[TextIO, str] = WeakKeyDictionary()
"""The SHA-256 of what came from standard input, once that has been read: it cannot be read again."""

_of_pipes: Final[dict[Path, str]] = {}
"""Likewise of what came from a pipe with a name."""


@contextmanager
def opened(path: Path) -> Iterator[Content]:
    """Open the content of the file, or of standard input for ``-``, decompressed where it is compressed.

    A regular file that is not compressed is read in pieces, as it is needed. Raises what :func:`read_bytes` does.
    """
    if path != STDIN and path.is_file():
        try:
            with path.open("rb", buffering=0) as file:
                content = FileContent(file.fileno(), os.fstat(file.fileno()).st_size, path)
                if not is_compressed(content.part(0, 4)):
                    yield content
                    return
        except OSError as error:
            raise HistoryFailure(f"{path}: cannot be read: {error.strerror}") from error
    yield Content(read_bytes(path), name_of(path))


def read_bytes(path: Path) -> bytes:
    """The content of the file, or of standard input for ``-``, decompressed where it is compressed.

    Raises :class:`HistoryFailure` where it cannot be read, is compressed and damaged, or is standard input for the
    second time.
    """
    return decompressed(_from_stdin() if path == STDIN else _from_file(path), name_of(path))


def decompressed(data: bytes, name: str) -> bytes:
    """Return the data, decompressed where it is compressed. ``name`` is what errors call it.

    Raises :class:`HistoryFailure` where it is damaged, or so much larger once decompressed that it is no history.
    """
    if not is_compressed(data):
        return data
    return _gunzip(data, name) if data.startswith(_GZIP) else _unzstd(data, name)


def is_compressed(data: bytes) -> bool:
    """Return whether data that begin like this are compressed with gzip or Zstandard."""
    skippable = data[1:4] == _SKIPPABLE and 0x50 <= data[0] <= 0x5F
    return skippable or data.startswith((_GZIP, _ZSTD))


def most(size: int) -> int:
    """Return how many bytes a history in a file of so many may have once decompressed."""
    return max(ALWAYS_ALLOWED, MAX_EXPANSION * size)


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
    found = _Bounded(name, "gzip", len(data))
    file = gzip.GzipFile(fileobj=io.BytesIO(data))
    try:
        while chunk := file.read(_CHUNK):
            found.add(chunk)
    except EOFError as error:
        raise _truncated(name, "gzip", len(data)) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(name, "gzip", error) from error
    return found.whole()


def _unzstd(data: bytes, name: str) -> bytes:
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
    frame = decompressor.decompressobj()
    found = _Bounded(name, "Zstandard", len(data))
    inside = False
    try:
        for position in range(0, len(data), _ZSTD_CHUNK):
            rest = data[position : position + _ZSTD_CHUNK]
            while rest:
                found.add(frame.decompress(rest))
                inside, rest = not frame.eof, b""
                if frame.eof:
                    rest, frame = frame.unused_data, decompressor.decompressobj()
    except zstandard.ZstdError as error:
        raise _damaged(name, "Zstandard", error) from error
    if inside:
        raise _truncated(name, "Zstandard", len(data))
    return found.whole()


class _Bounded:
    """What is decompressed, piece by piece, up to the limit for a file of ``size`` bytes."""

    def __init__(self, name: str, format_name: str, size: int) -> None:
        self._pieces: list[bytes] = []
        self._room = most(size)
        self._text = (
            f"{name}: its {size:,} bytes of {format_name} data have more than {self._room:,} once decompressed, which "
            "no history has; if it is one all the same, decompress it into a file and give that"
        )

    def add(self, piece: bytes) -> None:
        """Take the next piece. Raises HistoryFailure past the limit."""
        self._room -= len(piece)
        if self._room < 0:
            raise HistoryFailure(self._text)
        self._pieces.append(piece)

    def whole(self) -> bytes:
        """All of them together."""
        return b"".join(self._pieces)


def _truncated(name: str, format_name: str, size: int) -> HistoryFailure:
    return HistoryFailure(
        f"{name}: the {format_name} data is truncated: it ends after {size:,} bytes, in the middle; get it whole"
    )


def _damaged(name: str, format_name: str, error: Exception) -> HistoryFailure:
    return HistoryFailure(f"{name}: the {format_name} data is damaged ({error}); get it anew")
