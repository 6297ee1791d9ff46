"""What each seeded bug does: a few lines at a seam that the correct server goes through too (:mod:`.rules`).

The state of a bug is name-mangled, so that combined bugs do not meet in it. :mod:`.bugs` is the table of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ..s2 import Ack, Append, Fence, Position, Record, SequencedRecord, command_of
from .errors import ServiceError
from .rules import Sequencer, ServiceRules, StorageRules, StreamRules

if TYPE_CHECKING:
    from .storage import Frame
    from .stream import Stream


class _Nth:
    """True once in every ``period`` calls: a bug that strikes now and then, and always."""

    def __init__(self, period: int) -> None:
        self._period = period
        self._calls = 0

    def __call__(self) -> bool:
        self._calls += 1
        return self._calls % self._period == 0


# -- the fencing token


class StaleFenceCache(StreamRules):
    """Eight front ends take turns. Each remembers the token, and looks again when an append disagrees or after 2 s."""

    FRONT_ENDS: Final = 8
    LIFETIME: Final = 2000  # ms

    def __init__(self) -> None:
        super().__init__()
        self.__cached = [("", -self.LIFETIME - 1)] * self.FRONT_ENDS
        self.__turn = 0

    def token_in_force(self, stream: Stream, batch: Append, now: int) -> str:
        self.__turn = (self.__turn + 1) % self.FRONT_ENDS
        token, since = self.__cached[self.__turn]
        if token != batch.fencing_token or not 0 <= now - since <= self.LIFETIME:
            token = super().token_in_force(stream, batch, now)
            self.__cached[self.__turn] = (token, now)
        return token


class FenceAsync(StreamRules):
    """A fence is acknowledged at once and enforced only by a sweep that comes by every 200 ms."""

    PERIOD: Final = 200  # ms

    def __init__(self) -> None:
        super().__init__()
        self.__enforced: tuple[str, int] | None = None

    def token_in_force(self, stream: Stream, batch: Append, now: int) -> str:
        if self.__enforced is None or not 0 <= now - self.__enforced[1] <= self.PERIOD:
            self.__enforced = (super().token_in_force(stream, batch, now), now)
        return self.__enforced[0]


class FenceAfterBatch(StreamRules):
    """A batch is tested against the token that its own fence sets."""

    def token_in_force(self, stream: Stream, batch: Append, now: int) -> str:
        for record in reversed(batch.records):
            if isinstance(command := command_of(record), Fence):
                return command.token
        return super().token_in_force(stream, batch, now)


class TokenPrefixMatch(StreamRules):
    """A token passes when the current one begins with it."""

    def token_matches(self, given: str, current: str) -> bool:
        return super().token_matches(given, current) or current.startswith(given)


class EmptyTokenMatchesAny(StreamRules):
    """The empty token is taken for no token at all."""

    def token_matches(self, given: str, current: str) -> bool:
        return given == "" or super().token_matches(given, current)


class FenceNotDurable(StreamRules):
    """Recovery rebuilds the records and forgets the fences among them."""

    def token_recovered(self, before: str, fence: str) -> str:
        return before


class WrongMismatchToken(StreamRules):
    """The last character of the token that a refusal names is wrong."""

    def token_reported(self, current: str) -> str:
        return super().token_reported(current)[:-1] + "~"


# -- match_seq_num


class CheckThenAppendRace(ServiceRules):
    """The conditions are tested, then there is a pause of 2 ms, then the batch is appended as if they still held."""

    async def append(self, stream: Sequencer, batch: Append) -> Ack:
        stream.test(batch)
        await asyncio.sleep(0.002)
        return stream.append_unchecked(batch)


class MatchOffByOne(StreamRules):
    """A match_seq_num that is off by one passes."""

    def seq_num_matches(self, given: int, stream: Stream) -> bool:
        return abs(given - stream.next_seq_num) <= 1


class MatchIgnoredUnderLoad(StreamRules):
    """While an append waits for the disk, match_seq_num is not looked at."""

    def seq_num_matches(self, given: int, stream: Stream) -> bool:
        return stream.next_seq_num > stream.durable.seq_num or super().seq_num_matches(given, stream)


class MatchAgainstDurableTail(StreamRules):
    """match_seq_num is compared with the tail that is durable, and not with the one that the batch would follow."""

    def seq_num_matches(self, given: int, stream: Stream) -> bool:
        return given == stream.durable.seq_num


class WrongMismatchTail(StreamRules):
    """Every fourth refusal names a tail with a stray bit 40 in it."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = _Nth(4)

    def seq_num_reported(self, next_seq_num: int) -> int:
        reported = super().seq_num_reported(next_seq_num)
        return reported | 1 << 40 if self.__strike() else reported


