"""What is true of all answers of a stream together, in whatever order they were given.

Which appends certainly took effect, and where: those that were acknowledged, and those of which a record was seen that
nobody else can have put there. Between them lie *holes*, which appends of unknown outcome filled. From every answer
follows a tail that there was at least (:attr:`Facts.low`), so that real time bounds where, and when, anything can have
been appended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import FOREVER, NONE, Int64s

from . import spec
from .columns import Mask, Requirements, spans
from .contradiction import contradict, described

MOST_SENDERS = 32
"""Of how many appends it is tried whether they put a record where it was seen."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is certain. Columns of moments have shape (m,), those of positions begin at the stream's first tail.

    ``place`` is where an append took effect, NONE where that is not certain; ``chain`` are the moments of those that
    have one, in the order of place. ``free`` are the appends that may have taken effect anywhere, or not at all.
    ``content`` is a record that a position holds: an index into the sent ones, or NONE; ``seen`` one that was read
    there, an index into the returned ones, or NONE.
    """

    place: Int64s
    chain: Int64s
    free: Int64s
    content: Int64s
    seen: Int64s

    @property
    def certain(self) -> Mask:
        """Which moments are in every order."""
        found: Mask = np.ones(len(self.place), dtype=np.bool_)
        found[self.free] = False
        return found


def certain(asked: Requirements) -> Facts:
    """What is certain of a stream. Raises Contradicted where answers contradict each other."""
    columns, records, base = asked.asked, asked.records, asked.tail
    appends = np.flatnonzero(columns.ask == spec.APPEND)
    sizes = columns.high - columns.low
    limit = base + int(sizes[appends].sum())
    _in_reach(asked, appends, limit)
    place = np.where(columns.ask == spec.APPEND, columns.at, NONE)
    content = np.full(limit - base, NONE, dtype=np.int64)
    acked = appends[columns.at[appends] != NONE]
    chain = acked[np.argsort(columns.at[acked], kind="stable")]
    over = np.flatnonzero(columns.at[chain[1:]] < columns.end[chain[:-1]])
    if len(over):
        one, other = int(chain[over[0]]), int(chain[over[0] + 1])
        late, early = (one, other) if columns.returned[one] > columns.returned[other] else (other, one)
        contradict(
            asked, "overlap", [late, early], f"was acknowledged where {described(asked, early)} already has its records"
        )
    content[spans(columns.at[chain] - base, sizes[chain])] = spans(columns.low[chain], sizes[chain])
    seen, reader = _seen(asked, limit)
    _same(asked, content, seen, reader, chain)
    free = appends[columns.at[appends] == NONE]
    placed = _placed(asked, free, place, content, seen, reader)
    if len(placed):
        chain = np.concatenate((chain, np.array(placed, dtype=np.int64)))
        chain = chain[np.argsort(place[chain], kind="stable")]
        free = free[place[free] == NONE]
    return Facts(place, chain, free, content, seen)


def _in_reach(asked: Requirements, appends: Int64s, limit: int) -> None:
    """Nobody tells of a position that all records together cannot reach, or acknowledges what cannot be."""
    columns, base = asked.asked, asked.tail
    sizes = columns.high - columns.low
    told = np.where(columns.ask == spec.PART, columns.told, columns.at)
    far = (columns.ask != spec.APPEND) & (columns.ask != spec.POISONED) & (told > limit)
    if far.any():
        contradict(asked, "beyond", [int(np.argmax(far))], "told a tail that all records ever sent do not reach")
    poisoned = columns.ask == spec.POISONED
    if poisoned.any():
        contradict(asked, "poison", [int(np.argmax(poisoned))], spec.REASONS[spec.AFTER_FAILURE])
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
            contradict(asked, rule, [int(acked[np.argmax(wrong)])], why)


def _seen(asked: Requirements, limit: int) -> tuple[Int64s, Int64s]:
    """For each position a returned record, and the moment that returned it; NONE where there is none."""
    columns, records, base = asked.asked, asked.records, asked.tail
    seen, reader = np.full(limit - base, NONE, dtype=np.int64), np.full(limit - base, NONE, dtype=np.int64)
    moments = returning(asked)
    lengths = columns.high[moments] - columns.low[moments]
    record, by = spans(columns.low[moments], lengths), np.repeat(moments, lengths)
    position = records.seq_num[record]
    own = position >= base
    if not own.all():
        record, by, position = record[own], by[own], position[own]
    if len(position) and position.max() >= limit:
        m = int(by[np.argmax(position)])
        contradict(asked, "beyond", [m], "returned a record from beyond all that were ever sent")
    seen[position - base], reader[position - base] = record, by
    other = records.digest[seen[position - base]] != records.digest[record]
    if other.any():
        at = int(np.argmax(other))
        one = int(by[at])
        two = int(reader[position[at] - base])
        contradict(
            asked, "two-contents", [one, two], f"returned another record at {position[at]} than {described(asked, two)}"
        )
    return seen, reader


def returning(asked: Requirements) -> Int64s:
    """The moments that return records."""
    columns = asked.asked
    return np.flatnonzero(((columns.ask == spec.PART) | (columns.ask == spec.END)) & (columns.high > columns.low))


def _same(asked: Requirements, content: Int64s, seen: Int64s, reader: Int64s, chain: Int64s) -> None:
    """What was acknowledged is what was read there."""
    records, base = asked.records, asked.tail
    both = np.flatnonzero((content != NONE) & (seen != NONE))
    wrong = records.sent[content[both]] != records.digest[seen[both]]
    if wrong.any():
        position = int(both[np.argmax(wrong)])
        writer = int(chain[np.searchsorted(asked.asked.at[chain], position + base, side="right") - 1])
        m = int(reader[position])
        contradict(
            asked,
            "other-content",
            [m, writer],
            f"returned another record at {position + base} than {described(asked, writer)} was acknowledged to have there",
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
    columns, records, history = asked.asked, asked.records, asked.history
    mine = records.seq_num[columns.low[m] : columns.high[m]] == position
    digest = int(records.digest[columns.low[m] + np.argmax(mine)])
    if senders:
        contradict(
            asked, "torn", [m, *senders[:3]], f"returned a record at {position} that no append can have put there"
        )
    copies = np.flatnonzero(records.sent == digest)
    appends = np.flatnonzero(columns.ask == spec.APPEND)
    owners = [int(a) for a in appends if any(columns.low[a] <= c < columns.high[a] for c in copies[:8])]
    if owners:
        contradict(asked, "duplicate", [m, *owners], f"returned a record at {position} that has its place elsewhere")
    if len(copies):
        contradict(asked, "aborted", [m], f"returned a record at {position} of an append that failed")
    contradict(asked, "never-sent", [m], f"returned a record at {position} that nobody sent")


# -- bounds that real time sets


def lowest(asked: Requirements, facts: Facts) -> Int64s:
    """The least tail that there was after each moment, as far as its own answer says; 0 where it says nothing."""
    columns, records = asked.asked, asked.records
    low = np.full(len(asked), asked.tail, dtype=np.int64)
    placed = facts.place != NONE
    low[placed] = facts.place[placed] + (columns.high - columns.low)[placed]
    exact = exacts(asked)
    low[exact] = columns.at[exact]
    reads = (columns.ask == spec.PART) | (columns.ask == spec.END)
    start = (columns.start != NONE) & ((columns.clamp == 0) | (columns.after != NONE))
    here = np.where(columns.after != NONE, columns.after, columns.start + (columns.ask == spec.END))
    low = np.where(reads & start, np.maximum(low, here), low)
    low = np.where(columns.ask == spec.PART, np.maximum(low, columns.told), low)
    some = returning(asked)
    low[some] = np.maximum(low[some], records.seq_num[columns.high[some] - 1] + 1)
    return low


def exacts(asked: Requirements) -> Mask:
    """Which moments tell the exact tail."""
    ask = asked.asked.ask
    found: Mask = (ask == spec.TAIL) | (ask == spec.WHOLE) | (ask == spec.MATCH_REFUSED) | (ask == spec.OUT_OF_RANGE)
    return found


def latest_before(times: Int64s, values: Int64s, at: Int64s, default: int) -> Int64s:
    """For each of ``at`` the largest value of those whose time is before it."""
    order = np.argsort(times, kind="stable")
    best = np.concatenate(([default], np.maximum.accumulate(values[order]))) if len(order) else np.array([default])
    return np.asarray(np.maximum(best[np.searchsorted(times[order], at, side="left")], default), dtype=np.int64)


def least_from(keys: Int64s, values: Int64s, at: Int64s) -> Int64s:
    """For each of ``at`` the least value of those whose key is at least that; FOREVER where there is none."""
    order = np.argsort(keys, kind="stable")
    best = np.minimum.accumulate(values[order][::-1])[::-1] if len(order) else np.zeros(0, np.int64)
    best = np.concatenate((best, [FOREVER]))
    return np.asarray(best[np.searchsorted(keys[order], at, side="left")], dtype=np.int64)


Floats = NDArray[np.float64]
