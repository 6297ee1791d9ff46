"""A stream as a page of prose would put it: a list of batches, and everything recomputed from the beginning.

It shares nothing with the server but the value types. Slow, and meant to be read beside the specification.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from fencepost.harness.s2 import Append, Position, Read, SequencedRecord


def size(record: Any) -> int:
    return 8 + sum(2 + len(name) + len(value) for name, value in record.headers) + len(record.body)


def kind(record: Any) -> bytes | None:
    return record.headers[0][1] if len(record.headers) == 1 and record.headers[0][0] == b"" else None


@dataclass
class NaiveStream:
    mode: str = "client-prefer"
    uncapped: bool = False
    batches: list[list[SequencedRecord]] = field(default_factory=list)
    durable: int = 0  # how many batches
    arrivals: list[int] = field(default_factory=list)  # of the batches, ms
    expired: int = 0  # records below are gone

    def records(self, durable: bool) -> list[SequencedRecord]:
        batches = self.batches[: self.durable] if durable else self.batches
        return [record for batch in batches for record in batch]

    def tail(self, durable: bool = True) -> Position:
        records = self.records(durable)
        return Position(len(records), records[-1].timestamp if records else 0)

    def token(self) -> str:
        tokens = [record.body.decode() for record in self.records(False) if kind(record) == b"fence"]
        return tokens[-1] if tokens else ""

    def expires(self, age: int | None, now: int) -> int | None:
        """The new end of what has expired, if there is one: of whole milliseconds of arrivals, oldest first."""
        end = 0
        batches = list(zip(self.arrivals, self.batches, range(len(self.batches)), strict=True))
        for arrival, together in groupby(batches, key=lambda batch: batch[0]):
            group = list(together)
            if end + sum(len(batch) for _, batch, _ in group) <= self.trim_point():
                end += sum(len(batch) for _, batch, _ in group)
                continue
            if age is None or arrival + age * 1000 > now or group[-1][2] >= self.durable:
                break
            end += sum(len(batch) for _, batch, _ in group)
        return end if end > self.trim_point() else None

    def trim_point(self) -> int:
        point = self.expired
        for record in self.records(True):
            if kind(record) == b"trim":
                point = max(point, min(int.from_bytes(record.body, "big"), record.seq_num + 1))
        return point

    def append(self, batch: Append, arrival: int) -> tuple[str, Any]:
        """What must come of it: ``ok``, ``token``, ``match`` or ``invalid``, and the start or what is revealed."""
        if batch.fencing_token is not None and batch.fencing_token != self.token():
            return "token", self.token()
        tail = self.tail(durable=False)
        if batch.match_seq_num is not None and batch.match_seq_num != tail.seq_num:
            return "match", tail.seq_num
        stamped = []
        newest = tail.timestamp
        for offset, record in enumerate(batch.records):
            timestamp = record.timestamp
            if self.mode == "arrival":
                timestamp = arrival
            elif timestamp is None:
                if self.mode == "client-require":
                    return "invalid", None
                timestamp = arrival
            elif not self.uncapped:
                timestamp = min(timestamp, arrival)
            newest = max(newest, timestamp)
            stamped.append(SequencedRecord(tail.seq_num + offset, newest, record.headers, record.body))
        self.batches.append(stamped)
        self.arrivals.append(arrival)
        return "ok", tail.seq_num

    def read(self, query: Read) -> tuple[str, Any]:
        """``ok`` with records, ``tail`` with a tail (a 416), ``wait`` if it would wait for records, or ``invalid``."""
        records, tail = self.records(True), self.tail()
        if query.timestamp is not None and query.until is not None and query.timestamp >= query.until:
            return "invalid", None
        if query.seq_num is not None:
            start = query.seq_num
        elif query.timestamp is not None:
            at = [r.seq_num for r in records if r.timestamp >= query.timestamp and r.seq_num >= self.trim_point()]
            start = at[0] if at else tail.seq_num + (1 if query.timestamp > tail.timestamp else 0)
        else:
            start = max(0, tail.seq_num - (query.tail_offset or 0))
        if start > tail.seq_num:
            if not query.clamp:
                return "tail", tail
            start = tail.seq_num
        if start == tail.seq_num and not query.wait:
            return "tail", tail
        rest = [record for record in records if record.seq_num >= max(start, self.trim_point())]
        found: list[SequencedRecord] = []
        for record in rest:
            if len(found) == min(1000, 1000 if query.count is None else query.count):
                break
            if sum(map(size, [*found, record])) > min(1 << 20, 1 << 20 if query.bytes is None else query.bytes):
                break
            if query.until is not None and record.timestamp >= query.until:
                break
            found.append(record)
        if not found and not rest and query.wait and query.count != 0 and query.bytes != 0:
            return "wait", None
        return "ok", found
