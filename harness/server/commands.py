"""The checks of a batch and of a read that need no stream: limits, the form of commands, contradictory bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from ..s2 import (
    Append,
    Call,
    Command,
    Fence,
    MalformedCommand,
    Read,
    Record,
    SequencedRecord,
    command_of,
    metered_size,
)
from ..s2.limits import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, MAX_FENCING_TOKEN_BYTES, U64_MAX
from .errors import invalid

Metered: TypeAlias = Callable[[Record | SequencedRecord], int]


def commands_of(batch: Append, metered: Metered = metered_size) -> tuple[tuple[int, Command], ...]:
    """Check a batch and return its commands, each with its index in the batch.

    ``metered`` returns the metered size of one of its records (bytes).

    Raise ServiceError ``invalid`` if the batch is empty or too large, or has a malformed record or token. The check
    does not depend on the stream, so it cannot reveal its state.
    """
    records = batch.records
    if not records:
        raise invalid("a batch must have at least one record; this one has none")
    if len(records) > MAX_BATCH_RECORDS:
        raise invalid(f"a batch may have at most {MAX_BATCH_RECORDS} records; this one has {len(records)}")
    size = sum(map(metered, records))
    if size > MAX_BATCH_BYTES:
        raise invalid(f"a batch may have at most {MAX_BATCH_BYTES} metered bytes; this one has {size}")
    if batch.fencing_token is not None and len(batch.fencing_token.encode()) > MAX_FENCING_TOKEN_BYTES:
        raise invalid(f"a fencing token may have at most {MAX_FENCING_TOKEN_BYTES} bytes")
    commands = []
    for index, record in enumerate(records):
        if record.timestamp is not None and not 0 <= record.timestamp <= U64_MAX:
            raise invalid(f"record {index}: timestamp {record.timestamp} is not an unsigned 64-bit number")
        try:
            command = command_of(record)
        except MalformedCommand as error:
            raise invalid(str(error)) from None
        if command is None:
            continue
        if isinstance(command, Fence) and len(record.body) > MAX_FENCING_TOKEN_BYTES:
            raise invalid(
                f"a fencing token may have at most {MAX_FENCING_TOKEN_BYTES} bytes; this one has {len(record.body)}"
            )
        commands.append((index, command))
    return tuple(commands)


def check_start(query: Read) -> None:
    """Raise ServiceError ``invalid`` if a read has more than one start."""
    if (query.seq_num, query.timestamp, query.tail_offset).count(None) < 2:
        raise invalid("a read takes only one of seq_num, timestamp and tail_offset, but has more than one")


def check_read(query: Read) -> None:
    """Raise ServiceError ``invalid`` if a read has more than one start, or starts at a timestamp beyond its end."""
    check_start(query)
    if query.timestamp is not None and query.until is not None and query.timestamp >= query.until:
        raise invalid(f"a read from timestamp {query.timestamp} cannot end before timestamp {query.until}")


def check_call(call: Call[Any] | None) -> None:
    """Raise ServiceError ``invalid`` if a batch or a read is invalid whatever its stream is."""
    match call:
        case Append():
            commands_of(call)
        case Read():
            check_read(call)
