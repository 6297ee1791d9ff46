"""The gate of a service: it counts requests in flight, refuses new ones while the server drains, and ends sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from .errors import ServiceError
from .storage import StorageError


class Gate:
    """A context for each request. It refuses requests while draining, and turns journal failures into answers."""

    def __init__(self) -> None:
        self.draining = False
        self._inside = 0
        self._sessions: dict[object, Callable[[ServiceError], None]] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    def __enter__(self) -> None:
        if self.draining:
            raise _draining()
        self._inside += 1
        self._empty.clear()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._inside -= 1
        if not self._inside:
            self._empty.set()
        if isinstance(error, StorageError):
            raise ServiceError("storage", str(error)) from error

    @contextmanager
    def session(self, stop: Callable[[ServiceError], None]) -> Iterator[None]:
        """Return a context in which ``stop`` is called, with ``server_draining``, when the server begins to drain."""
        key = object()
        self._sessions[key] = stop
        if self.draining:
            stop(_draining())
        try:
            yield
        finally:
            del self._sessions[key]

    def drain(self) -> None:
        """Refuse everything from now on, and stop the sessions."""
        self.draining = True
        for stop in list(self._sessions.values()):
            stop(_draining())

    async def empty(self) -> None:
        """Return once no request is in flight."""
        await self._empty.wait()


def _draining() -> ServiceError:
    return ServiceError("server_draining", "the server is stopping")
