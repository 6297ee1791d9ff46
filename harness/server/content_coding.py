"""Content codings of HTTP: how the body of a request is compressed, and how the body of its answer may be."""

from __future__ import annotations

import re
from typing import Final

from ..s2.compression import Compression, Damaged, TooLarge, compress, decompress
from .answers import Response
from .errors import ServiceError

_CODINGS: Final = {
    b"zstd": Compression.ZSTD,
    b"gzip": Compression.GZIP,
    b"x-gzip": Compression.GZIP,
    b"identity": Compression.NONE,
}
_NAMES: Final = {Compression.ZSTD: b"zstd", Compression.GZIP: b"gzip"}
_WEIGHTED: Final = re.compile(rb"\s*([^\s;]+)\s*(?:;\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*)?")


def coding(header: bytes) -> Compression:
    """Return the coding that a ``content-encoding`` names. Raise ``unsupported_encoding`` unless it is one of ours."""
    try:
        return _CODINGS[header.lower()]
    except KeyError:
        raise ServiceError(
            "unsupported_encoding", f"content-encoding must be zstd, gzip or identity, not {header[:40]!r}"
        ) from None


def preferred(header: bytes) -> Compression:
    """Return the coding of greatest weight in an ``accept-encoding``; of several, Zstandard before gzip before none.

    Codings that are unknown or malformed do not count, nor does ``*``.
    """
    weights = {Compression.ZSTD: 0.0, Compression.GZIP: 0.0, Compression.NONE: 0.0005}  # the smallest weight is 0.001
    for element in header.lower().split(b","):
        weighted = _WEIGHTED.fullmatch(element)
        if weighted is not None and weighted[1] in _CODINGS:
            weights[_CODINGS[weighted[1]]] = float(weighted[2] or 1)
    return max(weights, key=weights.__getitem__)


def decoded(body: bytes, compression: Compression, limit: int, malformed: str) -> bytes:
    """Return the body of a request decompressed.

    Raise ``payload_too_large`` if it has more than ``limit`` bytes then, and the code ``malformed`` if it is damaged.
    """
    try:
        return decompress(body, compression, limit)
    except TooLarge as error:
        raise ServiceError("payload_too_large", str(error)) from error
    except Damaged as error:
        raise ServiceError(malformed, f"the body is not what its content-encoding says: {error}") from error


def encoded(response: Response, accept_encoding: bytes) -> Response:
    """Return the response, compressed if the client accepts that and it is worth it. Pieces are not compressed."""
    if not isinstance(response.body, bytes):
        return response
    body, compression = compress(response.body, preferred(accept_encoding))
    if compression is Compression.NONE:
        return response
    added = ((b"content-encoding", _NAMES[compression]), (b"vary", b"accept-encoding"))
    return Response(response.status, body, (*response.headers, *added))
