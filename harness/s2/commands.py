"""Command records: how to recognise and decode them.

A record is a command if it has exactly one header and the name of that header is empty. The header's value names the
command, and the body is its argument. An empty header name is invalid in any other record.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from .nouns import FENCE, TRIM, Record, SequencedRecord


class Fence(Struct, frozen=True, gc=False):
    """A command that sets the fencing token; ``""`` clears it."""

    token: str


class Trim(Struct, frozen=True, gc=False):
    """A command that allows the service to remove all records below ``seq_num``."""

    seq_num: int


Command: TypeAlias = Fence | Trim


class MalformedCommand(ValueError):
    """A record with an empty header name that is not a valid command. The message says why."""


def command_of(record: Record | SequencedRecord) -> Command | None:
    """Return the command that a record holds, or None for a data record.

    Does not check the length of a token, which is a limit of the service. Raises MalformedCommand.
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
