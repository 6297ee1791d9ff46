"""The decisions of the server, each in its own method, so that a seeded bug can get one of them wrong.

These classes are the correct server. The state machine, the journal and the service call them for every such decision,
with or without bugs. A bug is a subclass that overrides one of these methods. The rules of a server with several bugs
inherit from all of them, so an override calls ``super()`` unless omitting the call is the bug.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..s2 import Ack, Append, Position, Record, SequencedRecord

if TYPE_CHECKING:
    from .storage import Frame
    from .stream import Stream


class StreamRules:
    """The decisions of one stream. Each stream has its own instance, which every start of the server makes anew."""

    def token_in_force(self, stream: Stream, batch: Append, now: int) -> str:
        """Return the token with which a batch's fencing token is compared at ``now`` (ms)."""
        return stream.fencing_token

    def token_matches(self, given: str, current: str) -> bool:
        """Return whether an append with the fencing token ``given`` passes."""
        return given == current

    def token_reported(self, current: str) -> str:
        """Return the token that a refusal names."""
        return current

    def seq_num_to_match(self, stream: Stream) -> int:
        """Return the seq_num with which a ``match_seq_num`` is compared."""
        return stream.next_seq_num

    def seq_num_matches(self, given: int, stream: Stream) -> bool:
        """Return whether an append with the ``match_seq_num`` ``given`` passes."""
        return given == self.seq_num_to_match(stream)

    def seq_num_reported(self, next_seq_num: int) -> int:
        """Return the seq_num that a refusal names."""
        return next_seq_num

    def timestamp(self, wanted: int, newest: int) -> int:
        """Return the timestamp (ms) of a record that should get ``wanted`` and follows one with ``newest``."""
        return max(wanted, newest)

    def stored(self, record: Record) -> Record:
        """Return the record as the stream stores it."""
        return record

    def acknowledged(self, ack: Ack) -> Ack:
        """Return the ack that the client gets."""
        return ack

    def tail_for_check(self, durable: Position, now: int) -> Position:
        """Return the tail that a check-tail returns at ``now`` (ms)."""
        return durable

    def tail_for_read(self, durable: Position, now: int) -> Position:
        """Return the tail up to which a read sees records at ``now`` (ms)."""
        return durable

    def returned(self, records: list[SequencedRecord]) -> list[SequencedRecord]:
        """Return the records that a read returns, out of those that it found."""
        return records

    def session_start(self, seq_num: int) -> int:
        """Return where a read session starts that asks for the records from ``seq_num`` on."""
        return seq_num

    def session_continues(self, last: int) -> int:
        """Return where a read session goes on after a frame whose last record has the seq_num ``last``."""
        return last + 1

    def trimmed_below(self, asked: int, own: int) -> int:
        """Return the seq_num below which a trim command at ``own`` removes the records, if it asks for ``asked``."""
        return min(asked, own + 1)

    def trim_recovered(self, below: int) -> int:
        """Return the seq_num below which recovery removes the records after it has read such a trim command."""
        return below

    def token_recovered(self, before: str, fence: str) -> str:
        """Return the token in force after recovery has read a fence command from the journal."""
        return fence


class Sequencer(Protocol):
    """A stream as :class:`ServiceRules` sees it. Its methods are synchronous, so each is one atomic step."""

    name: str

    def test(self, batch: Append) -> None:
        """Test the conditions and do nothing else. Raise StateMismatch if one does not hold."""

    def append_unchecked(self, batch: Append) -> Ack:
        """Apply the batch and submit it to the journal, without testing its conditions."""

    def append(self, batch: Append) -> Ack:
        """Test the conditions, apply the batch and submit it to the journal, in one step."""


class ServiceRules:
    """The decisions around a stream: what is atomic, and what the answer is."""

    async def append(self, stream: Sequencer, batch: Append) -> Ack:
        """Sequence a batch and return its ack. Code without an await in between is one critical section."""
        return stream.append(batch)

    def answer(self, ack: Ack) -> Ack:
        """Return the answer to a durable append, or raise a refusal instead."""
        return ack

    async def after_failure(self, stream: Sequencer, batches: AsyncIterator[Append]) -> None:
        """Do whatever is done with the later ``batches`` of an append session after its first failure: nothing."""

    def session_acks(self, acks: list[Ack]) -> list[Ack]:
        """Return the acks that an append session sends together, in their order."""
        return acks


class StorageRules:
    """The decisions of the journal: when an entry counts as durable, and what recovery keeps."""

    acknowledge_when_submitted: bool = False
    """Whether an entry counts as durable before it has been written."""

    hold_back: float = 0.0
    """Seconds that submitted entries stay in the process before they are written."""

    def survivors(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Yield the frames of the last segment that recovery keeps. The file is cut after the last of them."""
        return frames


@dataclass(frozen=True, slots=True)
class Rules:
    """All decisions of one server."""

    stream: type[StreamRules] = StreamRules
    service: type[ServiceRules] = ServiceRules
    storage: type[StorageRules] = StorageRules
