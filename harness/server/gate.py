"""The gate of a service: it counts requests in flight, and refuses new ones while the server drains."""

from __future__ import annotations

import asyncio
from types import TracebackType

from .errors import ServiceError
from .storage import StorageError


class Gate:
    """A context for each request. It refuses requests while draining, and turns journal failures into answers."""

    def __init__(self) -> None:
        self.draining = False
        self._inside = 0
        self._empty = asyncio.Event()
        self._empty.set()

    def __enter__(self) -> None:
        if self.draining:
            raise ServiceError("server_draining", "the server is stopping")
        self._inside += 1
        self._empty.clear()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._inside -= 1
        if not self._inside:
            self._empty.set()
        if isinstance(error, StorageError):
            raise ServiceError("storage", str(error)) from error

    async def empty(self) -> None:
        """Return once no request is in flight."""
        await self._empty.wait()
