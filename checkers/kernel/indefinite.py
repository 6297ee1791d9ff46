"""Which appends of unknown outcome may come next.

Twins, which agree in everything that anything can depend on, are interchangeable but for their invocations: the first
invoked is possible whenever any of them is. So of each class only the first that is left is tried. A record that was
read, and that only one append sent, says where that one is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping

from fencepost.harness.history.history import NONE

from . import spec
from .plan import NEVER, Plan
from .situation import Situation


class Candidates:
    """The optional appends of a stream by class, in the order in which they are tried."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._home = self._homes()
        wanted = set(plan.read.values())
        self._needed = {one for needs in plan.needs for one in needs}
        classes: dict[tuple[object, ...], list[int]] = {}
        for m in plan.floats:
            classes.setdefault(self._class(m, wanted), []).append(m)
        self._anywhere: list[list[int]] = []
        self._at: dict[int, list[list[int]]] = {}
        columns = plan.asked
        for members in classes.values():
            match, home = columns.match[members[0]], self._home.get(members[0], NONE)
            if match != NONE or home != NONE:
                self._at.setdefault(max(match, home), []).append(members)
            else:
                self._anywhere.append(members)
        self._anywhere.sort(key=lambda members: self._usefulness(members[0]))

    def _class(self, m: int, wanted: set[int]) -> tuple[object, ...]:
        plan, columns, records = self._plan, self._plan.asked, self._plan.records
        digests = tuple(records.sent[columns.low[m] : columns.high[m]])
        sizes = records.sent_size[columns.low[m] : columns.high[m]]
        tied = plan.needs[m] or plan.shuts[m] or plan.shut_by[m] or m in self._needed
        return (
            len(digests),
            columns.match[m],
            columns.token[m],
            columns.fence[m],
            tuple(
                (records.trim_index[trim], records.trim_to[trim])
                for trim in range(columns.trim_low[m], columns.trim_high[m])
            ),
            digests if plan.wholes or wanted.intersection(digests) else (),
            tuple(bisect_left(plan.rooms, size) for size in sizes) if plan.rooms else (),
            m if tied else NONE,
        )

    def _homes(self) -> dict[int, int]:
        """Where appends must be, if anywhere: one of their records was read, and nothing else holds that record."""
        plan, columns = self._plan, self._plan.asked
        places: dict[int, list[tuple[int, int]]] = {}
        wanted: dict[int, list[int]] = {}
        for position, digest in plan.read.items():
            if position >= plan.base:
                wanted.setdefault(digest, []).append(position)
        for m in range(plan.count):
            if plan.is_append[m]:
                for record in range(columns.low[m], columns.high[m]):
                    if plan.records.sent[record] in wanted:
                        places.setdefault(plan.records.sent[record], []).append((m, record - columns.low[m]))
        return {
            holders[0][0]: wanted[digest][0] - holders[0][1]
            for digest, holders in places.items()
            if len(holders) == 1 and not plan.definite[holders[0][0]] and wanted[digest][0] >= holders[0][1]
        }

    def _usefulness(self, m: int) -> tuple[bool, bool, int]:
        columns = self._plan.asked
        return columns.fence[m] != NONE, columns.token[m] == NONE, -self._plan.size(m)

    def at(self, here: Situation) -> Iterator[int]:
        """Those that may come next, the least useful elsewhere first."""
        tail = here.state[spec.AT]
        room = here.limit(tail) - tail
        if tail + room < NEVER and not _may_fill(room, here.left):
            return
        firsts = [self._first_left(members, here) for members in self._at.get(tail, ())]
        yield from (m for m in firsts if m != NONE)
        later = []
        for members in self._anywhere:
            m = self._first_left(members, here)
            if m == NONE or self._plan.size(m) > room:
                continue
            if tail + room < NEVER and self._plan.size(m) < room:
                later.append(m)
            else:
                yield m
        yield from later

    def _first_left(self, members: list[int], here: Situation) -> int:
        return next((m for m in members if not here.placed[m]), NONE)


def _may_fill(length: int, left: Mapping[int, int]) -> bool:
    """Whether batches of these sizes (each so often) can be of this length together."""
    if left.get(length, 0):
        return True
    sums, mask = 1, (1 << (length + 1)) - 1
    for size, count in left.items():
        step = 1
        while count > 0 and size <= length:
            some = min(step, count)
            sums |= (sums << (size * some)) & mask
            count -= some
            step *= 2
    return bool(sums >> length & 1)
