"""The decisions of the server, each in one method, so that a seeded bug can take one of them wrongly.

These classes are the correct server: the state machine, the journal and the service ask them wherever it matters,
with or without bugs. A bug is a subclass that overrides the method at its seam; several bugs are combined by
inheriting from all of them, so an override calls ``super()`` unless not asking is the bug.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..s2 import Ack, Append, Position, Record, SequencedRecord

if TYPE_CHECKING:
    from .storage import Frame
    from .stream import Stream


class StreamRules:
    """The decisions of one stream. Each stream has an instance of its own, made anew at every start of the server."""

    def token_in_force(self, stream: Stream, batch: Append, now: int) -> str:
        """The token that a batch which gave one is tested against, at ``now`` (ms)."""
        return stream.fencing_token

    def token_matches(self, given: str, current: str) -> bool:
        """Whether an append that gave ``given`` passes."""
        return given == current

    def token_reported(self, current: str) -> str:
        """The token that a refusal names."""
        return current

    def seq_num_to_match(self, stream: Stream) -> int:
        """The seq_num with which a ``match_seq_num`` is compared."""
        return stream.next_seq_num

    def seq_num_matches(self, given: int, stream: Stream) -> bool:
        """Whether an append that gave ``match_seq_num`` passes."""
        return given == self.seq_num_to_match(stream)

    def seq_num_reported(self, next_seq_num: int) -> int:
        """The seq_num that a refusal names."""
        return next_seq_num

    def timestamp(self, wanted: int, newest: int) -> int:
        """The timestamp (ms) of a record that should have ``wanted``, after one that has ``newest``."""
        return max(wanted, newest)

    def stored(self, record: Record) -> Record:
        """The record as it is kept."""
        return record

    def acknowledged(self, ack: Ack) -> Ack:
        """The positions that a client is told."""
        return ack

    def tail_for_check(self, durable: Position, now: int) -> Position:
        """The tail that a check-tail answers at ``now`` (ms)."""
        return durable

    def tail_for_read(self, durable: Position, now: int) -> Position:
        """The tail up to which a read sees at ``now`` (ms)."""
        return durable

    def returned(self, records: list[SequencedRecord]) -> list[SequencedRecord]:
        """What a read returns of the records that it found."""
        return records

    def token_recovered(self, before: str, fence: str) -> str:
        """The token after recovery met a fence command in the journal."""
        return fence


class Sequencer(Protocol):
    """A stream as :class:`ServiceRules` sees it. Its methods are synchronous: nothing comes between."""

    def test(self, batch: Append) -> None:
        """Test the conditions alone. Raises ConditionFailed."""

    def append_unchecked(self, batch: Append) -> Ack:
        """Apply the batch and hand it to the journal, without testing its conditions."""

    def append(self, batch: Append) -> Ack:
        """Test, apply and hand over, in one step."""


class ServiceRules:
    """The decisions around a stream: what is one step, and what is answered after it."""

    async def append(self, stream: Sequencer, batch: Append) -> Ack:
        """Sequence a batch. The critical section is what happens without an await."""
        return stream.append(batch)

    def answer(self, ack: Ack) -> Ack:
        """The answer to an append that is durable. May raise instead."""
        return ack


class StorageRules:
    """The decisions of the journal: when an entry counts as durable, and what recovery keeps."""

    acknowledge_when_submitted: bool = False
    """Whether an entry counts as durable before it was handed to the file."""

    hold_back: float = 0.0
    """How long (s) submitted entries stay in the process before they are written."""

    def survivors(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The frames of the journal that recovery keeps; the file is cut after the last of them."""
        return frames


@dataclass(frozen=True, slots=True)
class Rules:
    """All decisions of a server."""

    stream: type[StreamRules] = StreamRules
    service: type[ServiceRules] = ServiceRules
    storage: type[StorageRules] = StorageRules
