"""Bugs in append sessions and read sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from ...s2 import Ack, Append
from ..errors import ServiceError, StateMismatch
from ..rules import Sequencer, ServiceRules, StreamRules
from .registry import bug
from .strikes import EveryNth

POISON: Final = "the first failure of a session is the end of it"


@bug("session-not-poisoned", breaks=POISON, anomaly="session-poison", workload="sessions", clause="S2")
class SessionNotPoisoned(ServiceRules):
    """After a failure, a session reports it, and goes on to apply what it had already received."""

    async def after_failure(self, stream: Sequencer, batches: AsyncIterator[Append]) -> None:
        await super().after_failure(stream, batches)
        async for batch in batches:
            with suppress(StateMismatch, ServiceError):
                stream.append(batch)


@bug("session-applies-after-failure", breaks=POISON, anomaly="session-poison", workload="sessions", clause="S2")
class SessionAppliesAfterFailure(ServiceRules):
    """The batch behind the one that failed is applied, without a look at its conditions."""

    async def after_failure(self, stream: Sequencer, batches: AsyncIterator[Append]) -> None:
        await super().after_failure(stream, batches)
        async for batch in batches:
            stream.append_unchecked(batch)
            break


@bug(
    "session-reorders-acks",
    breaks="acks come in order of submission",
    anomaly="session-order",
    workload="sessions",
    clause="S1",
)
class SessionReordersAcks(ServiceRules):
    """Of the acks that a session sends together, the first two change places if their batches are of one size."""

    def session_acks(self, acks: list[Ack]) -> list[Ack]:
        acks = super().session_acks(acks)
        sizes = {ack.end.seq_num - ack.start.seq_num for ack in acks[:2]}
        return [acks[1], acks[0], *acks[2:]] if len(acks) > 1 and len(sizes) == 1 else acks


@bug(
    "session-skips-batch-boundary",
    breaks="a read session has no gap",
    anomaly="poll-skip",
    workload="followers",
    clause="R10",
)
class SessionSkipsBatchBoundary(StreamRules):
    """Where one frame of a read session ends, every twentieth time, the next one begins a record too late."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = EveryNth(20)

    def session_continues(self, last: int) -> int:
        following = super().session_continues(last)
        return following + 1 if self.__strike() else following


@bug(
    "read-repeats-on-resume",
    breaks="a read starts where it is told",
    anomaly="nonmonotonic-poll",
    workload="followers",
    clause="P4",
)
class ReadRepeatsOnResume(StreamRules):
    """A read session that resumes at a position begins with the record before it once more."""

    def session_start(self, seq_num: int) -> int:
        return max(0, super().session_start(seq_num) - 1)
