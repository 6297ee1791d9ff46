"""What a batch must be before anybody looks at the stream: within the limits, and without malformed commands."""

from __future__ import annotations

from ..s2 import Append, Command, Fence, MalformedCommand, command_of, metered_size
from ..s2.limits import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, MAX_FENCING_TOKEN_BYTES, U64_MAX
from .errors import invalid


def commands_of(batch: Append) -> tuple[tuple[int, Command], ...]:
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
        try:
            command = command_of(record)
        except MalformedCommand as error:
            raise invalid(str(error)) from None
        if command is None:
            continue
        if isinstance(command, Fence) and len(record.body) > MAX_FENCING_TOKEN_BYTES:
            raise invalid(
                f"a fencing token has at most {MAX_FENCING_TOKEN_BYTES} bytes; this one has {len(record.body)}"
            )
        commands.append((index, command))
    return tuple(commands)
