"""Content negotiation: the codec of a request's body, and the codec that its answer shall have.

This follows S2: only the first media type of ``content-type`` and ``accept`` counts, whatever its parameters and
weights are.
"""

from __future__ import annotations

import enum
from typing import Final

from .request import Request


class Codec(enum.Enum):
    """A codec of records. The value is its media type."""

    JSON = b"application/json"
    PROTOBUF = b"application/protobuf"
    SESSION = b"s2s/proto"
    EVENT_STREAM = b"text/event-stream"


_CODECS: Final = {codec.value: codec for codec in Codec} | {b"application/x-protobuf": Codec.PROTOBUF}


def content(request: Request) -> Codec | None:
    """Return the codec of the body, or None if ``content-type`` is absent or names none of ours.

    An append or a read with a body in the codec SESSION opens a session.
    """
    return _codec(request.raw(b"content-type"))


def accepted(request: Request) -> Codec:
    """Return the codec that the client accepts: JSON if ``accept`` is absent or names none of ours.

    An operation whose answer cannot have that codec answers in JSON.
    """
    return _codec(request.raw(b"accept")) or Codec.JSON


def _codec(header: bytes | None) -> Codec | None:
    if header is None:
        return None
    return _CODECS.get(header) or _CODECS.get(_media_type(header))


def _media_type(header: bytes) -> bytes:
    """Return the first media type of a header. All that are JSON by their suffix are ``application/json``."""
    found = header.partition(b",")[0].partition(b";")[0].strip().lower()
    return Codec.JSON.value if found.startswith(b"application/") and found.endswith(b"+json") else found
