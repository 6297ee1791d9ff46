"""What of a history does not depend on the order of its operations: what its answers say against each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from fencepost.testing.operations import (
    Ack,
    Batch,
    Op,
    Part,
    Position,
    Refused,
    Seen,
    Tail,
    TailMismatch,
    TokenMismatch,
    Unsatisfiable,
    Whole,
)
from tests.checkers import model
from tests.checkers.points import follows

LATEST: Final = 2**64
"""Later than any timestamp that a query can name."""
TERMINAL: Final = 2**63
"""A trim record that asks for so much, or more, deletes the stream."""


def timestamps(ops: Iterable[Op]) -> dict[int, int] | None:
    """The timestamp (ms) that answers tell of each position; None where they contradict each other or decrease."""
    told: dict[int, set[int]] = {}
    for op in ops:
        for seq_num, timestamp in _told(op):
            if seq_num >= 0 and timestamp is not None:
                told.setdefault(seq_num, set()).add(timestamp)
    known = {seq_num: min(told_times) for seq_num, told_times in sorted(told.items())}
    if any(len(told_times) > 1 for told_times in told.values()) or list(known.values()) != sorted(known.values()):
        return None
    return known


def _told(op: Op) -> Iterator[Position]:
    match op.answer:
        case Ack(start, end, tail):
            yield start
            yield end[0] - 1, end[1]
            yield tail[0] - 1, tail[1]
        case Tail(tail) | Unsatisfiable(tail) | Whole(tail):
            yield tail[0] - 1, tail[1]
        case _:
            pass
    yield from ((one.seq_num, one.timestamp) for one in _returned(op))


def _returned(op: Op) -> list[Seen]:
    """Every record that a read returned."""
    rest = op.answer.seen if isinstance(op.answer, Batch) else ()
    return [one for seen in (*(part.seen for part in op.parts), rest) for one in seen]


def times(known: dict[int, int], positions: int) -> model.Times:
    """What the timestamps that answers tell leave open of the first so many positions."""
    earliest, latest = [0] * positions, [LATEST] * positions
    for seq_num in range(positions):
        earliest[seq_num] = known.get(seq_num, earliest[seq_num - 1] if seq_num else 0)
    after = min((time for seq_num, time in known.items() if seq_num >= positions), default=LATEST)
    for seq_num in reversed(range(positions)):
        after = latest[seq_num] = known.get(seq_num, after)
    return model.Times(tuple(earliest), tuple(latest))


def contents_before(ops: Iterable[Op], tail: int, unique: bool) -> dict[int, tuple[int, int]] | None:
    """Digest and size of what lay below the first tail, as far as it was read; None if it is not of one piece."""
    ops = list(ops)
    sent = {rec.digest for op in ops for rec in op.records if rec.fence is None and rec.trim is None}
    found: dict[int, tuple[int, int]] = {}
    for op in ops:
        for one in _returned(op):
            content = one.rec.digest, one.rec.metered
            if one.seq_num >= tail:
                continue
            if found.setdefault(one.seq_num, content) != content or (unique and one.rec.digest in sent):
                return None
    return found


def is_deleted(ops: Iterable[Op]) -> bool:
    """Whether the stream's deletion is in the history: a trim of everything that may have been applied, or was read."""
    failures = TailMismatch | TokenMismatch | Refused
    ops = list(ops)
    recs = [rec for op in ops if not isinstance(op.answer, failures) for rec in op.records]
    recs += [one.rec for op in ops for one in _returned(op)]
    return any(rec.trim is not None and rec.trim >= TERMINAL for rec in recs)


def goes_back(ops: Iterable[Op]) -> bool:
    """Whether what one read says of the tail is less than what it had said, or returned, before."""
    for op in filter(follows, ops):
        least = 0
        rest = [Part(0, op.answer.seen, op.answer.tail)] if isinstance(op.answer, Batch) else []
        for part in (*op.parts, *rest):
            if part.tail is not None:
                if part.tail[0] < least:
                    return True
                least = part.tail[0]
            least = max(least, part.seen[-1].seq_num + 1) if part.seen else least
    return False
