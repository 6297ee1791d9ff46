"""What is true of all answers of a stream together, in whatever order they were given.

Which appends certainly took effect, and where: those that were acknowledged, and those of which a record was seen that
nobody else can have put there. Between them lie *holes*, which appends of unknown outcome filled. From every answer
follows a tail that there was at least (:attr:`Facts.low`), so that real time bounds where, and when, anything can have
been appended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fencepost.harness.history.history import FOREVER, NONE, Int64s

from . import spec
from .answers import exacts, reads, returned, returning
from .columns import Mask, Requirements, spans
from .contradiction import contradict, described

MOST_SENDERS = 32
"""Of how many appends it is tried whether they put a record where it was seen."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is certain. Columns of moments have shape (m,), those of positions begin at the stream's first tail.

    ``place`` is where an append took effect, NONE where that is not certain; ``chain`` are the moments of those that
    have one, in the order of place. ``free`` are the appends that may have taken effect anywhere, or not at all.
    ``content`` is the record that an append of the chain has at a position, an index into the sent ones; ``seen`` one
    that was read there, an index into the returned ones; NONE where there is none. ``tails`` are the tails from the
    first one on that there certainly were and that no append of the chain has as its end, ascending.
    """

    place: Int64s
    chain: Int64s
    free: Int64s
    content: Int64s
    seen: Int64s
    ends: Int64s
    tails: Int64s

    @property
    def certain(self) -> Mask:
        """Which moments are in every order."""
        found: Mask = np.ones(len(self.place), dtype=np.bool_)
        found[self.free] = False
        return found

    @property
    def top(self) -> int:
        """The last tail that is certain."""
        return int(max(self.ends[-1:].max(initial=0), self.tails[-1]))

    def holes(self, asked: Requirements) -> list[tuple[int, int]]:
        """What lies between two certain tails and belongs to no certain append, ascending."""
        starts = self.place[self.chain]
        ends = np.concatenate(([asked.tail], self.ends))
        gaps = np.flatnonzero(starts > ends[:-1])
        cuts = ascending(np.concatenate((ends[gaps], starts[gaps], self.tails, ends[-1:])))
        k = np.searchsorted(starts, cuts[:-1], side="right") - 1
        free = (k < 0) | (ends[k + 1] <= cuts[:-1])
        return list(zip(cuts[:-1][free].tolist(), cuts[1:][free].tolist(), strict=True))


def certain(asked: Requirements, known: Mapping[int, int]) -> Facts:
    """What is certain of a stream. Raises Contradicted where answers contradict each other.

    ``known`` maps appends of unknown outcome to where they took effect, as far as that is known already.
    """
    columns, base = asked.asked, asked.tail
    appends = np.flatnonzero(columns.ask == spec.APPEND)
    sizes = columns.high - columns.low
    limit = base + int(sizes[appends].sum())
    _in_reach(asked, appends, limit)
    place = np.where(columns.ask == spec.APPEND, columns.at, NONE)
    content = np.full(limit - base, NONE, dtype=np.int64)
    place[list(known)] = list(known.values())
    chain = appends[place[appends] != NONE]
    chain = chain[np.argsort(place[chain], kind="stable")]
    over = np.flatnonzero(place[chain[1:]] < (place + sizes)[chain[:-1]])
    if len(over):
        one, other = int(chain[over[0]]), int(chain[over[0] + 1])
        late, early = (one, other) if columns.returned[one] > columns.returned[other] else (other, one)
        contradict(
            asked,
            "overlap",
            [late, early],
            f"was acknowledged where {described(asked, early)} already has its records",
            int(place[other]),
            chain[over + 1],
        )
    content[spans(place[chain] - base, sizes[chain])] = spans(columns.low[chain], sizes[chain])
    seen, reader = _seen(asked, limit)
    _same(asked, content, seen, reader, chain, place)
    free = appends[place[appends] == NONE]
    placed = _placed(asked, free, place, content, seen, reader)
    if len(placed):
        chain = np.concatenate((chain, np.array(placed, dtype=np.int64)))
        chain = chain[np.argsort(place[chain], kind="stable")]
        free = free[place[free] == NONE]
    ends = place[chain] + sizes[chain]
    return Facts(place, chain, free, content, seen, ends, _tails(asked, place[chain], ends, chain))


def told_tails(asked: Requirements) -> Int64s:
    """The tail that the answer of each moment told; NONE where it told none."""
    columns = asked.asked
    told = np.where((columns.ask == spec.PART) | (columns.ask == spec.APPEND), columns.told, columns.at)
    return np.asarray(np.where((columns.ask == spec.APPEND) & (columns.at == NONE), NONE, told), dtype=np.int64)


def _tails(asked: Requirements, starts: Int64s, ends: Int64s, chain: Int64s) -> Int64s:
    """The tails that were told and are no end of a certain append. None was inside one."""
    told = told_tails(asked)
    k = np.searchsorted(starts, told, side="left") - 1
    mine = np.flatnonzero((told > asked.tail) & (k >= 0))
    inside = told[mine] < ends[k[mine]]
    if inside.any():
        m = int(mine[np.argmax(inside)])
        writer = int(chain[k[m]])
        contradict(
            asked,
            "inside",
            [m, writer],
            f"told {told[m]} as a tail, inside the batch of {described(asked, writer)}",
            int(told[m]),
            mine[inside],
        )
    other = (told > asked.tail) & ((k < 0) | (told > ends[k]) if len(ends) else True)
    return ascending(np.concatenate(([asked.tail], told[other])))


def _in_reach(asked: Requirements, appends: Int64s, limit: int) -> None:
    """Nobody tells of a position that all records together cannot reach, or acknowledges what cannot be."""
    columns, base = asked.asked, asked.tail
    sizes = columns.high - columns.low
    told = np.where(columns.ask == spec.PART, columns.told, columns.at)
    far = (columns.ask != spec.APPEND) & (columns.ask != spec.POISONED) & (told > limit)
    if far.any():
        wrong = np.flatnonzero(far)
        contradict(asked, "beyond", wrong[:1], "told a tail that all records ever sent do not reach", more=wrong)
    below = exacts(asked) & (columns.at < base)
    if below.any():
        wrong = np.flatnonzero(below)
        contradict(asked, "below-first", wrong[:1], "told a tail below the first one", more=wrong)
    poisoned = columns.ask == spec.POISONED
    if poisoned.any():
        wrong = np.flatnonzero(poisoned)
        contradict(asked, "poison", wrong[:1], spec.REASONS[spec.AFTER_FAILURE], more=wrong)
    acked = appends[columns.at[appends] != NONE]
    for rule, wrong, why in (
        ("empty", sizes[acked] < 1, spec.REASONS[spec.EMPTY]),
        ("length", columns.end[acked] != columns.at[acked] + sizes[acked], spec.REASONS[spec.LENGTH]),
        ("below-end", columns.told[acked] < columns.end[acked], spec.REASONS[spec.BELOW_END]),
        ("below-first", columns.at[acked] < base, "was acknowledged at a start below the first tail"),
        ("beyond", columns.told[acked] > limit, "told a tail that all records ever sent do not reach"),
        (
            "match",
            (columns.match[acked] != NONE) & (columns.match[acked] != columns.at[acked]),
            "was acknowledged at another start than its match_seq_num",
        ),
    ):
        if wrong.any():
            offenders = acked[wrong]
            contradict(asked, rule, offenders[:1], why, int(columns.at[offenders[0]]), offenders)


def _seen(asked: Requirements, limit: int) -> tuple[Int64s, Int64s]:
    """For each position a returned record, and the moment that returned it; NONE where there is none."""
    records, base = asked.records, asked.tail
    seen, reader = np.full(limit - base, NONE, dtype=np.int64), np.full(limit - base, NONE, dtype=np.int64)
    record, by = returned(asked)
    position = records.seq_num[record]
    own = position >= base
    if not own.all():
        record, by, position = record[own], by[own], position[own]
    if len(position) and position.max() >= limit:
        m = int(by[np.argmax(position)])
        contradict(asked, "beyond", [m], "returned a record from beyond all that were ever sent", int(position.max()))
    seen[position - base], reader[position - base] = record, by
    other = records.digest[seen[position - base]] != records.digest[record]
    if other.any():
        at = int(np.argmax(other))
        one = int(by[at])
        two = int(reader[position[at] - base])
        contradict(
            asked,
            "two-contents",
            [one, two],
            f"returned another record at {position[at]} than {described(asked, two)}",
            int(position[at]),
            by[other],
        )
    return seen, reader


def _same(asked: Requirements, content: Int64s, seen: Int64s, reader: Int64s, chain: Int64s, place: Int64s) -> None:
    """What was acknowledged is what was read there."""
    records, base = asked.records, asked.tail
    both = np.flatnonzero((content != NONE) & (seen != NONE))
    wrong = records.sent[content[both]] != records.digest[seen[both]]
    if wrong.any():
        position = int(both[np.argmax(wrong)])
        writer = int(chain[np.searchsorted(place[chain], position + base, side="right") - 1])
        m = int(reader[position])
        contradict(
            asked,
            "other-content",
            [m, writer],
            f"returned another record at {position + base} than {described(asked, writer)} put there",
            position + base,
            reader[both[wrong]],
        )


def _placed(
    asked: Requirements, free: Int64s, place: Int64s, content: Int64s, seen: Int64s, reader: Int64s
) -> list[int]:
    """Place appends of unknown outcome by what was seen of them, and return those that have a place now."""
    columns, records, base = asked.asked, asked.records, asked.tail
    open_ = np.flatnonzero((seen != NONE) & (content == NONE))
    if not len(open_):
        return []
    wanted = {int(digest) for digest in records.digest[seen[open_]]}
    sender: dict[int, list[tuple[int, int]]] = {}
    for m in free.tolist():
        low = int(columns.low[m])
        for k, digest in enumerate(records.sent[low : columns.high[m]].tolist()):
            if digest in wanted:
                sender.setdefault(digest, []).append((m, k))
    found: list[int] = []

    def fits(m: int, at: int) -> bool:
        low, n = int(columns.low[m]), int(columns.high[m] - columns.low[m])
        if place[m] != NONE or at < 0 or at + n > len(content) or columns.match[m] not in (NONE, at + base):
            return False
        span = slice(at, at + n)
        if (content[span] != NONE).any():
            return False
        there = np.flatnonzero(seen[span] != NONE)
        return bool((records.sent[low + there] == records.digest[seen[at + there]]).all())

    waiting, again = open_.tolist(), True
    while again:
        again, left = False, []
        for position in waiting:
            if content[position] != NONE:
                continue
            senders = sender.get(int(records.digest[seen[position]]), [])
            if len(senders) > MOST_SENDERS:
                continue
            fitting = [(m, position - k) for m, k in senders if fits(m, position - k)]
            if not fitting:
                _nobody(asked, int(reader[position]), position + base, [m for m, _ in senders])
            if len(fitting) > 1:
                left.append(position)
                continue
            m, at = fitting[0]
            n = int(columns.high[m] - columns.low[m])
            place[m] = at + base
            content[at : at + n] = np.arange(columns.low[m], columns.high[m])
            found.append(m)
            again = True
        waiting = left
    return found


def _nobody(asked: Requirements, m: int, position: int, senders: Sequence[int]) -> None:
    """No append put this record here: say why."""
    columns, records = asked.asked, asked.records
    mine = records.seq_num[columns.low[m] : columns.high[m]] == position
    digest = int(records.digest[columns.low[m] + np.argmax(mine)])
    if senders:
        contradict(
            asked,
            "torn",
            [m, *senders[:3]],
            f"returned a record at {position} that no append can have put there",
            position,
        )
    copies = np.flatnonzero(records.sent == digest)
    appends = np.flatnonzero(columns.ask == spec.APPEND)
    owners = [int(a) for a in appends if any(columns.low[a] <= c < columns.high[a] for c in copies[:8])]
    if owners:
        contradict(
            asked, "duplicate", [m, *owners], f"returned a record at {position} that has its place elsewhere", position
        )
    if len(copies):
        contradict(asked, "aborted", [m], f"returned a record at {position} of an append that failed", position)
    contradict(asked, "never-sent", [m], f"returned a record at {position} that nobody sent", position)


# -- bounds that real time sets


def lowest(asked: Requirements, facts: Facts) -> Int64s:
    """The least tail that there was after each moment, as far as its own answer says; 0 where it says nothing."""
    columns, records = asked.asked, asked.records
    low = np.full(len(asked), asked.tail, dtype=np.int64)
    placed = facts.place != NONE
    low[placed] = facts.place[placed] + (columns.high - columns.low)[placed]
    exact = exacts(asked)
    low[exact] = columns.at[exact]
    start = (columns.start != NONE) & ((columns.clamp == 0) | (columns.after != NONE))
    here = np.where(columns.after != NONE, columns.after, columns.start + (columns.follows == 0))
    low = np.where(reads(asked) & start, np.maximum(low, here), low)
    low = np.where(columns.ask == spec.PART, np.maximum(low, columns.told), low)
    some = returning(asked)
    low[some] = np.maximum(low[some], records.seq_num[columns.high[some] - 1] + 1)
    return low


def ascending(values: Int64s) -> Int64s:
    """The different values, in order (numpy's own ``unique`` hashes them, which is slower where they nearly are)."""
    values = np.sort(values)
    return values[np.concatenate(([True], values[1:] != values[:-1]))] if len(values) else values


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which tails an append of unknown outcome took effect, if it did, and by when there were tails.

    ``first`` is its least start and ``last`` its greatest end, by moment. There was a tail at or beyond ``tails[i]``
    (ascending) by ``times[i]``.
    """

    first: Int64s
    last: Int64s
    tails: Int64s
    times: Int64s

    def deadline(self, tail: int) -> int:
        """When there was a tail at or beyond this one, at the latest."""
        at = int(np.searchsorted(self.tails, tail))
        return int(self.times[at]) if at < len(self.times) else FOREVER

    def same(self, other: Bounds, free: Int64s, many: bool) -> bool:
        """Whether other bounds are the same for these appends. Of ``many`` moments, only their starts are compared."""
        return not len(free) or (
            np.array_equal(self.first[free], other.first[free])
            and (many or (np.array_equal(self.times, other.times) and np.array_equal(self.tails, other.tails)))
        )


def bounds(asked: Requirements, facts: Facts, low: Int64s, high: Int64s, invoked: Int64s, returned: Int64s) -> Bounds:
    """What follows from when moments were: at ``low`` or beyond was the tail after each, at most ``high`` before."""
    certain = np.flatnonzero(facts.certain)
    by_return = certain[np.argsort(returned[certain], kind="stable")]
    reached = np.concatenate(([asked.tail], np.maximum.accumulate(low[by_return])))
    first, last = np.full(len(asked), asked.tail, dtype=np.int64), np.full(len(asked), FOREVER, dtype=np.int64)
    first[facts.free] = reached[np.searchsorted(returned[by_return], invoked[facts.free])]
    is_free = ~facts.certain
    one, other, _ = asked.ahead.T
    after, before = ~is_free[one] & is_free[other], is_free[one] & ~is_free[other]
    np.maximum.at(first, other[after], low[one[after]])
    np.minimum.at(last, one[before], high[other[before]])
    by_tail = certain[np.argsort(low[certain], kind="stable")]
    return Bounds(first, last, low[by_tail], np.minimum.accumulate(returned[by_tail][::-1])[::-1])
