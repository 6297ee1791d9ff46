"""Command records: which records are commands, and what they say.

A record with exactly one header whose name is empty is a command: the header's value says which, the body is its
argument. An empty header name is invalid anywhere else.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from .nouns import FENCE, TRIM, Record, SequencedRecord


class Fence(Struct, frozen=True, gc=False):
    """Set the fencing token; ``""`` clears it."""

    token: str


class Trim(Struct, frozen=True, gc=False):
    """Let everything below ``seq_num`` go."""

    seq_num: int


Command: TypeAlias = Fence | Trim


class MalformedCommand(ValueError):
    """A record that is neither data nor a command, because of its empty header name. The text says why."""


def command_of(record: Record | SequencedRecord) -> Command | None:
    """Return the command that the record is, None where it is data.

    The length of a token is a limit of the service, and not tested here. Raises MalformedCommand.
    """
    headers = record.headers
    for name, _ in headers:
        if not name:
            break
    else:
        return None
    if len(headers) != 1:
        raise MalformedCommand("a header name is empty: only the single header of a command record may have no name")
    command = headers[0][1]
    if command == FENCE:
        try:
            return Fence(record.body.decode())
        except UnicodeDecodeError as error:
            raise MalformedCommand(
                f"a fencing token is UTF-8; this one is not: {error.reason} at byte {error.start}"
            ) from None
    if command == TRIM:
        if len(record.body) != 8:
            raise MalformedCommand(
                f"a trim command's body is 8 bytes, a big-endian seq_num; this one has {len(record.body)}"
            )
        return Trim(int.from_bytes(record.body, "big"))
    raise MalformedCommand(f"no command is called {command[:64]!r}; there are fence and trim")
