"""The options from which every registered client is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from ..world.network import Network
from .endpoint import Tls
from .protocol import StreamClient


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """The options of one client: where it connects, and how.

    ``timeout`` is in seconds per operation. ``tls`` says which authorities to trust; None means those of the
    system and certifi.
    ``proxy`` is the URL of an HTTP proxy. ``network`` opens the connections.
    """

    url: str
    basin: str
    network: Network
    timeout: float = 5.0
    token: str | None = field(default=None, repr=False)
    tls: Tls | None = None
    proxy: str | None = field(default=None, repr=False)


ClientFactory: TypeAlias = Callable[[ClientOptions], StreamClient]
"""A function that returns a new client. Entry points of the group ``fencepost.clients`` name such functions. It raises
UsageFailure for options that it cannot use."""
