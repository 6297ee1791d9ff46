"""The limits on what clients can use of the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HEAD_BYTES: Final = 64 << 10
"""The most bytes of a request head, and of unread input on an HTTP/1.1 connection.

A client without a token can make the server hold as much on every connection.
"""

STREAM_BYTES: Final = 6 << 20
"""The most bytes of a request body that arrive over HTTP/2 before the server takes them.

The official SDKs send up to 5 MiB without acks. A client that runs out of room is given it back in tiny portions, and
each costs as much as a large one.
"""

SESSION_BYTES: Final = 1 << 20
"""The most bytes of an append session that the server has taken and not yet used."""

FRAME_BYTES: Final = 256 << 10
"""The most content of one HTTP/2 frame."""

PIECE_BYTES: Final = 384 << 10
"""The most bytes of an answer that are handed to the HTTP server at once, a little less than it buffers for a stream.

It holds several for a client that does not read: larger ones take more memory, smaller ones more time.
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one server. A body may have ``body_bytes``, also decompressed, and take ``body_seconds`` to arrive.

    The default size has room for the largest legal batch: 1 MiB metered, of which a byte may take six characters of raw
    JSON (``\\u0000``). ``arriving_bytes`` limits the total size of all incomplete bodies, so clients that stop half-way
    cannot use more memory than that, however many they are.

    Beyond ``connections`` open connections, others wait to be accepted. A connection that is idle, or has sent only a
    part of a request head, is closed after ``idle_seconds``. That is longer than any client keeps an idle connection,
    so that no request meets a closing one.
    """

    body_bytes: int = 8 << 20
    body_seconds: float = 30.0
    arriving_bytes: int = 128 << 20
    connections: int = 16_384
    idle_seconds: float = 90.0
