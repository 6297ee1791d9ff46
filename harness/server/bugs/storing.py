"""Bugs in what is stored, and in how appends are answered."""

from __future__ import annotations

import asyncio
from typing import Final

from ...s2 import Ack, Append, Position, Record, command_of
from ..errors import ServiceError
from ..rules import Sequencer, ServiceRules, StreamRules
from .registry import bug
from .strikes import EveryNth

KEPT: Final = "records are stored as they were sent"


@bug("body-corruption", breaks=KEPT, anomaly="garbage-read", workload="regular", clause="O2")
class BodyCorruption(StreamRules):
    """One bit of the body of every fiftieth record is flipped before it is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = EveryNth(50)

    def stored(self, record: Record) -> Record:
        record = super().stored(record)
        if command_of(record) is not None or not record.body or not self.__strike():
            return record
        return Record(bytes([record.body[0] ^ 1]) + record.body[1:], record.headers, record.timestamp)


@bug("header-dropped", breaks=KEPT, anomaly="garbage-read", workload="regular", clause="O2")
class HeaderDropped(StreamRules):
    """Every twentieth record with headers loses its last header."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = EveryNth(20)

    def stored(self, record: Record) -> Record:
        record = super().stored(record)
        if command_of(record) is not None or not record.headers or not self.__strike():
            return record
        return Record(record.body, record.headers[:-1], record.timestamp)


@bug(
    "ack-wrong-range", breaks="an acknowledgement covers the batch", anomaly="bad-ack", workload="regular", clause="A2"
)
class AckWrongRange(StreamRules):
    """Every fiftieth acknowledgement ends one record too late."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = EveryNth(50)

    def acknowledged(self, ack: Ack) -> Ack:
        ack = super().acknowledged(ack)
        if not self.__strike():
            return ack
        end = Position(ack.end.seq_num + 1, ack.end.timestamp)
        return Ack(ack.start, end, end)


@bug(
    "timestamp-regress",
    breaks="timestamps never decrease",
    anomaly="nonmonotonic-timestamp",
    workload="regular",
    clause="O2",
)
class TimestampRegress(StreamRules):
    """Every fiftieth record gets a timestamp 5 s in the past, and nothing raises it to the previous one."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = EveryNth(50)

    def timestamp(self, wanted: int, newest: int) -> int:
        kept = super().timestamp(wanted, newest)
        return max(0, wanted - 5000) if self.__strike() else kept


@bug("duplicate-on-retry", breaks="a batch is appended once", anomaly="duplicate", workload="regular", clause="A1")
class DuplicateOnRetry(ServiceRules):
    """Every fiftieth unconditional append is applied a second time, by a component that retries too soon."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = EveryNth(50)

    async def append(self, stream: Sequencer, batch: Append) -> Ack:
        ack = await super().append(stream, batch)
        if batch.match_seq_num is None and self.__strike():
            stream.append_unchecked(batch)
        return ack


@bug("torn-batch", breaks="a batch is appended atomically", anomaly="torn-batch", workload="regular", clause="A1")
class TornBatch(ServiceRules):
    """Every tenth unconditional batch is appended in two halves, and other batches come between them."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = EveryNth(10)

    async def append(self, stream: Sequencer, batch: Append) -> Ack:
        half = len(batch.records) // 2
        if not half or batch.match_seq_num is not None or not self.__strike():
            return await super().append(stream, batch)
        first = await super().append(stream, Append(batch.records[:half], None, batch.fencing_token))
        await asyncio.sleep(0.005)
        second = await super().append(stream, Append(batch.records[half:]))
        return Ack(first.start, second.end, second.tail)


@bug(
    "definite-error-but-applied",
    breaks="an append that is definitely refused has no effect",
    anomaly="aborted-read",
    workload="regular",
    clause="P5",
)
class DefiniteErrorButApplied(ServiceRules):
    """Every fiftieth append is applied, but refused with a code that promises that it was not."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = EveryNth(50)

    def answer(self, ack: Ack) -> Ack:
        ack = super().answer(ack)
        if self.__strike():
            raise ServiceError("hot_server", "the server is overloaded and did not look at the request")
        return ack
