"""The chain: which appends took effect, and where.

Acknowledgements place their appends; reads place appends whose outcome nobody knows. What reads contradict is
sorted out here into facts (:class:`Facts`), which :mod:`.structure` then accuses: an acknowledged batch
whose place another took, a record that a failed append had sent, one that nobody had, a batch in pieces.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import NONE, Int64s, Kind
from fencepost.harness.s2.limits import MAX_BATCH_BYTES, MAX_BATCH_RECORDS

from .axis import distinct, union
from .contents import Contents, Sources, contents, extended, sources
from .frontier import raw_frontier
from .placement import Placement, Sighting, place
from .sent import senders, sent
from .stream import Stream, among
from .tokens import Tokens, fence_timeline


@dataclass(slots=True)
class Facts:
    """What reads and acknowledgements say against each other.

    ``lost``: acknowledged rows whose records were read to be others', with the positions. ``displaced``:
    acknowledged rows seen to begin elsewhere. ``torn``: rows, with their sighting. ``duplicates``,
    ``aborted``: row and start. ``garbage``: positions of records that nobody sent here; ``strangers`` maps
    such a position to the append to another stream that sent it.
    """

    lost: dict[int, list[int]] = field(default_factory=dict)
    displaced: dict[int, int] = field(default_factory=dict)
    torn: list[tuple[int, Sighting]] = field(default_factory=list)
    scattered: list[tuple[int, int]] = field(default_factory=list)
    duplicates: list[tuple[int, int]] = field(default_factory=list)
    aborted: list[tuple[int, int]] = field(default_factory=list)
    garbage: list[int] = field(default_factory=list)
    strangers: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batches:
    """Batches that took effect, ascending by start: append ``row`` at ``[start, end)``.

    ``legal`` is False for those that should not be there (a failed append's, a second copy).
    """

    row: Int64s
    start: Int64s
    end: Int64s
    legal: NDArray[np.bool_]

    def containing(self, positions: Int64s) -> tuple[Int64s, NDArray[np.bool_]]:
        """The index of the last batch that starts at or below each position, and whether it holds the position."""
        if not len(self.row):
            return np.zeros(len(positions), dtype=np.int64), np.zeros(len(positions), dtype=np.bool_)
        index = np.searchsorted(self.start, positions, side="right") - 1
        at = np.maximum(index, 0)
        return at, (index >= 0) & (self.end[at] > positions)


@dataclass(frozen=True, slots=True)
class Chain:
    """The chain of one stream. ``unused`` are appends of unknown outcome that were seen nowhere.

    ``placement`` tells where those of unknown outcome were seen, and how many ways there are to read that.
    ``covered`` are the starts and ends of the maximal intervals of positions whose writer or content is known.
    """

    stream: Stream
    source: Sources
    contents: Contents
    batches: Batches
    unused: Int64s
    facts: Facts
    placement: Placement
    covered: tuple[Int64s, Int64s]

    @property
    def end(self) -> int:
        """The end of all that is covered."""
        return int(self.covered[1][-1])

    def batch_of(self, row: int) -> tuple[int, int] | None:
        """Start and end of an append, if it has a place."""
        at = np.flatnonzero((self.batches.row == row) & self.batches.legal)
        return (int(self.batches.start[at[0]]), int(self.batches.end[at[0]])) if len(at) else None

    def starting_at(self, position: int) -> int:
        """The row of the append whose batch starts at a position; NONE if none does."""
        at = int(np.searchsorted(self.batches.start, position))
        if at < len(self.batches.row) and self.batches.start[at] == position:
            return int(self.batches.row[at])
        return NONE

    def holding(self, position: int) -> int:
        """The row of the append whose batch holds a position; NONE if none does."""
        at, inside = self.batches.containing(np.array([position]))
        return int(self.batches.row[at[0]]) if inside[0] else NONE


def build(stream: Stream, reading: int = 0) -> Chain:
    """The chain of a stream, from its acknowledgements and reads. ``reading``: see :func:`~.placement.place`."""
    source = sources(stream)
    held = contents(stream, source)
    facts = Facts()
    _contest(stream, source, held, facts)
    kept = source.acked[~among(stream.history, source.acked, facts.lost)]
    appends = stream.history.appends
    placement = _place_floating(stream, source, held, facts, kept, reading)
    _sort_out(stream, held, facts, placement)
    extra = _strays(stream, held, facts, placement)
    seen = {row: sighting.start for row, sighting in placement.placed.items() if row not in facts.lost}
    rows = [kept, np.array(list(seen), dtype=np.int64)]
    starts = [appends.start[kept], np.array(list(seen.values()), dtype=np.int64)]
    held = extended(stream, held, rows[1], starts[1])
    batches = _batches(stream, np.concatenate(rows), np.concatenate(starts), extra)
    unused = stream.floating[~among(stream.history, stream.floating, placement.placed)]
    return Chain(stream, source, held, batches, unused, facts, placement, _covered(stream, held, batches))


def _covered(stream: Stream, held: Contents, batches: Batches) -> tuple[Int64s, Int64s]:
    """The axis covers acknowledged batches as well; those that were seen in part reach beyond it no more."""
    initial, lost = np.array([stream.tail]), ~batches.legal
    return union(
        np.concatenate((np.zeros(1, dtype=np.int64), held.axis.starts, batches.start[lost])),
        np.concatenate((initial, held.axis.ends, batches.end[lost])),
    )


def _contest(stream: Stream, source: Sources, held: Contents, facts: Facts) -> None:
    """Acknowledged rows whose positions were read to hold records that somebody else sent are lost (for now).

    Where nobody sent what was read, the content was altered: the acknowledged append keeps the place.
    """
    digest = stream.history.appends.digest[source.acked_record]
    wrong = np.flatnonzero((held.digest[held.acked_at] != digest) & held.seen[held.acked_at])
    if not len(wrong):
        return
    found = held.digest[held.acked_at[wrong]]
    known = senders(stream.history, stream.rows[stream.history.kind[stream.rows] == Kind.APPEND], found)
    for at in wrong.tolist():
        index, row, position = held.acked_at[at], int(source.acked_row[at]), int(source.acked_position[at])
        if int(held.digest[index]) in known:
            facts.lost.setdefault(row, []).append(position)
        elif held.owner[index] == NONE:
            held.owner[index] = row
            facts.garbage.append(position)
    for row in facts.lost:
        start, end = int(stream.history.appends.start[row]), int(stream.history.appends.end[row])
        own, _ = held.axis.find(np.arange(start, end))
        own = own[held.owner[own] == row]
        # Its other records are as good as anybody's until a sighting claims them.
        held.owner[own[held.seen[own]]] = NONE


def _place_floating(
    stream: Stream, source: Sources, held: Contents, facts: Facts, kept: Int64s, reading: int
) -> Placement:
    unowned = np.flatnonzero(held.seen & (held.owner == NONE))
    unowned = unowned[held.axis.positions(unowned) >= stream.tail] if len(unowned) else unowned
    floating = np.sort(np.concatenate((stream.floating, source.impossible, np.array(list(facts.lost), dtype=np.int64))))
    if not len(unowned) or not len(floating):
        return Placement({})
    conditions = cache(lambda: _Conditions(stream, held, kept))
    return place(
        held,
        unowned,
        sent(stream.history, floating, held.digest[unowned]),
        cache(lambda: _boundaries(stream)),
        lambda row, start: conditions().fits(row, start),
        lambda rows: _alike(stream, rows),
        reading,
    )


def _boundaries(stream: Stream) -> Int64s:
    """Tails that answers say there were, and those at which a read ended that nothing bounded, ascending."""
    history, rows = stream.history, stream.rows
    reads, begin, end = history.reads, history.reads.offset[stream.reads], history.reads.offset[stream.reads + 1]
    bounds = (reads.count, reads.bytes, reads.until)
    free = (end > begin) & (end - begin < MAX_BATCH_RECORDS) & (reads.wait[stream.reads] <= 0)
    for bound in bounds:
        free &= bound[stream.reads] == NONE
    # So short that whatever came next would have fitted.
    total = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(reads.size, dtype=np.int64)))
    largest = int(history.appends.size.max(initial=0))
    free &= total[end] - total[begin] + largest <= MAX_BATCH_BYTES
    last = reads.seq_num[end[free] - 1]
    columns = (history.observed_tail[rows], history.seq_num_mismatch[rows], reads.tail[rows], last + 1)
    found = distinct(np.concatenate(columns))
    return np.concatenate(([stream.tail], found[found > stream.tail]))


def _alike(stream: Stream, rows: list[int]) -> bool:
    """Do they give the same conditions, outside of any session?"""
    history = stream.history
    columns = (history.appends.match_seq_num, history.appends.token, history.session)
    return all((column[rows] == column[rows[0]]).all() for column in columns) and history.session[rows[0]] == NONE


class _Conditions:
    """Whether a floating append may have taken effect at a start, as far as that can be judged so early."""

    def __init__(self, stream: Stream, held: Contents, kept: Int64s) -> None:
        self._history = stream.history
        self._frontier = raw_frontier(stream)
        self._tokens = _tokens_by_content(stream, held, kept)
        # What nobody saw may have set its token, too.
        fences = stream.history.appends.last_fence[stream.floating]
        self._unseen = {
            row: int(fence) for row, fence in zip(stream.floating.tolist(), fences, strict=True) if fence != NONE
        }

    def fits(self, row: int, start: int) -> bool:
        """By its match, its token, and how far the stream had got when it was invoked."""
        appends = self._history.appends
        if appends.match_seq_num[row] not in (NONE, start):
            return False
        token = int(appends.token[row])
        if token != NONE and not self._tokens.may_hold(token, start) and not self._may_be_set(token, row):
            return False
        return bool(self._frontier.at(self._history.invoked[row : row + 1])[0] <= start)

    def _may_be_set(self, token: int, row: int) -> bool:
        """Can an append of unknown outcome other than this one have set a token, unseen?"""
        return any(fence == token for other, fence in self._unseen.items() if other != row)


def _tokens_by_content(stream: Stream, held: Contents, kept: Int64s) -> Tokens:
    """The fences in force, from acknowledged fences and from fence records that were read elsewhere.

    A fence that was read takes effect at its own position here, not at its batch's end: no append starts
    between the two.
    """
    history = stream.history
    fences = [
        (int(history.appends.start[row]), int(history.appends.end[row]), int(history.appends.last_fence[row]), row)
        for row in kept[history.appends.last_fence[kept] != NONE].tolist()
    ]
    unowned = {int(p) for p in held.axis.positions(np.flatnonzero(held.seen & (held.owner == NONE)))}
    for row, by_index in history.reads.fences.items():
        if history.stream[row] == stream.index:
            first = int(history.reads.offset[row])
            for index, token in by_index.items():
                position = int(history.reads.seq_num[first + index])
                if position in unowned:
                    unowned.discard(position)
                    fences.append((position, position + 1, token, row))
    return fence_timeline(stream, fences)


def _sort_out(stream: Stream, held: Contents, facts: Facts, placement: Placement) -> None:
    """Which sightings are whole, and which of the lost were only elsewhere."""
    torn: list[tuple[int, Sighting]] = []
    for row, sighting in sorted(placement.placed.items()):
        lost = facts.lost.pop(row, None) is not None
        if stream.history.appends.start[row] not in (NONE, sighting.start):
            facts.displaced[row] = sighting.start
        elif lost and sighting.contradicted:
            facts.lost[row] = [sighting.start + index for index in sorted(sighting.contradicted)]
        held.owner[_indices(held, sighting.start, sighting.matched)] = row
        if sighting.contradicted and row not in facts.lost:
            torn.append((row, sighting))
    _tear(stream, held, facts, torn)


def _indices(held: Contents, start: int, members: set[int]) -> Int64s:
    return held.axis.index(np.array(sorted(start + index for index in members), dtype=np.int64))


def _tear(stream: Stream, held: Contents, facts: Facts, torn: list[tuple[int, Sighting]]) -> None:
    """Torn, unless what stands in the place of a record was sent by nobody: then it was altered."""
    if not torn:
        return
    places = np.concatenate([_indices(held, sighting.start, sighting.contradicted) for _, sighting in torn])
    appends = stream.rows[stream.history.kind[stream.rows] == Kind.APPEND]
    known = senders(stream.history, appends, held.digest[places])
    for row, sighting in torn:
        for index in sorted(sighting.contradicted):
            at = int(_indices(held, sighting.start, {index})[0])
            if int(held.digest[at]) not in known and held.owner[at] == NONE:
                held.owner[at] = row
                facts.garbage.append(sighting.start + index)
                sighting.contradicted.discard(index)
        if sighting.contradicted:
            facts.torn.append((row, sighting))


def _strays(stream: Stream, held: Contents, facts: Facts, placement: Placement) -> list[tuple[int, int]]:
    """Records that are where no append of the chain put them; (row, start) of the illegal batches they make."""
    strays = np.flatnonzero(held.seen & (held.owner == NONE))
    strays = strays[held.axis.positions(strays) >= stream.tail] if len(strays) else strays
    if not len(strays):
        return []
    history = stream.history
    positions = held.axis.positions(strays).tolist()
    digests = held.digest[strays]
    here = senders(history, stream.rows[history.kind[stream.rows] == Kind.APPEND], digests)
    elsewhere = senders(
        history, np.flatnonzero((history.kind == Kind.APPEND) & (history.stream != stream.index)), digests
    )
    failed = set(stream.failed.tolist())
    illegal: dict[tuple[int, int], None] = {}
    for position, digest in zip(positions, digests.tolist(), strict=True):
        candidates = here.get(digest)
        if candidates is None:
            facts.garbage.append(position)
            if digest in elsewhere:
                facts.strangers[position] = elsewhere[digest][0][0]
            continue
        row, index = _culprit(candidates, failed, illegal, position)
        illegal[row, position - index] = None
    for row, start in illegal:
        if row in failed:
            facts.aborted.append((row, start))
        elif _home_holds(held, row):
            sighting = placement.placed.get(row)
            whole = sighting is None or not (sighting.contradicted and history.appends.start[row] == NONE)
            (facts.duplicates if whole else facts.scattered).append((row, start))
        else:
            facts.displaced.setdefault(row, start)
    return list(illegal)


def _culprit(
    candidates: list[tuple[int, int]], failed: set[int], illegal: dict[tuple[int, int], None], position: int
) -> tuple[int, int]:
    """Of those who sent a stray record: one whose batch is known to stray here, else one that did not fail."""
    for row, index in candidates:
        if (row, position - index) in illegal:
            return row, index
    return min(candidates, key=lambda candidate: (candidate[0] in failed, candidate))


def _home_holds(held: Contents, row: int) -> bool:
    return bool((held.owner == row).any())


def _batches(stream: Stream, rows: Int64s, starts: Int64s, extra: list[tuple[int, int]]) -> Batches:
    offset = stream.history.appends.offset
    legal = np.ones(len(rows), dtype=np.bool_)
    if extra:
        rows = np.concatenate((rows, np.array([row for row, _ in extra], dtype=np.int64)))
        starts = np.concatenate((starts, np.array([start for _, start in extra], dtype=np.int64)))
        legal = np.concatenate((legal, np.zeros(len(extra), dtype=np.bool_)))
    ends = starts + offset[rows + 1] - offset[rows]
    order = np.argsort(starts, kind="stable")
    return Batches(rows[order], starts[order], ends[order], legal[order])
