"""A stream by hand: command records, appends, and reads of positions."""

from __future__ import annotations

from fencepost.harness.s2 import Append, Position, Read, Record
from fencepost.harness.server.stream import Stream

NOW = 1_000_000


def fence(token: str) -> Record:
    return Record(token.encode(), ((b"", b"fence"),))


def trim(seq_num: int) -> Record:
    return Record(seq_num.to_bytes(8, "big"), ((b"", b"trim"),))


def put(stream: Stream, *records: Record, now: int = NOW, **conditions: int | str) -> Position:
    """Append and settle; the start."""
    ack = stream.append(Append(records, **conditions), now).ack  # type: ignore[arg-type]
    stream.settle(ack.end)
    return ack.start


def seq_nums(stream: Stream, **query: object) -> list[int]:
    read = Read(**query)  # type: ignore[arg-type]
    page = stream.page(stream.locate(read, NOW), read, NOW)
    return [record.seq_num for record in page.records]
