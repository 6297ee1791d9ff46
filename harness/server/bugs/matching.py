"""Bugs in match_seq_num."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ...s2 import Ack, Append
from ..rules import Sequencer, ServiceRules, StreamRules
from .registry import bug
from .strikes import EveryNth

if TYPE_CHECKING:
    from ..stream import Stream

MATCH: Final = "an append lands where its match_seq_num says, or is refused"


class _Unchecked:
    """A stream whose conditions were tested before and are not tested again."""

    def __init__(self, stream: Sequencer) -> None:
        self._stream = stream
        self.name = stream.name

    def test(self, batch: Append) -> None:
        pass

    def append(self, batch: Append) -> Ack:
        return self._stream.append_unchecked(batch)

    append_unchecked = append


@bug(
    "check-then-append-race",
    breaks="conditions are tested against the state that the batch is applied to",
    anomaly="match-violation",
    workload="match-seq-num",
    clause="A4",
)
class CheckThenAppendRace(ServiceRules):
    """The conditions are tested, and 2 ms later the batch is appended as if they still held."""

    async def append(self, stream: Sequencer, batch: Append) -> Ack:
        stream.test(batch)
        await asyncio.sleep(0.002)
        return await super().append(_Unchecked(stream), batch)


@bug("match-off-by-one", breaks=MATCH, anomaly="match-violation", workload="match-seq-num", clause="A4")
class MatchOffByOne(StreamRules):
    """A match_seq_num that is off by one passes."""

    def seq_num_matches(self, given: int, stream: Stream) -> bool:
        return super().seq_num_matches(given, stream) or abs(given - self.seq_num_to_match(stream)) == 1


@bug("match-ignored-under-load", breaks=MATCH, anomaly="match-violation", workload="match-seq-num", clause="S2")
class MatchIgnoredUnderLoad(StreamRules):
    """While an append waits for the disk, match_seq_num is ignored."""

    def seq_num_matches(self, given: int, stream: Stream) -> bool:
        return super().seq_num_matches(given, stream) or stream.next_seq_num > stream.durable.seq_num


@bug("match-against-durable-tail", breaks=MATCH, anomaly="match-violation", workload="match-seq-num", clause="S1")
class MatchAgainstDurableTail(StreamRules):
    """match_seq_num is compared with the durable tail instead of the one that the batch would follow."""

    def seq_num_to_match(self, stream: Stream) -> int:
        return min(super().seq_num_to_match(stream), stream.durable.seq_num)


@bug(
    "wrong-mismatch-tail",
    breaks="a refusal names the tail",
    anomaly="wrong-mismatch",
    workload="match-seq-num",
    clause="A5",
)
class WrongMismatchTail(StreamRules):
    """Every fourth refusal names a tail whose bit 40 is wrongly set."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = EveryNth(4)

    def seq_num_reported(self, next_seq_num: int) -> int:
        reported = super().seq_num_reported(next_seq_num)
        return reported | 1 << 40 if self.__strike() else reported


@bug(
    "spurious-412",
    breaks="an append whose condition holds is accepted",
    anomaly="spurious-rejection",
    workload="match-seq-num",
    clause="A4",
)
class Spurious412(StreamRules):
    """Every tenth append whose match_seq_num is right is refused anyway."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = EveryNth(10)

    def seq_num_matches(self, given: int, stream: Stream) -> bool:
        return super().seq_num_matches(given, stream) and not self.__strike()
