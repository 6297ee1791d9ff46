"""What the programs share: clients of a server, names of their own, and the error that a request ends with."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from endpoint import Endpoint
from s2_sdk import (
    S2,
    AppendInput,
    Compression,
    Endpoints,
    ReadSession,
    Record,
    S2ServerError,
    S2Stream,
    StreamPosition,
)

LONG = 60.0
"""Seconds that nothing here takes unless it is broken."""


def client(server: Endpoint, token: str = "any", compression: Compression = Compression.NONE, **more: Any) -> S2:
    """Return a client as the SDK's documentation has it for local use: one address, and the basin in a header."""
    return S2(token, endpoints=Endpoints(server.url, server.url), compression=compression, **more)


def fresh(kind: str = "stream") -> str:
    """Return a name that nothing else has."""
    return f"{kind}-{uuid.uuid4().hex[:16]}"


def records(*bodies: bytes) -> list[Record]:
    return [Record(body) for body in bodies]


def batch(*bodies: bytes, **conditions: Any) -> AppendInput:
    return AppendInput(records(*bodies), **conditions)


async def filled(stream: S2Stream, count: int, size: int = 8) -> StreamPosition:
    """Append so many records, whose bodies are their numbers, and return the tail."""
    return (await stream.append(batch(*[b"%0*d" % (size, number) for number in range(count)]))).tail


@asynccontextmanager
async def following(stream: S2Stream, **arguments: Any) -> AsyncIterator[ReadSession]:
    """A read session that is closed once it has caught up.

    Python 3.11 loses the cancellation of ``asyncio.wait_for`` in the instant in which there is something to wait for no
    more. There, the SDK hangs if a session is closed just when its first heartbeat arrives.
    """
    async with stream.read_session(**arguments) as session:
        yield session
        await asyncio.wait_for(session.caught_up(), LONG)


@contextmanager
def refused(status: int, code: str | None = None) -> Iterator[None]:
    """Expect the server to refuse with this status, and this code if it is given."""
    with pytest.raises(S2ServerError) as caught:
        yield
    assert (caught.value.status_code, caught.value.code) == (status, code or caught.value.code)
