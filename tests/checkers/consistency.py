"""What of a history does not depend on the order of its operations: what its answers say against each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fencepost.testing.operations import Ack, Batch, Op, Part, Seen, Tail, Unsatisfiable, Whole
from tests.checkers.points import follows

LATEST = 2**62
"""The timestamp of a record of which nobody knows anything."""


def timestamps(ops: Iterable[Op]) -> dict[int, int] | None:
    """The timestamp (ms) that answers tell of each position; None where they contradict each other or decrease."""
    told: dict[int, set[int]] = {}
    for op in ops:
        for seq_num, timestamp in _told(op):
            if seq_num >= 0:
                told.setdefault(seq_num, set()).add(timestamp)
    known = {seq_num: min(told_times) for seq_num, told_times in sorted(told.items())}
    if any(len(told_times) > 1 for told_times in told.values()) or list(known.values()) != sorted(known.values()):
        return None
    return known


def _told(op: Op) -> Iterator[tuple[int, int]]:
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


def latest(known: dict[int, int], seq_num: int) -> int:
    """The latest timestamp that the record at a position can have."""
    return next((timestamp for other, timestamp in known.items() if other >= seq_num), LATEST)


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


def resurrected(ops: Sequence[Op]) -> bool:
    """Whether a record was seen to be gone, and later returned. Only what came before in time counts, or in process."""
    for index, op in enumerate(ops):
        for gone, time in _gone(op):
            for place, other in enumerate(ops):
                after = other.process == op.process and place > index
                later = set[int]()
                if other.invoked > time or after:
                    later = {one.seq_num for one in _returned(other)}
                    later |= set(range(other.answer.tail[0])) if isinstance(other.answer, Whole) else set()
                if gone & later:
                    return True
    return False


def _gone(op: Op) -> Iterator[tuple[set[int], float]]:
    """What each part of an answer left out before and between its records, and when that was known."""
    start = op.read.seq_num
    rest = [(op.answer.seen, op.returned)] if isinstance(op.answer, Batch) else []
    for seen, time in (*((part.seen, part.time) for part in op.parts), *rest):
        if seen:
            present = {one.seq_num for one in seen}
            first = start if start is not None else min(present)
            yield set(range(first, max(present))) - present, time
            start = seen[-1].seq_num + 1


def goes_back(ops: Iterable[Op]) -> bool:
    """Whether what one read says of the tail is less than what it had said, or returned, before."""
    for op in ops:
        least = 0
        rest = [Part(0, op.answer.seen, op.answer.tail)] if isinstance(op.answer, Batch) and follows(op) else []
        for part in (*op.parts, *rest):
            if part.tail is not None:
                if part.tail[0] < least:
                    return True
                least = part.tail[0]
            least = max(least, part.seen[-1].seq_num + 1) if part.seen else least
    return False
