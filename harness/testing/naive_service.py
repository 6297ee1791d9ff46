"""A stream service in memory, for tests of workloads. It is correct, or has one planted bug.

It implements conditions, fences, tails and bounded reads, but no HTTP, disks or time-outs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from fencepost.harness.client.outcome import Definite, Ok, Outcome
from fencepost.harness.s2 import (
    Ack,
    Answer,
    Append,
    Batch,
    Call,
    CheckTail,
    Fence,
    Position,
    Read,
    Record,
    SequencedRecord,
    Tail,
    command_of,
    metered_size,
)

T = TypeVar("T")


@dataclass
class NaiveStream:
    """A stream. ``tails`` and ``tokens`` hold a (time, value) pair for every change, latest last."""

    records: list[SequencedRecord] = field(default_factory=list)
    tails: list[tuple[int, int]] = field(default_factory=lambda: [(-1, 0)])
    tokens: list[tuple[int, str]] = field(default_factory=lambda: [(-1, "")])

    @property
    def token(self) -> str:
        """The fencing token in force."""
        return self.tokens[-1][1]


def _as_of(changes: list[tuple[int, T]], time: int) -> T:
    return next((value for at, value in reversed(changes) if at <= time), changes[0][1])


class NaiveService:
    """A service that answers calls at given moments. ``wrong`` are the calls that it answered incorrectly.

    ``bug`` names a planted bug, if any. ``lag`` (ns) is the age of a stale cache's entries, and the time between check
    and append in a race.
    """

    def __init__(self, bug: str | None = None, lag: int = 1_000_000) -> None:
        self.bug = bug
        self.lag = lag
        self.streams: dict[str, NaiveStream] = {}
        self.wrong: list[Call[Answer]] = []

    def apply(self, stream_name: str, call: Call[Answer], time: int) -> Outcome[Answer]:
        """Return the answer to a call at the moment ``time`` (ns). Make calls in the order of their times."""
        stream = self.streams.setdefault(stream_name, NaiveStream())
        if isinstance(call, Append):
            return self._append(stream, call, time)
        tail = len(stream.records)
        if isinstance(call, CheckTail):
            seen = _as_of(stream.tails, time - self.lag) if self.bug == "stale-tail-cache" else tail
            if seen != tail:
                self.wrong.append(call)
            return Ok(Tail(Position(seen, time // 1_000_000)))
        assert isinstance(call, Read)
        return self._read(stream, call)

    def _append(self, stream: NaiveStream, call: Append, time: int) -> Outcome[Answer]:
        tail = len(stream.records)
        truth = self._refusal(call, tail, stream.token)
        believed = self._believed(stream, call, time)
        if (truth is None) != (believed is None):
            self.wrong.append(call)
        if believed is not None:
            return believed
        return Ok(self._store(stream, call.records, time))

    def _refusal(self, call: Append, tail: int, token: str) -> Definite | None:
        if call.fencing_token is not None and call.fencing_token != token:
            return Definite("fencing_token_mismatch", 412, {"fencing_token_mismatch": token})
        if call.match_seq_num is not None and call.match_seq_num != tail:
            return Definite("seq_num_mismatch", 412, {"seq_num_mismatch": tail})
        return None

    def _believed(self, stream: NaiveStream, call: Append, time: int) -> Definite | None:
        """Return the refusal that the planted bug gives, or None if it accepts the append."""
        tail, token, given = len(stream.records), stream.token, call.fencing_token
        match self.bug:
            case "stale-fence-cache":
                return self._refusal(call, tail, _as_of(stream.tokens, time - self.lag))
            case "check-then-append-race":
                before = time - self.lag
                return self._refusal(call, _as_of(stream.tails, before), _as_of(stream.tokens, before))
            case "token-prefix-match" if given and token.startswith(given):
                return self._refusal(Append(call.records, call.match_seq_num), tail, token)
            case "token-extension-match" if given and token and given.startswith(token):
                return self._refusal(Append(call.records, call.match_seq_num), tail, token)
            case "empty-token-matches-any" if given == "":
                return self._refusal(Append(call.records, call.match_seq_num), tail, token)
            case "match-accepts-one-less" if call.match_seq_num == tail - 1:
                return self._refusal(Append(call.records, None, given), tail, token)
            case "match-accepts-one-more" if call.match_seq_num == tail + 1:
                return self._refusal(Append(call.records, None, given), tail, token)
            case _:
                return self._refusal(call, tail, token)

    def _store(self, stream: NaiveStream, records: tuple[Record, ...], time: int) -> Ack:
        start = len(stream.records)
        milliseconds = time // 1_000_000
        for offset, record in enumerate(records):
            stream.records.append(SequencedRecord(start + offset, milliseconds, record.headers, record.body))
            if isinstance(command := command_of(record), Fence):
                stream.tokens.append((time, command.token))
        end = Position(len(stream.records), milliseconds)
        stream.tails.append((time, end.seq_num))
        return Ack(Position(start, milliseconds), end, end)

    def _read(self, stream: NaiveStream, call: Read) -> Outcome[Answer]:
        tail = len(stream.records)
        position = Position(tail, stream.records[-1].timestamp if tail else 0)
        start = tail if call.seq_num is None else call.seq_num
        if call.tail_offset is not None:
            start = max(0, tail - call.tail_offset)
        if start >= tail:
            return Definite("range_not_satisfiable", 416, {"tail": {"seq_num": tail, "timestamp": position.timestamp}})
        found: list[SequencedRecord] = []
        size = 0
        for record in stream.records[start : start + min(1000, call.count if call.count is not None else 1000)]:
            size += metered_size(record)
            if size > min(1 << 20, call.bytes if call.bytes is not None else 1 << 20):
                break
            if call.until is not None and record.timestamp >= call.until:
                break
            found.append(record)
        return Ok(Batch(tuple(found)))
