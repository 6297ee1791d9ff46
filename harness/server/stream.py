"""The state machine of one stream: no I/O, no clock, no event loop.

A batch is sequenced at once in the *next assignable* state, and becomes visible in the *durable* state when the owner
of the stream calls :meth:`Stream.settle`. Conditions are tested against the next assignable state. Reads and tails show
only the durable state. The time of arrival (ms) is an argument wherever it matters.

An append costs O(size of its batch), a read O(log n + records returned), and a trim amortised O(1) per record.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, NamedTuple

from ..s2 import Ack, Append, Command, Fence, Position, Read, Record, SequencedRecord, Trim, command_of, metered_size
from ..s2.errors import FENCING_TOKEN_MISMATCH, RANGE_NOT_SATISFIABLE, SEQ_NUM_MISMATCH
from ..s2.limits import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, U64_MAX
from .commands import Metered, check_read, commands_of
from .entries import StreamState
from .errors import StateMismatch, invalid
from .rules import StreamRules
from .values import StreamConfig, TimestampingMode

_COMPACT_AFTER: Final = 1024
_TERMINAL: Final = Record.trim(U64_MAX)
_timestamp = attrgetter("timestamp")


class Sequenced(NamedTuple):
    """A sequenced batch: its records as the stream stores them, and the ack to return once they are durable."""

    records: tuple[SequencedRecord, ...]
    ack: Ack


@dataclass(frozen=True, slots=True)
class Page:
    """The records found by one step of a read.

    ``bounded`` says that the page is empty because of a limit. Any other empty page has reached the tail. ``size`` is
    the metered size of the records (bytes).
    """

    records: tuple[SequencedRecord, ...]
    bounded: bool
    size: int


class Stream:
    """One incarnation of a stream.

    ``next_seq_num``, ``newest_timestamp`` and ``fencing_token`` are the next assignable state. ``durable`` is the tail
    that reads may show. Records below the seq_num ``trim_point`` may not be shown any more. ``newest_arrival`` is when
    the last append arrived (ms), or 0 if there has been none. ``metered`` returns the metered size of a record (bytes).
    """

    def __init__(
        self, config: StreamConfig | None = None, rules: StreamRules | None = None, metered: Metered = metered_size
    ) -> None:
        self.config = config or StreamConfig()
        self.rules = rules or StreamRules()
        self._metered = metered
        self.next_seq_num = 0
        self.newest_timestamp = 0
        self.fencing_token = ""
        self.durable = Position(0, 0)
        self.trim_point = 0
        self.newest_arrival = 0
        self._expiring = 0  # the trim point that an expiry will set once it is durable
        self._arrivals: deque[tuple[int, int]] = deque()  # (arrival, end of the records that arrived then), in order
        self._records: list[SequencedRecord] = []
        self._first = 0  # the seq_num of _records[0]
        self._unsettled_trims: deque[tuple[int, int]] = deque()  # (seq_num of the command, trim point that it sets)
        self._unsettled_fences: deque[tuple[int, str]] = deque()  # (seq_num of the command, its token)
        self._durable_token = ""

    # -- appending

    def append(self, batch: Append, arrival: int) -> Sequenced:
        """Test the conditions, apply the batch and return it sequenced, in one step.

        Raise ServiceError ``invalid`` or StateMismatch without having changed anything.
        """
        commands = commands_of(batch, self._metered)
        self.test(batch, arrival)
        return self._apply(batch, commands, arrival)

    def append_unchecked(self, batch: Append, arrival: int) -> Sequenced:
        """Apply the batch without testing its conditions, and return it sequenced. Raise ServiceError ``invalid``."""
        return self._apply(batch, commands_of(batch, self._metered), arrival)

    def test(self, batch: Append, arrival: int) -> None:
        """Test the conditions, token first. Raise StateMismatch, which reveals the next assignable state."""
        given = batch.fencing_token
        if given is not None:
            current = self.rules.token_in_force(self, batch, arrival)
            if not self.rules.token_matches(given, current):
                raise StateMismatch(FENCING_TOKEN_MISMATCH, self.rules.token_reported(current))
        match = batch.match_seq_num
        if match is not None and not self.rules.seq_num_matches(match, self):
            raise StateMismatch(SEQ_NUM_MISMATCH, self.rules.seq_num_reported(self.next_seq_num))

    def _apply(self, batch: Append, commands: Sequence[tuple[int, Command]], arrival: int) -> Sequenced:
        timestamps = self._timestamps(batch, arrival)
        first = self.next_seq_num
        records = []
        for index, (record, timestamp) in enumerate(zip(batch.records, timestamps, strict=True)):
            kept = self.rules.stored(record)
            records.append(SequencedRecord(first + index, timestamp, kept.headers, kept.body))
        for index, command in commands:
            match command:
                case Fence(token):
                    self.fencing_token = token
                    self._unsettled_fences.append((first + index, token))
                case Trim(seq_num):
                    own = first + index
                    self._unsettled_trims.append((own, self.rules.trimmed_below(seq_num, own)))
        self._records += records
        self.next_seq_num = first + len(records)
        self.newest_timestamp = timestamps[-1]
        self._arrive(arrival)
        end = Position(self.next_seq_num, self.newest_timestamp)
        return Sequenced(tuple(records), Ack(Position(first, timestamps[0]), end, end))

    def _timestamps(self, batch: Append, arrival: int) -> list[int]:
        mode = self.config.timestamping_mode or TimestampingMode.CLIENT_PREFER
        newest = self.newest_timestamp
        timestamps = []
        for index, record in enumerate(batch.records):
            wanted = None if mode is TimestampingMode.ARRIVAL else record.timestamp
            if wanted is None:
                if mode is TimestampingMode.CLIENT_REQUIRE:
                    raise invalid(f"record {index} has no timestamp, but the stream requires the client to give one")
                wanted = arrival
            elif wanted > arrival and not self.config.timestamping_uncapped:
                wanted = arrival
            newest = self.rules.timestamp(wanted, newest)
            timestamps.append(newest)
        return timestamps

    def settle(self, end: Position) -> None:
        """Make the durable records below ``end``, the end of a batch, visible, and let their trims take effect.

        Batches become durable in order.
        """
        self.durable = end
        while self._unsettled_trims and self._unsettled_trims[0][0] < end.seq_num:
            _, below = self._unsettled_trims.popleft()
            self._trim(below)
        while self._unsettled_fences and self._unsettled_fences[0][0] < end.seq_num:
            _, self._durable_token = self._unsettled_fences.popleft()

    def roll_back(self) -> None:
        """Undo all batches and expiries that are not durable."""
        self.next_seq_num, self.newest_timestamp = self.durable.seq_num, self.durable.timestamp
        self.fencing_token = self._durable_token
        self._unsettled_trims.clear()
        self._unsettled_fences.clear()
        self._expiring = self.trim_point
        del self._records[self.next_seq_num - self._first :]
        while self._arrivals and self._arrivals[-1][1] > self.next_seq_num:
            arrival, _ = self._arrivals.pop()
            begin = self._arrivals[-1][1] if self._arrivals else self.trim_point
            if begin < self.next_seq_num:
                self._arrivals.append((arrival, self.next_seq_num))

    def _arrive(self, arrival: int) -> None:
        self.newest_arrival = arrival
        arrivals = self._arrivals
        if arrivals and arrivals[-1][0] == arrival:
            arrivals[-1] = (arrival, self.next_seq_num)
        else:
            arrivals.append((arrival, self.next_seq_num))

    def _trim(self, below: int) -> None:
        self.trim_point = max(self.trim_point, below)
        while self._arrivals and self._arrivals[0][1] <= self.trim_point:
            self._arrivals.popleft()
        trimmed = self.trim_point - self._first
        # Removing a prefix of a list copies the rest. Waiting until the rest is the shorter part makes trims O(1).
        if trimmed > _COMPACT_AFTER and 2 * trimmed > len(self._records):
            del self._records[:trimmed]
            self._first = self.trim_point

    # -- retention and the end

    def expired(self, now: int) -> int | None:
        """Return the seq_num below which durable records are past their retention at ``now`` (ms), if there are any.

        The age of a record counts from its arrival. A record expires only after all records before it, so that no
        clock that jumps makes a hole. Expiries that :meth:`expire_later` announced are not returned again.
        """
        age = self.config.retention.age if self.config.retention is not None else None
        if age is None or not self._arrivals or self._arrivals[0][0] + age * 1000 > now:
            return None
        below = 0
        for arrival, end in self._arrivals:
            if arrival + age * 1000 > now or end > self.durable.seq_num:
                break
            below = end
        return below if below > max(self._expiring, self.trim_point) else None

    def expire_later(self, below: int) -> None:
        """Note that records below a seq_num will be gone once :meth:`expire` says that this is durable."""
        self._expiring = below

    def expire(self, below: int) -> None:
        """Let durable records below a seq_num be gone for good. Raise ValueError if there are none so far."""
        if below > self.durable.seq_num:
            raise ValueError(f"records below {below} cannot have expired: the tail is {self.durable.seq_num}")
        self._trim(below)

    def is_abandoned(self, created_at: int, now: int) -> bool:
        """Return whether delete-on-empty applies at ``now`` (ms) to this stream, which was made at ``created_at``.

        The stream must be empty, with nothing on its way to the disk.
        """
        age = self.config.delete_on_empty_min_age
        if not age or self.trim_point < self.next_seq_num:
            return False
        return max(created_at, self.newest_arrival) + age * 1000 <= now

    def terminate(self, arrival: int) -> Position:
        """Append the terminal trim record of a deleted stream, and return its end.

        It trims nothing here, so that readers still get to it.
        """
        timestamp = self.rules.timestamp(arrival, self.newest_timestamp)
        self._records.append(SequencedRecord(self.next_seq_num, timestamp, _TERMINAL.headers, _TERMINAL.body))
        self.next_seq_num += 1
        self.newest_timestamp = timestamp
        self._arrive(arrival)
        return Position(self.next_seq_num, timestamp)

    # -- recovery

    def state(self) -> StreamState:
        """Return the next assignable state in the form of a checkpoint."""
        trim_point = max([self.trim_point, self._expiring, *(below for _, below in self._unsettled_trims)])
        return StreamState(
            self.next_seq_num, self.newest_timestamp, self.fencing_token, trim_point, self.newest_arrival
        )

    def restore(self, state: StreamState) -> None:
        """Restore the state of a checkpoint. Records below its tail that recovery does not find must have been trimmed.

        Raise ValueError if the checkpoint contradicts earlier entries.
        """
        if state.next_seq_num < self.next_seq_num:
            raise ValueError(f"a checkpoint has the tail {state.next_seq_num}, but it was {self.next_seq_num} before")
        if state.next_seq_num > self.next_seq_num:
            self._records.clear()
            self._arrivals.clear()
            self._first = state.next_seq_num
        self.newest_arrival = state.newest_arrival
        self.next_seq_num, self.newest_timestamp = state.next_seq_num, state.newest_timestamp
        self.fencing_token = self.rules.token_recovered(self.fencing_token, state.fencing_token)
        self._durable_token = self.fencing_token
        self._trim(state.trim_point)
        self.settle(Position(self.next_seq_num, self.newest_timestamp))

    def check_complete(self) -> None:
        """Raise ValueError if recovery has not found all records that can be read."""
        if self._first > self.trim_point:
            raise ValueError(f"the records from {self.trim_point} to {self._first - 1} are missing")

    def recover(self, records: Sequence[SequencedRecord], arrival: int) -> None:
        """Append a batch from the journal, which arrived at ``arrival`` (ms).

        Raise ValueError if it is not the next one.
        """
        following = self.next_seq_num
        if not records:
            raise ValueError(f"a batch without records cannot follow a tail of {following}")
        for record in records:
            if record.seq_num != following:
                raise ValueError(
                    f"a batch with seq_num {record.seq_num} where {following} belongs cannot follow "
                    f"a tail of {self.next_seq_num}"
                )
            following += 1
            if record.headers:
                self._recover_command(record)
        self._records += records
        self.next_seq_num = following
        self.newest_timestamp = records[-1].timestamp
        self._arrive(arrival)
        self.settle(Position(following, self.newest_timestamp))

    def _recover_command(self, record: SequencedRecord) -> None:
        match command_of(record):
            case Fence(token):
                self.fencing_token = self.rules.token_recovered(self.fencing_token, token)
                self._durable_token = self.fencing_token
            case Trim(seq_num):
                below = self.rules.trimmed_below(seq_num, record.seq_num)
                self._unsettled_trims.append((record.seq_num, self.rules.trim_recovered(below)))

    # -- reading

    def tail(self, now: int) -> Position:
        """Return the tail that a check-tail returns at ``now`` (ms)."""
        return self.rules.tail_for_check(self.durable, now)

    def locate(self, query: Read, now: int, *, may_follow: bool = False) -> int:
        """Return the seq_num at which the read starts.

        Raise StateMismatch if the start is beyond the tail and not clamped, or at the tail of a read that may
        neither wait nor follow. Raise what :func:`~.commands.check_read` raises.
        """
        check_read(query)
        tail = self.rules.tail_for_read(self.durable, now)
        if query.seq_num is not None:
            start = query.seq_num
        elif query.timestamp is not None:
            beyond = query.timestamp > tail.timestamp
            start = tail.seq_num + 1 if beyond else self._at_timestamp(query.timestamp, tail)
        else:
            start = max(0, tail.seq_num - (query.tail_offset or 0))
        if start > tail.seq_num and query.clamp:
            start = tail.seq_num
        if start > tail.seq_num or (start == tail.seq_num and not (query.wait or may_follow)):
            raise StateMismatch(RANGE_NOT_SATISFIABLE, tail)
        return start

    def _at_timestamp(self, timestamp: int, tail: Position) -> int:
        low = max(0, self.trim_point - self._first)
        high = max(low, tail.seq_num - self._first)
        return min(self._first + bisect_left(self._records, timestamp, low, high, key=_timestamp), tail.seq_num)

    def page(self, start: int, query: Read, now: int) -> Page:
        """Return the durable records from ``start`` on, within the query's bounds and the implicit ones.

        Trimmed records are skipped. An empty page that is not ``bounded`` has reached the tail.
        """
        tail = self.rules.tail_for_read(self.durable, now).seq_num
        count = MAX_BATCH_RECORDS if query.count is None else min(query.count, MAX_BATCH_RECORDS)
        limit = room = MAX_BATCH_BYTES if query.bytes is None else min(query.bytes, MAX_BATCH_BYTES)
        low = max(start, self.trim_point)
        bounded = low < tail or count == 0 or room == 0
        found: list[SequencedRecord] = []
        for record in self._records[low - self._first : max(low, min(tail, low + count)) - self._first]:
            size = self._metered(record)
            if size > room or (query.until is not None and record.timestamp >= query.until):
                break
            room -= size
            found.append(record)
        records = tuple(self.rules.returned(found))
        return Page(records, bounded and not records, limit - room)
