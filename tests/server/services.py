"""The service in memory, with a clock and a disk that tests hold still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from fencepost.harness.s2 import Append, Record
from fencepost.harness.server.errors import ServiceError
from fencepost.harness.server.service import Service
from fencepost.harness.server.storage import MemoryStorage, Storage

from .gated import GatedStorage

T = TypeVar("T")
BASIN, STREAM = "basin-one", "stream/1"
AT = (BASIN, STREAM)


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000

    def __call__(self) -> int:
        return self.now


def one(body: bytes = b"x", **conditions: Any) -> Append:
    return Append((Record(body),), **conditions)


def fence(token: str, **conditions: Any) -> Append:
    return Append((Record(token.encode(), ((b"", b"fence"),)),), **conditions)


async def soon(awaitable: Awaitable[T]) -> T:
    """It happens, or the test fails."""
    return await asyncio.wait_for(awaitable, 5)


async def refused(awaitable: Awaitable[Any]) -> tuple[int, str]:
    with pytest.raises(ServiceError) as error:
        await soon(awaitable)
    return error.value.status, error.value.code


@asynccontextmanager
async def serving(storage: Storage | None = None, *, stream: bool = True, **options: Any) -> AsyncIterator[Service]:
    """A service; with a basin and a stream in it unless told otherwise."""
    service = Service(storage or MemoryStorage(), FakeClock(), **options)
    await service.start()
    if stream:
        await service.ensure_basin(BASIN)
        await service.ensure_stream(BASIN, STREAM)
    try:
        yield service
    finally:
        await soon(service.close())


@asynccontextmanager
async def gated() -> AsyncIterator[tuple[Service, GatedStorage]]:
    """A service with a stream, whose every further write waits to be let through."""
    storage = GatedStorage()
    storage.open = True
    async with serving(storage) as service:
        storage.open = False
        yield service, storage
        await storage.finish()
