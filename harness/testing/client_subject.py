"""What the checks of the client contract share: their subject, and how they state what they expect."""

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
    """A client did not do what the contract says."""


@dataclass
class Subject:
    """One service with an empty stream, as the clients of one implementation see it.

    ``connect`` makes a client for one process identity. A check may make several; all are closed when it has ended.
    """

    connect: Callable[[], StreamClient]
    stream: str
    made: list[StreamClient] = field(default_factory=list)

    def client(self) -> StreamClient:
        """A new client."""
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
    """The answer of an operation that must have succeeded."""
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
    """Append a batch that must be accepted."""
    return ok(await client.append(stream, batch))


def one(text: str) -> Record:
    """A record that no other check has."""
    return Record(f"{text} {next(_numbers)}".encode())


def records(number: int, text: str = "record") -> Append:
    """A batch of so many records, each different."""
    return Append(tuple(one(text) for _ in range(number)))


def bodies(returned: Iterable[SequencedRecord]) -> list[bytes]:
    """The bodies of what a read returned."""
    return [record.body for record in returned]
