"""Which appends of unknown outcome may come next at a position."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator

import numpy as np

from fencepost.harness.history.history import NONE, Outcome

from ..chain.chain import Chain
from .floats import Floats
from .targets import Targets


class Candidates:
    """Those that are left, and which of them fit by size, by content and by the boundaries that are known.

    Of a class only the first that is left is offered. ``taken`` and ``mask`` say which are not left, ``applied`` which
    of those took effect. With ``targets``, those come first that lead to the hash that must be reached, and what leads
    elsewhere is left out.
    """

    def __init__(self, chain: Chain, pool: Floats, boundaries: list[int], targets: Targets | None) -> None:
        self._pool = pool
        self._targets = targets
        self._boundaries = boundaries
        self.taken = bytearray(len(pool))
        self.applied = bytearray(len(pool))
        self.mask = 0
        self._left = Counter(pool.size)
        self._known = _unowned(chain)
        self._read = sorted(self._known)
        self._by_digest: dict[int, list[tuple[int, int]]] = {}
        self._by_match: dict[int, list[int]] = {}
        self._groups: dict[int, list[int]] = {}
        self._cursor: dict[int, int] = {}
        self._place = [NONE] * len(pool)
        self._group = [NONE] * len(pool)
        classes: dict[tuple[int, tuple[int, ...]], int] = {}
        wanted = set(self._known.values())
        claimed = _claimed(pool, wanted)
        for number, batch in enumerate(pool.digests):
            for index, digest in enumerate(batch):
                if digest in wanted:
                    self._by_digest.setdefault(digest, []).append((number, index))
            # What somebody read may be wanted where it was read: it is no twin of anything else.
            contents = batch if wanted.intersection(batch) else ()
            self._group[number] = classes.setdefault((pool.group[number], contents), len(classes))
            if number not in claimed:
                self._enter(number)
        self._by_size = self._sorted()

    def _sorted(self) -> dict[int, list[int]]:
        """The first of each class, by size: what changes no token first, then what could not go just anywhere.

        Where contents are told apart by hashes most are a class of their own; then those last invoked come first.
        """
        pool = self._pool
        firsts = [members[0] for members in self._groups.values()]
        firsts.sort(key=lambda n: (pool.fence[n] != NONE, pool.token[n] == NONE, -n if self._targets else n))
        by_size: dict[int, list[int]] = {}
        for first in firsts:
            by_size.setdefault(pool.size[first], []).append(first)
        return by_size

    def _enter(self, number: int) -> None:
        match = self._pool.match[number]
        if match != NONE:
            self._by_match.setdefault(match, []).append(number)
            return
        members = self._groups.setdefault(self._group[number], [])
        self._place[number] = len(members)
        members.append(number)
        self._cursor[self._group[number]] = 0

    def take(self, number: int) -> None:
        """One is applied."""
        self.applied[number] = 1
        self._remove(number)

    def bar(self, number: int) -> None:
        """One is never applied."""
        self._remove(number)

    def _remove(self, number: int) -> None:
        self.taken[number] = 1
        self.mask |= 1 << number
        self._left[self._pool.size[number]] -= 1

    def give_back(self, number: int) -> None:
        """It is not, after all."""
        self.taken[number] = self.applied[number] = 0
        self.mask &= ~(1 << number)
        self._left[self._pool.size[number]] += 1
        if self._place[number] != NONE:
            group = self._group[number]
            self._cursor[group] = min(self._cursor[group], self._place[number])

    def limit(self, position: int) -> int:
        """The next position at which a batch is known to begin or end; NONE past the last."""
        at = bisect_right(self._boundaries, position)
        return self._boundaries[at] if at < len(self._boundaries) else NONE

    def at(self, position: int, chained: int | None) -> Iterator[int]:
        """Those that may begin at a position where the chained hash is this, the least useful elsewhere first."""
        limit = self.limit(position)
        if self._targets is None or chained is None or limit not in self._targets.at:
            yield from self._fitting(position, limit)
            return
        later = []
        for number in self._fitting(position, limit):
            end, after = position + self._pool.size[number], self._targets.after(chained, number)
            if end == limit:
                if after == self._targets.at[limit]:
                    yield number
            elif any(not self.taken[one] and one != number for one in self._targets.completing(after, end, limit)):
                yield number
            elif limit - end >= 2 * self._targets.least:
                later.append(number)
        yield from later

    def _fitting(self, position: int, limit: int) -> Iterator[int]:
        nearest = self._nearest(position, limit)
        sighted: set[int] = set()
        if nearest != NONE:
            for number, index in self._by_digest.get(self._known[nearest], ()):
                fits = index == nearest - position and (limit == NONE or position + self._pool.size[number] <= limit)
                if fits and not self.taken[number] and number not in sighted and self._agrees(number, position):
                    sighted.add(number)
                    yield number
            if nearest == position:
                return
            limit = nearest
        yield from self._unread(position, limit, sighted)

    def _nearest(self, position: int, limit: int) -> int:
        """The first position from here on of which it was read what is there; NONE if none is below the limit."""
        at = bisect_left(self._read, position)
        return self._read[at] if at < len(self._read) and (limit == NONE or self._read[at] < limit) else NONE

    def _unread(self, position: int, limit: int, sighted: set[int]) -> Iterator[int]:
        pool = self._pool
        room = None if limit == NONE else limit - position
        for number in self._by_match.get(position, ()):
            if not self.taken[number] and number not in sighted and (room is None or pool.size[number] <= room):
                yield number
        sizes = [size for size in self._by_size if room is None or size <= room]
        for size in sorted(sizes, key=lambda size: (size != room, -size)):  # exact fits first, then the longest
            for first in self._by_size[size]:
                number = self._first_left(self._group[first])
                if number != NONE and number not in sighted:
                    yield number

    def _first_left(self, group: int) -> int:
        """The first of a class that is left: it was invoked first, so if it is not due none of them is."""
        members, at = self._groups[group], self._cursor[group]
        while at < len(members) and self.taken[members[at]]:
            at += 1
        self._cursor[group] = at
        return members[at] if at < len(members) else NONE

    def _agrees(self, number: int, position: int) -> bool:
        batch = self._pool.digests[number]
        return all(self._known.get(at, digest) == digest for at, digest in enumerate(batch, position))

    def may_fill(self, position: int) -> bool:
        """Can what is left fill the stretch from here to the next boundary, by sizes alone? (False is certain.)"""
        limit = self.limit(position)
        if limit == NONE or self._left[limit - position] > 0:
            return True
        length = limit - position
        if length > sum(size * count for size, count in self._left.items()):
            return False
        sums, mask = 1, (1 << (length + 1)) - 1
        for size, count in self._left.items():
            if size <= length:
                sums = _with_multiples(sums, size, min(count, length // size), mask)
        return bool(sums >> length & 1)


def _with_multiples(sums: int, size: int, count: int, mask: int) -> int:
    """The sums (bit s is set if s can be made) with up to ``count`` more of a size: by powers of two, then the rest."""
    step = 1
    while count > 0:
        some = min(step, count)
        sums |= (sums << (size * some)) & mask
        count -= some
        step *= 2
    return sums


def _unowned(chain: Chain) -> dict[int, int]:
    """What was read at positions that no acknowledged append wrote: digest by position."""
    held, outcome = chain.contents, chain.stream.history.outcome
    acked = (held.owner != NONE) & (outcome[np.maximum(held.owner, 0)] == Outcome.OK)
    at = np.flatnonzero(held.seen & ~acked)
    positions = held.axis.positions(at)
    later = positions >= chain.stream.tail
    return dict(zip(positions[later].tolist(), held.digest[at[later]].tolist(), strict=True))


def _claimed(pool: Floats, wanted: set[int]) -> set[int]:
    """Floats with a record that was read and that no other float sent: where it was read they are, and nowhere else."""
    senders: dict[int, set[int]] = {}
    for number, batch in enumerate(pool.digests):
        for digest in wanted.intersection(batch):
            senders.setdefault(digest, set()).add(number)
    return {next(iter(numbers)) for numbers in senders.values() if len(numbers) == 1}
