"""Bugs in what survives a crash."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ..rules import StorageRules, StreamRules
from .registry import bug

if TYPE_CHECKING:
    from ..storage import Frame

CRASH: Final = "only a crash shows it"
DURABLE: Final = "an acknowledged append survives a crash"


@bug(
    "fence-not-durable",
    breaks=f"{DURABLE}, and so does a fence",
    anomaly="fence-regression",
    workload="fenced",
    faults=("kill",),
    beyond=CRASH,
)
class FenceNotDurable(StreamRules):
    """Recovery restores the records but forgets the fences among them."""

    def token_recovered(self, before: str, fence: str) -> str:
        return before


@bug("ack-before-durable", breaks=DURABLE, anomaly="lost-write", workload="regular", faults=("kill",), beyond=CRASH)
class AckBeforeDurable(StorageRules):
    """An append is acknowledged when it is in the process's buffer, which is written to the file 100 ms later."""

    acknowledge_when_submitted = True
    hold_back = 0.1


@bug("lost-batch-on-restart", breaks=DURABLE, anomaly="lost-write", workload="regular", faults=("kill",), beyond=CRASH)
class LostBatchOnRestart(StorageRules):
    """Recovery treats the last eight groups of batches as torn and cuts them off."""

    LOST: Final = 8
    SPARED: Final = 24  # a shorter segment holds little but the creation of basins and streams

    def survivors(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        held: deque[Frame] = deque()
        for count, frame in enumerate(super().survivors(frames)):
            if count < self.SPARED:
                yield frame
                continue
            held.append(frame)
            if len(held) > self.LOST:
                yield held.popleft()
