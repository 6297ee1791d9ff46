"""What is true of all answers of a stream together, in whatever order they were given.

Which appends certainly took effect, and where: those that were acknowledged, and those of which a record was seen that
nobody else can have put there. Between them lie *holes*, which appends of unknown outcome filled. From every answer
follows a tail that there was at least (:attr:`Facts.low`), so that real time bounds where, and when, anything can have
been appended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

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


def certain(asked: Requirements) -> Facts:
    """What is certain of a stream. Raises Refuted where answers contradict each other."""
    columns, base = asked.asked, asked.tail
    appends = np.flatnonzero(columns.ask == spec.APPEND)
    sizes = columns.high - columns.low
    limit = base + int(sizes[appends].sum())
    place = np.where(columns.ask == spec.APPEND, columns.at, NONE)
    _in_reach(asked, place, limit)
    seen, reader = _seen(asked, limit)
    content, new = np.full(limit - base, NONE, dtype=np.int64), appends[place[appends] != NONE]
    while True:
        chain = appends[place[appends] != NONE]
        chain = chain[np.argsort(place[chain], kind="stable")]
        _apart(asked, chain, place, reader)
        new = new[np.argsort(place[new], kind="stable")]
        held = spans(place[new] - base, sizes[new])
        content[held] = spans(columns.low[new], sizes[new])
        _same(asked, content, held, seen, reader, chain, place)
        free = appends[place[appends] == NONE]
        open_ = np.flatnonzero((seen != NONE) & (content == NONE))
        if not len(open_):
            break
        found, start, number = sighted(asked, free, open_ + base, asked.records.digest[seen[open_]])
        if not number.all():
            position = int(open_[np.argmin(number)])
            _nobody(asked, int(reader[position]), position + base)
        if not len(found):
            break
        far = (start < base) | (start + sizes[found] > limit)
        if far.any():
            m, at = int(found[np.argmax(far)]), int(start[np.argmax(far)])
            _torn(asked, reader, m, at)
        place[found], new = start, found
    ends = place[chain] + sizes[chain]
    return Facts(place, chain, free, content, seen, ends, _tails(asked, place[chain], ends, chain))


def sighted(asked: Requirements, free: Int64s, position: Int64s, digest: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """The appends among ``free`` of which a record was read that no other of them holds, and where they began.

    ``digest`` was read at ``position``, where none but these can have put it. The last array says of each how many of
    their records may be that one.
    """
    columns = asked.asked
    lengths = columns.high[free] - columns.low[free]
    record, owner = spans(columns.low[free], lengths), np.repeat(free, lengths)
    order = np.argsort(asked.records.sent[record], kind="stable")
    sent = asked.records.sent[record[order]]
    low = np.searchsorted(sent, digest, side="left")
    number = np.searchsorted(sent, digest, side="right") - low
    few = np.flatnonzero(number <= MOST_SENDERS)
    one, at = order[spans(low[few], number[few])], np.repeat(few, number[few])
    start = position[at] - (record[one] - columns.low[owner[one]])
    fits = (columns.match[owner[one]] == NONE) | (columns.match[owner[one]] == start)
    number[few] = np.bincount(at[fits], minlength=len(position))[few]
    fits &= number[at] == 1
    moment, first = np.unique(owner[one[fits]], return_index=True)
    return moment, start[fits][first], number


def _apart(asked: Requirements, chain: Int64s, place: Int64s, reader: Int64s) -> None:
    """No two appends of the chain have one position."""
    columns = asked.asked
    sizes = columns.high - columns.low
    over = np.flatnonzero(place[chain[1:]] < (place + sizes)[chain[:-1]])
    if len(over):
        one, other = int(chain[over[0]]), int(chain[over[0] + 1])
        for m in (one, other):
            if columns.optional[m]:
                _torn(asked, reader, m, int(place[m]))
        late, early = (one, other) if columns.returned[one] > columns.returned[other] else (other, one)
        why = f"was acknowledged where {described(asked, early)} already has its records"
        contradict(asked, "overlap", [late, early], why, int(place[other]), chain[over + 1])


def _torn(asked: Requirements, reader: Int64s, m: int, start: int) -> NoReturn:
    """An append of unknown outcome, of which somebody found a record, cannot begin at ``start``."""
    size = int(asked.asked.high[m] - asked.asked.low[m])
    span = np.arange(max(start, asked.tail), min(start + size, asked.tail + len(reader)))
    found = span[reader[span - asked.tail] != NONE][:1]
    why = f"returned a record of {described(asked, m)} where no append can have put it"
    contradict(asked, "torn", [*reader[found - asked.tail].tolist(), m], why, *found.tolist())


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
        why = f"told {told[m]} as a tail, inside the batch of {described(asked, writer)}"
        contradict(asked, "inside", [m, writer], why, int(told[m]), mine[inside])
    other = (told > asked.tail) & ((k < 0) | (told > ends[k]) if len(ends) else True)
    return ascending(np.concatenate(([asked.tail], told[other])))


def _in_reach(asked: Requirements, place: Int64s, limit: int) -> None:
    """Nobody tells of a position that all records together cannot reach, or acknowledges what cannot be."""
    columns, acked = asked.asked, place != NONE
    end, elsewhere = place + columns.high - columns.low, (columns.match != NONE) & (columns.match != place)
    for rule, wrong, why in (
        ("below-first", exacts(asked) & (columns.at < asked.tail), "told a tail below the first one"),
        ("poison", columns.ask == spec.POISONED, spec.REASONS[spec.AFTER_FAILURE]),
        ("empty", acked & (end <= place), spec.REASONS[spec.EMPTY]),
        ("length", acked & (columns.end != end), spec.REASONS[spec.LENGTH]),
        ("below-end", acked & (columns.told < columns.end), spec.REASONS[spec.BELOW_END]),
        ("below-first", acked & (place < asked.tail), "was acknowledged at a start below the first tail"),
        ("beyond", told_tails(asked) > limit, "told a tail that all records ever sent do not reach"),
        ("match", acked & elsewhere, "was acknowledged at another start than its match_seq_num"),
    ):
        offenders = np.flatnonzero(wrong)
        if len(offenders):
            contradict(asked, rule, offenders[:1], why, int(place[offenders[0]]), offenders)


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
        one, two = int(by[at]), int(reader[position[at] - base])
        why = f"returned another record at {position[at]} than {described(asked, two)}"
        contradict(asked, "two-contents", [one, two], why, int(position[at]), by[other])
    return seen, reader


def _same(
    asked: Requirements,
    content: Int64s,
    held: Int64s,
    seen: Int64s,
    reader: Int64s,
    chain: Int64s,
    place: Int64s,
) -> None:
    """What appends of the chain have at the positions ``held`` (from the base on) is what was read there."""
    records, base = asked.records, asked.tail
    both = held[seen[held] != NONE]
    wrong = records.sent[content[both]] != records.digest[seen[both]]
    if wrong.any():
        position = int(both[np.argmax(wrong)])
        writer = int(chain[np.searchsorted(place[chain], position + base, side="right") - 1])
        m = int(reader[position])
        rule = "torn" if asked.asked.optional[writer] else "other-content"
        why = f"returned another record at {position + base} than {described(asked, writer)} put there"
        contradict(asked, rule, [m, writer], why, position + base, reader[both[wrong]])


def _nobody(asked: Requirements, m: int, position: int) -> NoReturn:
    """No append put this record here: say why."""
    columns, records = asked.asked, asked.records
    mine = records.seq_num[columns.low[m] : columns.high[m]] == position
    copies = np.flatnonzero(records.sent == records.digest[columns.low[m] + np.argmax(mine)])
    appends = np.flatnonzero(columns.ask == spec.APPEND)
    owners = [int(a) for a in appends if any(columns.low[a] <= c < columns.high[a] for c in copies[:8])]
    if owners:
        why = f"returned a record at {position} that has its place elsewhere"
        contradict(asked, "duplicate", [m, *owners], why, position)
    if len(copies):
        contradict(asked, "aborted", [m], f"returned a record at {position} of an append that failed", position)
    contradict(asked, "never-sent", [m], f"returned a record at {position} that nobody sent", position)


def trimming(asked: Requirements, appends: Int64s, start: Int64s) -> tuple[Int64s, Int64s]:
    """The trims of some appends (moments) that begin at ``start``: whose each is (its index), and up to where it trims.

    No trim reaches beyond itself. Where that stands is not known if ``start`` is NONE.
    """
    columns, records = asked.asked, asked.records
    counts = columns.trim_high[appends] - columns.trim_low[appends]
    trim, owner = spans(columns.trim_low[appends], counts), np.repeat(np.arange(len(appends)), counts)
    to, own = records.trim_to[trim], start[owner] + records.trim_index[trim] + 1
    return owner, np.where(start[owner] == NONE, to, np.minimum(to, own))


# -- bounds that real time sets


def lowest(asked: Requirements, place: Int64s) -> Int64s:
    """The least tail that there was after each moment, as far as its own answer says; the first one if that is nothing.

    ``place`` is where appends took effect, NONE where that is not known.
    """
    columns, records = asked.asked, asked.records
    low = np.full(len(asked), asked.tail, dtype=np.int64)
    placed = place != NONE
    low[placed] = place[placed] + (columns.high - columns.low)[placed]
    exact = exacts(asked)
    low[exact] = columns.at[exact]
    start = (columns.start != NONE) & ((columns.clamp == 0) | (columns.after != NONE))
    here = np.where(columns.after != NONE, columns.after, columns.start + (columns.follows == 0))
    low = np.where(reads(asked) & start, np.maximum(low, here), low)
    low = np.where(columns.ask == spec.PART, np.maximum(low, columns.told), low)
    some = returning(asked)
    low[some] = np.maximum(low[some], records.seq_num[columns.high[some] - 1] + 1)
    return low


def highest(asked: Requirements, place: Int64s) -> Int64s:
    """The greatest tail that there was before each moment, by its own answer; FOREVER if that says nothing."""
    return np.where(place != NONE, place, np.where(exacts(asked), asked.asked.at, FOREVER))


def earliest(asked: Requirements, low: Int64s) -> Int64s:
    """The least tail that each moment can have met, by what had returned when it was invoked (:func:`lowest`)."""
    columns, by_return = asked.asked, asked.by_return
    reached = np.concatenate(([asked.tail], np.maximum.accumulate(low[by_return])))
    return np.asarray(reached[np.searchsorted(columns.returned[by_return], columns.invoked)])


def latest(asked: Requirements, high: Int64s) -> Int64s:
    """The greatest tail that each moment can have met, by what was invoked after it returned (:func:`highest`)."""
    columns = asked.asked
    by_invocation = np.argsort(columns.invoked, kind="stable")
    least = np.append(np.minimum.accumulate(high[by_invocation][::-1])[::-1], FOREVER)
    return np.asarray(least[np.searchsorted(columns.invoked[by_invocation], columns.returned, side="right")])


def ascending(values: Int64s) -> Int64s:
    """The different values, in order (numpy's own ``unique`` hashes them, which is slower where they nearly are)."""
    values = np.sort(values)
    return values[np.concatenate(([True], values[1:] != values[:-1]))] if len(values) else values
