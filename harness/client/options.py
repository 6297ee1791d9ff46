"""What a client is made from, whichever of the registered ones it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from ..world.network import Network
from .endpoint import Tls
from .protocol import StreamClient


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """Where a client connects, and how.

    ``timeout`` is seconds per operation. ``tls`` says which certificates to trust; None is the usual authorities.
    ``proxy`` is the URL of an HTTP proxy. ``network`` makes the connections.
    """

    url: str
    basin: str
    network: Network
    timeout: float = 5.0
    token: str | None = field(default=None, repr=False)
    tls: Tls | None = None
    proxy: str | None = field(default=None, repr=False)


ClientFactory: TypeAlias = Callable[[ClientOptions], StreamClient]
"""What an entry point of the group ``fencepost.clients`` names. Raises UsageFailure for options it cannot use."""
