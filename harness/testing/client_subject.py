"""Shared parts of the checks of the client contract: their subject, and their assertions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, TypeAlias, TypeVar

from fencepost.harness.client.outcome import Definite, Ok, Outcome
from fencepost.harness.client.protocol import StreamClient
from fencepost.harness.s2 import Ack, Append, Record, SequencedRecord

T = TypeVar("T")

_numbers: Final = count()


class ContractBroken(AssertionError):
    """A client broke the contract."""


@dataclass
class Subject:
    """A service with an empty stream, and the clients of one implementation.

    ``connect`` makes a client for one process. A check may make several; all are closed when the check has ended.
    """

    connect: Callable[[], StreamClient]
    stream: str
    made: list[StreamClient] = field(default_factory=list)

    def client(self) -> StreamClient:
        """Return a new client."""
        client = self.connect()
        self.made.append(client)
        return client


Check: TypeAlias = Callable[[Subject], Awaitable[None]]
Subjects: TypeAlias = Callable[[], AbstractAsyncContextManager[Subject]]


def expect(condition: bool, broken: str) -> None:
    """Raise ContractBroken with this text unless the condition holds."""
    if not condition:
        raise ContractBroken(broken)


def ok(outcome: Outcome[T]) -> T:
    """Return the answer of an operation that must succeed."""
    if not isinstance(outcome, Ok):
        raise ContractBroken(f"an operation that must succeed ended as {outcome}")
    return outcome.value


def definite(outcome: Outcome[object], code: str, status: int, body: Mapping[str, Any] | None = None) -> None:
    """Expect a definite failure with this code and status, and with exactly this body if one is given."""
    expect(
        isinstance(outcome, Definite) and (outcome.code, outcome.status) == (code, status),
        f"an operation that the service refuses with {status} {code} ended as {outcome}",
    )
    assert isinstance(outcome, Definite)
    if body is not None:
        expect(dict(outcome.body) == body, f"the body {body} arrived as {outcome.body}")
    else:
        expect(outcome.body.get("code") == code and bool(outcome.body.get("message")), f"no message: {outcome}")


async def acked(client: StreamClient, stream: str, batch: Append) -> Ack:
    """Append a batch that must be accepted, and return its ack."""
    return ok(await client.perform(stream, batch))


def one(text: str) -> Record:
    """Return a record that no other check uses."""
    return Record(f"{text} {next(_numbers)}".encode())


def records(number: int, text: str = "record") -> Append:
    """Return a batch of ``number`` different records."""
    return Append(tuple(one(text) for _ in range(number)))


def bodies(returned: Iterable[SequencedRecord]) -> list[bytes]:
    """Return the bodies of the records that a read returned."""
    return [record.body for record in returned]
