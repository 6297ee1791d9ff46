"""What a batch must be before anybody looks at the stream: limits, and the two command records.

A record with exactly one header whose name is empty is a command: the header's value says which, the body is its
argument. An empty header name is invalid anywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from .errors import invalid
from .values import (
    MAX_BATCH_BYTES,
    MAX_BATCH_RECORDS,
    MAX_FENCING_TOKEN_BYTES,
    U64_MAX,
    AppendInput,
    AppendRecord,
    SequencedRecord,
    metered_size,
)

_FENCE: Final = b"fence"
_TRIM: Final = b"trim"


@dataclass(frozen=True, slots=True)
class Fence:
    """Set the fencing token; ``""`` clears it."""

    token: str


@dataclass(frozen=True, slots=True)
class Trim:
    """Let everything below ``seq_num`` go."""

    seq_num: int


Command: TypeAlias = Fence | Trim


def command_of(record: AppendRecord | SequencedRecord) -> Command | None:
    """The command that the record is, None where it is data.

    Raises ServiceError ``invalid`` where it is neither.
    """
    headers = record.headers
    for name, _ in headers:
        if not name:
            break
    else:
        return None
    if len(headers) != 1:
        raise invalid("a header name is empty: only the single header of a command record may have no name")
    command = headers[0][1]
    if command == _FENCE:
        return Fence(_token(record.body))
    if command == _TRIM:
        if len(record.body) != 8:
            raise invalid(f"a trim command's body is 8 bytes, a big-endian seq_num; this one has {len(record.body)}")
        return Trim(int.from_bytes(record.body, "big"))
    raise invalid(f"no command is called {command[:64]!r}; there are fence and trim")


def _token(body: bytes) -> str:
    if len(body) > MAX_FENCING_TOKEN_BYTES:
        raise invalid(f"a fencing token has at most {MAX_FENCING_TOKEN_BYTES} bytes; this one has {len(body)}")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise invalid(f"a fencing token is UTF-8; this one is not: {error.reason} at byte {error.start}") from None


def commands_of(batch: AppendInput) -> tuple[tuple[int, Command], ...]:
    """Check the batch by itself and return its commands, each with its index in the batch.

    Raises ServiceError ``invalid`` where the batch is empty, too large, or has a malformed record or token.
    Nothing here depends on the stream, so nothing here can reveal it.
    """
    records = batch.records
    if not records:
        raise invalid("a batch has at least one record; this one has none")
    if len(records) > MAX_BATCH_RECORDS:
        raise invalid(f"a batch has at most {MAX_BATCH_RECORDS} records; this one has {len(records)}")
    size = sum(map(metered_size, records))
    if size > MAX_BATCH_BYTES:
        raise invalid(f"a batch has at most {MAX_BATCH_BYTES} metered bytes; this one has {size}")
    if batch.fencing_token is not None and len(batch.fencing_token.encode()) > MAX_FENCING_TOKEN_BYTES:
        raise invalid(f"a fencing token has at most {MAX_FENCING_TOKEN_BYTES} bytes")
    commands = []
    for index, record in enumerate(records):
        if record.timestamp is not None and not 0 <= record.timestamp <= U64_MAX:
            raise invalid(f"record {index}: timestamp {record.timestamp} is not an unsigned 64-bit number")
        command = command_of(record)
        if command is not None:
            commands.append((index, command))
    return tuple(commands)
