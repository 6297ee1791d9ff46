"""What the programs share: clients of a server, names of their own, and the error that a request ends with."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from s2_sdk import S2, AppendInput, Compression, Endpoints, Record, S2ServerError, S2Stream, StreamPosition, Timeout
from s2_sdk import Retry as Retries

from endpoint import Endpoint


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


@dataclass
class Refusal:
    """How a request was refused, once it was."""

    error: S2ServerError | None = None


@contextmanager
def refused(status: int, code: str | None = None) -> Iterator[Refusal]:
    """Expect the server to refuse with this status, and this code if it is given."""
    refusal = Refusal()
    with pytest.raises(S2ServerError) as caught:
        yield refusal
    refusal.error = caught.value
    assert (caught.value.status_code, caught.value.code) == (status, code or caught.value.code)


__all__ = ["Retries", "Timeout", "batch", "client", "filled", "fresh", "records", "refused"]
