"""A stream by hand: command records, appends, and reads of positions."""

from __future__ import annotations

from fencepost.harness.server.stream import Stream
from fencepost.harness.server.values import AppendInput, AppendRecord, ReadInput, StreamPosition

NOW = 1_000_000


def fence(token: str) -> AppendRecord:
    return AppendRecord(token.encode(), ((b"", b"fence"),))


def trim(seq_num: int) -> AppendRecord:
    return AppendRecord(seq_num.to_bytes(8, "big"), ((b"", b"trim"),))


def put(stream: Stream, *records: AppendRecord, now: int = NOW, **conditions: int | str) -> StreamPosition:
    """Append and settle; the start."""
    ack = stream.append(AppendInput(records, **conditions), now).ack  # type: ignore[arg-type]
    stream.settle(ack.end)
    return ack.start


def seq_nums(stream: Stream, **query: object) -> list[int]:
    read = ReadInput(**query)  # type: ignore[arg-type]
    page = stream.page(stream.locate(read, NOW), read, NOW)
    return [record.seq_num for record in page.records]
