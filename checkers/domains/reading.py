"""What the answer to a read proves.

Records seen: the tail was past the last. Where the read does not wait it ends for a reason: at the tail, or
because the next record did not fit (count, bytes, the implicit 1000 records and 1 MiB, ``until``), or because
everything further may have been trimmed. The first record tells where it started, and so, for a start relative to
the tail, the tail itself.

Where no trim interferes all that is an interval, for all reads at once; where one may, the domain of the read is a
union of slots, made one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import FOREVER, NONE, Int64s
from fencepost.harness.s2.limits import MAX_BATCH_BYTES, MAX_BATCH_RECORDS

from ..chain.axis import ranges
from ..chain.chain import Chain
from ..chain.stream import among
from ..chain.ties import parts_of_answers
from ..chain.tokens import Slots
from ..chain.trims import NEVER, TrimPoints
from .domains import Part, Proof


@dataclass(frozen=True, slots=True)
class Answers:
    """Reads that were answered with a batch, rows ascending.

    ``first`` and ``after`` are the first seq_num returned and the one after the last (both the start, where that
    is a seq_num, for an empty answer; else NONE); ``room`` and ``places`` are the metered bytes and records that
    would still have fitted; ``start`` and ``offset`` are where it was to start, NONE where not so given;
    ``gap`` is the end of what it skipped, ``inner`` of what it skipped between its records, NONE where it skipped
    nothing. A session has no bounds but those that it gives. ``empty`` tells of an answer without any record that had
    one at its start nevertheless (else it would have been a 416); what is ``continued`` is the rest of an answer of
    which other parts came before, and may be nothing; ``detached`` are parts that say nothing of where the answer
    was to start: others came before, without any record, and the start was given by the tail. What is ``spanning`` does
    not wait, and yet its session began at one moment, where the tail told its start, and ended at another. Of both
    nothing is said here of where they started: it takes the search to see the two moments together. A first part is
    ``curbed`` if its read was not to follow: it cannot have begun at the tail.
    """

    row: Int64s
    count: Int64s
    first: Int64s
    after: Int64s
    room: Int64s
    places: Int64s
    start: Int64s
    offset: Int64s
    gap: Int64s
    inner: Int64s
    waits: NDArray[np.bool_]
    clamp: NDArray[np.bool_]
    continued: NDArray[np.bool_]
    detached: NDArray[np.bool_]
    spanning: NDArray[np.bool_]
    curbed: NDArray[np.bool_]

    @property
    def apart(self) -> bool:
        """Is any answer one whose start and end only the search sees together?"""
        return bool(self.detached.any() or self.spanning.any() or self.curbed.any())

    @property
    def empty(self) -> NDArray[np.bool_]:
        """See above."""
        empty: NDArray[np.bool_] = (self.count == 0) & ~self.continued
        return empty


def answers(chain: Chain) -> Answers:
    """The answers of all reads of a stream."""
    stream, reads = chain.stream, chain.stream.history.reads
    rows = stream.reads
    begin, end = reads.offset[rows], reads.offset[rows + 1]
    count, filled = end - begin, end > begin
    in_session = stream.history.session[rows] != NONE
    detached = _detached(chain)
    moving = ((reads.from_seq_num[rows] == NONE) & (reads.from_timestamp[rows] == NONE)) | reads.clamp[rows]
    spanning = in_session & moving & (reads.wait[rows] <= 0) & ~detached
    read = stream.history.part_of[rows]
    curbed = (read != NONE) & moving & (reads.wait[np.maximum(read, 0)] <= 0) & ~detached
    apart = detached | spanning
    start = np.where(apart, NONE, reads.from_seq_num[rows])
    first, after = start.copy(), start.copy()
    first[filled] = reads.seq_num[begin[filled]]
    after[filled] = reads.seq_num[end[filled] - 1] + 1
    total = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(reads.size, dtype=np.int64)))
    relative = (start == NONE) & (reads.from_timestamp[rows] == NONE) & ~apart
    inner = np.full(len(rows), NONE, dtype=np.int64)
    for row, high in _inner_gaps(chain).items():
        inner[np.searchsorted(rows, row)] = high
    gap = np.maximum(np.where(filled & (start != NONE) & (first > start), first, NONE), inner)
    return Answers(
        row=rows,
        count=count,
        first=first,
        after=after,
        room=_least(reads.bytes[rows], np.where(in_session, FOREVER, MAX_BATCH_BYTES)) - (total[end] - total[begin]),
        places=_least(reads.count[rows], np.where(in_session, FOREVER, MAX_BATCH_RECORDS)) - count,
        start=start,
        offset=np.where(relative, np.maximum(reads.tail_offset[rows], 0), NONE),
        gap=gap,
        inner=inner,
        waits=reads.wait[rows] > 0,
        clamp=reads.clamp[rows] & ~apart,
        continued=_continued(chain),
        detached=detached,
        spanning=spanning,
        curbed=curbed,
    )


def _detached(chain: Chain) -> NDArray[np.bool_]:
    """Which are later parts of an answer that starts relative to the tail, where nothing was returned before."""
    stream, reads = chain.stream, chain.stream.history.reads
    later = np.array([row for parts in parts_of_answers(stream) for row in parts[1:]], dtype=np.int64)
    relative = (reads.from_seq_num[later] == NONE) & (reads.from_timestamp[later] == NONE) | reads.clamp[later]
    return among(stream.history, stream.reads, later[relative].tolist())


def _continued(chain: Chain) -> NDArray[np.bool_]:
    """Which reads are the rest of an answer that had returned records before."""
    stream, history = chain.stream, chain.stream.history
    parts = stream.reads[history.part_of[stream.reads] != NONE]
    parts = parts[history.reads.offset[parts + 1] > history.reads.offset[parts]]
    return among(history, stream.reads, history.part_of[parts].tolist())


def _least(given: Int64s, implicit: Int64s) -> Int64s:
    return np.where(given == NONE, implicit, np.minimum(given, implicit))


def _inner_gaps(chain: Chain) -> dict[int, int]:
    """The end of the last jump inside an answer, by row."""
    source = chain.source
    same = source.read_row[1:] == source.read_row[:-1]
    jumps = np.flatnonzero(same & (source.read_position[1:] > source.read_position[:-1] + 1)) + 1
    return dict(zip(source.read_row[jumps].tolist(), source.read_position[jumps].tolist(), strict=True))


_CHUNK: Final = 256


class Reading:
    """The domains of the reads of a stream, given the trims."""

    def __init__(self, chain: Chain, found: Answers, trims: TrimPoints) -> None:
        self._chain = chain
        self._answers = found
        self._trims = trims
        # What lies in holes or past the end was sent, if it is there, by an append that was seen nowhere.
        self._unseen = _largest(chain, chain.unused)
        own = max(int(chain.contents.size.max(initial=0)), self._unseen)
        self._largest = MAX_BATCH_BYTES if chain.stream.tail else own
        self._latest = np.concatenate((latest_timestamps(chain), [FOREVER]))
        empty = found.empty & ~found.waits & (found.after != NONE)
        holds = self._would_hold(found.after)
        # Where a trim may reach beyond the answer's end, or its relative start, intervals do not say it all.
        reach = np.where((found.offset == NONE) | (found.first <= 0), found.after, found.first - 1)
        self._sound = (found.gap == NONE) | (found.gap <= trims.greatest)
        self._special = ~found.waits & (trims.greatest > reach) & (found.after != NONE) & self._sound
        # An answer without any record, where one at the start would have fitted and cannot have been trimmed.
        self._sound &= ~(empty & holds & ~self._special)
        self._stopped = ~holds
        self._torn = holds & ~found.waits & ~empty & ~self._special & ~self._is_boundary(found.after)

    @property
    def unexplained(self) -> Int64s:
        """Rows that left out what no trim can have removed. They have no domain."""
        rows: Int64s = self._answers.row[~self._sound]
        return rows

    @property
    def torn(self) -> Int64s:
        """Rows that ended inside a batch, without a reason."""
        rows: Int64s = self._answers.row[self._torn]
        return rows

    def _would_hold(self, position: Int64s) -> NDArray[np.bool_]:
        """Would each answer hold the record at ``position`` too, had it been there when it was given?"""
        found = self._answers
        until = self._chain.stream.history.reads.until[found.row]
        return (found.places > 0) & self._fits(position, found.room, until)

    def _fits(self, position: Int64s, room: Int64s | int, until: Int64s | int) -> NDArray[np.bool_]:
        """By size and time. A record of before the history has at most 1 MiB: no batch has more."""
        held = self._chain.contents
        at, known = held.axis.find(position)
        size = np.where(position < self._chain.stream.tail, MAX_BATCH_BYTES, self._unseen)
        if held.axis.size:
            size = np.where(known, held.size[at], size)
        latest = self._latest[held.axis.following(position)]
        fits: NDArray[np.bool_] = (size <= room) & ((until == NONE) | (latest < until))
        return fits

    def parts(self) -> list[Part]:
        """The domains that are intervals."""
        found, reads = self._answers, self._chain.stream.history.reads
        told = (found.after != NONE) & self._sound
        plain = told & ~found.waits & ~self._special
        lower = np.where(found.empty, found.after + 1, found.after)
        upper = np.where(self._stopped | found.empty, FOREVER, found.after)
        relative = plain & (found.offset != NONE)
        tail = found.first + found.offset
        lower = np.where(relative & (found.first > 0), np.maximum(lower, tail), lower)
        upper = np.where(relative, np.minimum(upper, tail), upper)
        lower = np.maximum(np.maximum(lower, self._skipped()), self._parts())
        waiting = told & found.waits & ~((found.count == 0) & found.clamp)
        lower = np.where(self._torn, lower, self._round(lower))
        bound = self._round(np.maximum(np.maximum(found.after, self._skipped()), self._begun()))
        followed = found.waits & (reads.tail[found.row] != NONE)
        own = reads.tail[found.row[followed]]
        return [
            Part(Proof.READ, found.row[plain], lower[plain], upper[plain]),
            Part(Proof.READ, found.row[waiting], bound[waiting], np.full(int(waiting.sum()), FOREVER)),
            Part(Proof.FOLLOWED, found.row[followed], own, np.full(int(followed.sum()), FOREVER)),
            *self._starts(),
        ]

    def _parts(self) -> Int64s:
        """What the parts of each answer prove that came before its rest."""
        found, history = self._answers, self._chain.stream.history
        read = history.part_of[found.row]
        bound = np.zeros(len(history) if (read != NONE).any() else 0, dtype=np.int64)
        if not len(bound):
            return np.zeros(len(found.row), dtype=np.int64)
        parts = read != NONE
        np.maximum.at(bound, read[parts], np.maximum(found.after, history.reads.tail[found.row])[parts])
        return bound[found.row]

    def _starts(self) -> list[Part]:
        """A read that waits starts at one moment and ends at another: its start tells the tail of the first."""
        found = self._answers
        relative = found.waits & (found.offset != NONE) & (found.count > 0)
        tail = found.first[relative] + found.offset[relative]
        free = (found.first[relative] == 0) | (found.first[relative] <= self._trims.greatest)
        clamped = found.waits & found.clamp & (found.count > 0) & (found.first < found.start)
        own = found.first[clamped]
        return [
            Part(Proof.READ_START, found.row[relative], np.where(free, 0, tail), tail),
            Part(Proof.READ_START, found.row[clamped], np.where(own <= self._trims.greatest, 0, own), own),
        ]

    def _begun(self) -> Int64s:
        """The least tail by which a read that waits can have begun as it did, if trims may have hidden where that was.

        It began at the tail that its first record tells, or what it left out before that had been trimmed.
        """
        found, trims = self._answers, self._trims
        clamped = found.clamp & (found.first < found.start)
        tail = np.where(found.offset != NONE, found.first + found.offset, found.first)
        least = np.zeros(len(found.row), dtype=np.int64)
        may_hide = found.waits & (found.count > 0) & (found.first > 0) & (found.first <= trims.greatest)
        for i in np.flatnonzero(may_hide & ((found.offset != NONE) | clamped)).tolist():
            at = int(tail[i]) if self._is_boundary(tail[i : i + 1])[0] else FOREVER
            least[i] = min(at, trims.reached(int(found.first[i])))
        return least

    def special(self) -> list[tuple[int, Slots]]:
        """Rows whose domain is a union, with its slots."""
        return [(int(self._answers.row[i]), self._slots(i)) for i in np.flatnonzero(self._special).tolist()]

    def _slots(self, i: int) -> Slots:
        found, trims = self._answers, self._trims
        after, first, offset = int(found.after[i]), int(found.first[i]), int(found.offset[i])
        least = after + 1 if found.empty[i] else after
        if found.gap[i] != NONE:
            least = max(least, trims.reached(int(found.gap[i])))
        pieces = [(low, high) for low, high in self._ends(i, after) if high >= low]
        if offset != NONE:
            tail = first + offset
            starts = [(0, tail)] if first == 0 else [(trims.reached(first), tail), (tail, tail)]
            pieces = [
                (max(low, a), min(high, b)) for low, high in pieces for a, b in starts if max(low, a) <= min(high, b)
            ]
        slots = Slots()
        for low, high in sorted(pieces):
            if max(low, least) <= high and (not slots.starts or high > slots.ends[-1]):
                slots.add(max(low, least), high, NONE, NONE)
        return slots

    def relative_empty(self, unseen: bool) -> list[tuple[int, Slots]]:
        """Empty answers to starts relative to the tail: the tails at which the record at the start did not fit.

        With ``unseen`` the tail may have been beyond all that is known, too. In a hole it may have been anywhere: this
        is for streams without.
        """
        found, chain = self._answers, self._chain
        empty = np.flatnonzero(~found.waits & (found.offset != NONE) & (found.count == 0))
        if not len(empty):
            return []
        tails = np.unique(np.concatenate((np.array([chain.stream.tail]), chain.batches.end)))
        domains = []
        for i in empty.tolist():
            slots = Slots()
            for tail in tails[tails > 0].tolist():
                start = max(0, tail - int(found.offset[i]))
                stop = self._stop(i, start)
                gone = self._trims.at(tail)
                if start < tail and (stop == start or gone >= min(stop, tail)):
                    slots.add(tail, tail, NONE, NONE)
            if unseen:
                slots.add(chain.end + 1, FOREVER, NONE, NONE)
            domains.append((int(found.row[i]), slots))
        return domains

    def _ends(self, i: int, after: int) -> list[tuple[int, int]]:
        """Tails at which the answer may end where it ends."""
        stop = self._stop(i, after)
        if stop == after:
            return [(after, FOREVER)]
        here = [(after, after)] if self._is_boundary(np.array([after]))[0] else []
        pieces = [*here, *self._trims.emptied(after, stop)]
        reached = self._trims.reached(stop)
        return pieces if reached == NEVER else [*pieces, (max(reached, after), FOREVER)]

    def _stop(self, i: int, after: int) -> int:
        """The first position from ``after`` on whose record would not have fitted, as far as a trim may reach."""
        found = self._answers
        if found.places[i] <= 0:
            return after
        last = max(self._trims.greatest, after)
        room, until = int(found.room[i]), int(self._chain.stream.history.reads.until[found.row[i]])
        low, width = after, _CHUNK
        while low <= last and (until != NONE or room < self._largest):
            positions = np.arange(low, min(low + width, last + 1))
            fits = self._fits(positions, room, until)
            if not fits.all():
                return int(positions[np.argmin(fits)])
            low, width = low + width, width * 2
        return last + 1

    def _skipped(self) -> Int64s:
        """The least tail at which all that an answer skipped may have been trimmed; 0 where nothing was."""
        least = np.zeros(len(self._answers.row), dtype=np.int64)
        for i in np.flatnonzero(self._answers.gap != NONE).tolist():
            least[i] = min(self._trims.reached(int(self._answers.gap[i])), FOREVER - 1)
        return least

    def _is_boundary(self, tails: Int64s) -> NDArray[np.bool_]:
        """Is it no tail inside a batch?"""
        boundary: NDArray[np.bool_] = self._round(tails) == tails
        return boundary

    def _round(self, tails: Int64s) -> Int64s:
        """A tail inside a batch was at the batch's end when it was passed: batches are applied at once."""
        batches = self._chain.batches
        at, inside = batches.containing(tails)
        if not len(batches.row):
            return tails
        return np.where(inside & (tails > batches.start[at]), batches.end[at], tails)


def _largest(chain: Chain, rows: Int64s) -> int:
    """The metered size of the largest record of some appends."""
    appends = chain.stream.history.appends
    lengths = appends.offset[rows + 1] - appends.offset[rows]
    return int(appends.size[ranges(appends.offset[rows], lengths)].max(initial=0))


def latest_timestamps(chain: Chain) -> Int64s:
    """For each index of the contents, the latest timestamp that its record can have; FOREVER if nothing bounds it."""
    timestamp = chain.contents.timestamp
    bound = np.where(timestamp == NONE, FOREVER, timestamp)
    known = timestamp[timestamp != NONE]
    if (known[1:] < known[:-1]).any():
        return bound  # they decrease, which is told elsewhere: each can speak for itself only
    return np.asarray(np.minimum.accumulate(bound[::-1])[::-1], dtype=np.int64)