class Spurious412(StreamRules):
    """Every tenth append whose match_seq_num is right is refused all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = _Nth(10)

    def seq_num_matches(self, given: int, stream: Stream) -> bool:
        return super().seq_num_matches(given, stream) and not self.__strike()


# -- what is observed


class _Lagging:
    """Remembers a tail for 250 ms."""

    LIFETIME: Final = 250  # ms

    def __init__(self) -> None:
        self._seen: tuple[Position, int] | None = None

    def __call__(self, durable: Position, now: int) -> Position:
        if self._seen is None or not 0 <= now - self._seen[1] <= self.LIFETIME:
            self._seen = (durable, now)
        return self._seen[0]


class StaleTailCache(StreamRules):
    """A check-tail is answered from a cache that is 250 ms behind."""

    def __init__(self) -> None:
        super().__init__()
        self.__lagging = _Lagging()

    def tail_for_check(self, durable: Position, now: int) -> Position:
        return self.__lagging(super().tail_for_check(durable, now), now)


class ReadFromReplica(StreamRules):
    """Reads are served by a replica that is 250 ms behind."""

    def __init__(self) -> None:
        super().__init__()
        self.__lagging = _Lagging()

    def tail_for_read(self, durable: Position, now: int) -> Position:
        return self.__lagging(super().tail_for_read(durable, now), now)


class ReadSkipsBatchBoundary(StreamRules):
    """A read that comes to every tenth batch from the one before leaves out its first record."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = _Nth(10)
        self.__skipped: set[int] = set()

    def acknowledged(self, ack: Ack) -> Ack:
        if self.__strike():
            self.__skipped.add(ack.start.seq_num)
        return super().acknowledged(ack)

    def returned(self, records: list[SequencedRecord]) -> list[SequencedRecord]:
        records = super().returned(records)
        return [r for at, r in enumerate(records) if at == 0 or r.seq_num not in self.__skipped]


# -- what is stored and acknowledged


class BodyCorruption(StreamRules):
    """One bit of the body of every fiftieth record is flipped before it is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = _Nth(50)

    def stored(self, record: Record) -> Record:
        record = super().stored(record)
        if command_of(record) is not None or not record.body or not self.__strike():
            return record
        return Record(bytes([record.body[0] ^ 1]) + record.body[1:], record.headers, record.timestamp)


class HeaderDropped(StreamRules):
    """The last header of every twentieth record that has any is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = _Nth(20)

    def stored(self, record: Record) -> Record:
        record = super().stored(record)
        if command_of(record) is not None or not record.headers or not self.__strike():
            return record
        return Record(record.body, record.headers[:-1], record.timestamp)


class AckWrongRange(StreamRules):
    """Every fiftieth acknowledgement ends one record too late."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = _Nth(50)

    def acknowledged(self, ack: Ack) -> Ack:
        ack = super().acknowledged(ack)
        if not self.__strike():
            return ack
        end = Position(ack.end.seq_num + 1, ack.end.timestamp)
        return Ack(ack.start, end, end)


class TimestampRegress(StreamRules):
    """Every fiftieth record is stamped 5 s in the past: nothing raises it to what came before."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = _Nth(50)

    def timestamp(self, wanted: int, newest: int) -> int:
        return max(0, wanted - 5000) if self.__strike() else super().timestamp(wanted, newest)


class DuplicateOnRetry(ServiceRules):
    """Every fiftieth unconditional append is sent to the stream a second time by something that retries too soon."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = _Nth(50)

    async def append(self, stream: Sequencer, batch: Append) -> Ack:
        ack = await super().append(stream, batch)
        if batch.match_seq_num is None and self.__strike():
            stream.append_unchecked(batch)
        return ack


class TornBatch(ServiceRules):
    """Every tenth unconditional batch is appended as two halves, and others come between them."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = _Nth(10)

    async def append(self, stream: Sequencer, batch: Append) -> Ack:
        half = len(batch.records) // 2
        if not half or batch.match_seq_num is not None or not self.__strike():
            return await super().append(stream, batch)
        first = stream.append(Append(batch.records[:half], None, batch.fencing_token))
        await asyncio.sleep(0.005)
        second = stream.append_unchecked(Append(batch.records[half:]))
        return Ack(first.start, second.end, second.tail)


class DefiniteErrorButApplied(ServiceRules):
    """Every fiftieth append is applied, and refused with a code that promises that it was not."""

    def __init__(self) -> None:
        super().__init__()
        self.__strike = _Nth(50)

    def answer(self, ack: Ack) -> Ack:
        if self.__strike():
            raise ServiceError("hot_server", "shed before it was looked at")
        return super().answer(ack)


# -- durability


class AckBeforeDurable(StorageRules):
    """An append is acknowledged when it is in the process's buffer, which goes to the file 100 ms later."""

    acknowledge_when_submitted = True
    hold_back = 0.1


class LostBatchOnRestart(StorageRules):
    """Recovery takes the last eight groups of batches for torn and cuts them off."""

    LOST: Final = 8
    SPARED: Final = 24  # a journal this short holds little but the making of basins and streams

    def survivors(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        held: deque[Frame] = deque()
        for count, frame in enumerate(super().survivors(frames)):
            if count < self.SPARED:
                yield frame
                continue
            held.append(frame)
            if len(held) > self.LOST:
                yield held.popleft()
