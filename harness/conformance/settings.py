"""What a conformance run is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..client.endpoint import Endpoint

GENTLE_RATE = 100.0
"""Requests per second, unless somebody asks for more: the endpoint is somebody else's."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One conformance run.

    Without a ``basin`` the run makes basins of its own. ``rate`` is in requests per second (0: as fast as possible) and
    ``timeout`` in seconds per request. ``clauses`` chooses the clauses to test (empty: all). ``paths`` are files and
    folders with cases of the user's own.
    """

    endpoint: Endpoint
    basin: str | None = None
    token: str | None = field(default=None, repr=False)
    token_env: str | None = None
    ca_bundle: str | None = None
    rate: float = GENTLE_RATE
    timeout: float = 10.0
    clauses: tuple[str, ...] = ()
    paths: tuple[Path, ...] = ()
    junit: Path | None = None

    @property
    def url(self) -> str:
        """The URL of the endpoint, up to the version of the API."""
        return self.endpoint.url(self.endpoint.root)
