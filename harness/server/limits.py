"""What clients may take of the server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may take: ``body_bytes`` for one body, ``body_seconds`` to send it.

    The default size leaves room for the largest legal batch: 1 MiB metered, of which a byte may take six
    characters of raw JSON (``\\u0000``). ``arriving_bytes`` bounds what all bodies together may hold while they are
    incomplete: clients that stop half-way can take no more than that, however many they are.

    Beyond so many ``connections``, others wait to be accepted. One that stays idle, or with half a head, is closed
    after ``idle_seconds``: longer than any client keeps a connection, or a request would meet a closing one.
    """

    body_bytes: int = 8 << 20
    body_seconds: float = 30.0
    arriving_bytes: int = 128 << 20
    connections: int = 16_384
    idle_seconds: float = 90.0
