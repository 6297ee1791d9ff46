"""The stream behind random histories: the reference server's, but it forgets records one by one, and may be absent.

Conditions, positions and timestamps are the reference server's. What reads find is written here, since the server
forgets everything below a trim point at once.
"""

from __future__ import annotations

from random import Random
from typing import Final

from fencepost.harness.s2 import Append, Position, Read, Record
from fencepost.harness.server.errors import StateMismatch
from fencepost.harness.server.stream import Stream
from fencepost.testing.operations import Ack, Answer, Rec, Refused, Seen, TailMismatch, TokenMismatch

TERMINAL: Final = 2**64 - 1
"""The trim that deletes a stream."""


class ForgetfulStream:
    """A stream whose reads have no implicit limits.

    ``records`` are all that there have been, ``gone`` the positions of those that were forgotten, ``tails`` all that it
    has had. It may forget what is below the trim point or its ``first_tail`` (that of the history), and everything if
    records ``expire``. ``exists``: requests find it.
    """

    def __init__(self, expire: bool = False) -> None:
        self.server = Stream()
        self.records: list[Seen] = []
        self.gone: set[int] = set()
        self.tails = [0]
        self.first_tail = 0
        self.exists = True
        self._expire = expire

    @property
    def tail(self) -> Position:
        """The seq_num of the next record, and the timestamp of the last."""
        return self.server.durable

    @property
    def deleted(self) -> bool:
        """Whether its deletion has begun: somebody wrote the terminal trim."""
        return any(one.rec.trim == TERMINAL for one in self.records)

    def append(self, records: tuple[Rec, ...], match: int | None, token: str | None, arrival: int) -> Answer:
        """Apply a batch, or refuse it."""
        contents = [rec.content for rec in records]
        batch = tuple(
            Record(content.body, content.headers, rec.timestamp) for rec, content in zip(records, contents, strict=True)
        )
        try:
            sequenced = self.server.append(Append(batch, match, token), arrival)
        except StateMismatch as failure:
            body = failure.body
            if "seq_num_mismatch" in body:
                return TailMismatch(int(body["seq_num_mismatch"]))
            return TokenMismatch(str(body["fencing_token_mismatch"]))
        ack = sequenced.ack
        self.server.settle(ack.end)
        self.tails.append(ack.end.seq_num)
        stored = zip(sequenced.records, records, strict=True)
        self.records += [Seen(one.seq_num, one.timestamp, rec) for one, rec in stored]
        return Ack(*((at.seq_num, at.timestamp) for at in (ack.start, ack.end, ack.tail)))

    def forget(self, random: Random) -> None:
        """Forget some of what may be forgotten: one record, or a prefix."""
        end = len(self.records) if self._expire else max(self.server.trim_point, self.first_tail)
        may = [seq_num for seq_num in range(end) if seq_num not in self.gone]
        if may:
            some = (
                [random.choice(may)],
                may[: random.randint(1, len(may))],
                random.sample(may, random.randint(1, len(may))),
            )
            self.gone.update(random.choice(some))

    def absence(self, random: Random) -> Refused:
        """How a request is answered while it does not exist."""
        found = [("stream_not_found", 404), ("stream_not_found", 404), ("basin_not_found", 404)]
        if self.records:
            found += [("stream_deletion_pending", 409), ("basin_deletion_pending", 409)]
        return Refused(*random.choice(found))

    def start(self, query: Read, follows: bool) -> int | None:
        """Where a read starts; None where it is refused as a 416."""
        tail = len(self.records)
        if query.timestamp is not None:
            late = (one.seq_num for one in self._present(0) if one.timestamp >= (query.timestamp or 0))
            start = next(late, tail + 1)
        elif query.seq_num is not None:
            start = query.seq_num
        else:
            start = max(0, tail - (query.tail_offset or 0))
        start = min(start, tail) if query.clamp else start
        return None if start > tail or (start == tail and not follows) else start

    def page(self, start: int, query: Read) -> tuple[Seen, ...]:
        """The records from ``start`` on that are there and within the query's bounds."""
        found: list[Seen] = []
        room = query.bytes
        for one in self._present(start):
            if query.count is not None and len(found) >= query.count:
                break
            if query.until is not None and one.timestamp >= query.until:
                break
            room = None if room is None else room - one.rec.metered
            if room is not None and room < 0:
                break
            found.append(one)
        return tuple(found)

    def _present(self, start: int) -> list[Seen]:
        return [one for one in self.records[start:] if one.seq_num not in self.gone]
