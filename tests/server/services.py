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


async def gone(service: Service, basin: str, stream: str | None = None) -> None:
    """The stream, or without one the basin, is no longer being deleted but gone."""
    async with asyncio.timeout(5):
        while True:
            try:
                await (service.get_basin(basin) if stream is None else service.get_stream(basin, stream))
            except ServiceError as error:
                if error.code in ("stream_not_found", "basin_not_found"):
                    return
            await asyncio.sleep(0.001)


async def made(service: Service, basin: str, *streams: str) -> None:
    """The basin and the streams exist, even if they had to be deleted first."""
    async with asyncio.timeout(5):
        for stream in (None, *streams):
            while True:
                try:
                    await (service.ensure_basin(basin) if stream is None else service.ensure_stream(basin, stream))
                    break
                except ServiceError as error:
                    if not error.code.endswith("_deletion_pending"):
                        raise
                await asyncio.sleep(0.001)


@asynccontextmanager
async def serving(
    storage: Storage | None = None, *, stream: bool = True, clock: FakeClock | None = None, **options: Any
) -> AsyncIterator[Service]:
    """A service; with a basin and a stream in it unless told otherwise. What is deleted there is soon gone."""
    service = Service(storage or MemoryStorage(), clock or FakeClock(), **{"deleting": 0.0, **options})
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
