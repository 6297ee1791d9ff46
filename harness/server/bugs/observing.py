"""Bugs in what reads and tails show."""

from __future__ import annotations

from typing import Final

from ...s2 import Ack, Position, SequencedRecord
from ..rules import StreamRules
from .registry import bug
from .strikes import EveryNth

FRESH: Final = "an observation sees everything that was acknowledged before it began"


class _Lagging:
    """A memory of a tail that is refreshed every 250 ms."""

    LIFETIME: Final = 250  # ms

    def __init__(self) -> None:
        self._seen: tuple[Position, int] | None = None

    def __call__(self, durable: Position, now: int) -> Position:
        if self._seen is None or not 0 <= now - self._seen[1] <= self.LIFETIME:
            self._seen = (durable, now)
        return self._seen[0]


@bug("stale-tail-cache", breaks=FRESH, anomaly="stale-read", workload="regular", clause="R1")
class StaleTailCache(StreamRules):
    """A check-tail is answered from a cache that is 250 ms behind."""

    def __init__(self) -> None:
        super().__init__()
        self.__lagging = _Lagging()

    def tail_for_check(self, durable: Position, now: int) -> Position:
        return self.__lagging(super().tail_for_check(durable, now), now)


@bug("read-from-replica", breaks=FRESH, anomaly="stale-read", workload="regular", clause="R6")
class ReadFromReplica(StreamRules):
    """Reads are served by a replica that is 250 ms behind."""

    def __init__(self) -> None:
        super().__init__()
        self.__lagging = _Lagging()

    def tail_for_read(self, durable: Position, now: int) -> Position:
        return self.__lagging(super().tail_for_read(durable, now), now)


@bug(
    "read-skips-batch-boundary",
    breaks="a read leaves no record out",
    anomaly="lost-write",
    workload="regular",
    clause="O2",
)
class ReadSkipsBatchBoundary(StreamRules):
    """A read that crosses into a batch leaves out the batch's first record, for every tenth batch."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = EveryNth(10)
        self.__skipped: set[int] = set()

    def acknowledged(self, ack: Ack) -> Ack:
        if self.__strike():
            self.__skipped.add(ack.start.seq_num)
        return super().acknowledged(ack)

    def returned(self, records: list[SequencedRecord]) -> list[SequencedRecord]:
        records = super().returned(records)
        return [r for at, r in enumerate(records) if at == 0 or r.seq_num not in self.__skipped]
