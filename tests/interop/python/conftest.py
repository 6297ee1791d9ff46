"""Clients, basins and streams for the programs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from clients import client, fresh
from endpoint import Endpoint
from s2_sdk import S2, S2Basin, S2Stream, StreamConfig

MakeStream = Callable[..., Awaitable[S2Stream]]


@pytest.fixture
async def s2(endpoint: Endpoint) -> AsyncIterator[S2]:
    async with client(endpoint) as one:
        yield one


@pytest.fixture
async def basin(s2: S2) -> AsyncIterator[S2Basin]:
    """A basin of the test's own."""
    name = fresh("basin")
    await s2.create_basin(name)
    yield s2[name]
    await s2.delete_basin(name)


@pytest.fixture
async def make_stream(basin: S2Basin) -> MakeStream:
    """Creates a stream with a configuration, and returns it."""

    async def make(**config: object) -> S2Stream:
        name = fresh()
        await basin.create_stream(name, config=StreamConfig(**config))  # type: ignore[arg-type]
        return basin[name]

    return make


@pytest.fixture
async def stream(make_stream: MakeStream) -> S2Stream:
    return await make_stream()
