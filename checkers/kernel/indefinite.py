"""Which appends of unknown outcome may come next.

Twins, which agree in everything that anything can depend on, are interchangeable but for their invocations: the first
invoked is possible whenever any of them is. So of each class only the first that is left is tried.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

from fencepost.harness.history.history import NONE

from . import spec
from .plan import NEVER, Plan
from .situation import Situation


class Candidates:
    """The optional appends of a stream by class, in the order in which they are tried."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._read = set(plan.read.values())
        classes: dict[tuple[object, ...], list[int]] = {}
        for m in plan.floats:
            if m in plan.home:
                continue
            classes.setdefault(self._class(m), []).append(m)
        self._anywhere: list[list[int]] = []
        self._at: dict[int, list[list[int]]] = {}
        self._beginning: dict[int, list[list[int]]] = {}
        columns = plan.asked
        for members in classes.values():
            first = plan.records.sent[columns.low[members[0]]]
            self._beginning.setdefault(first, []).append(members)
            match = columns.match[members[0]]
            if match != NONE:
                self._at.setdefault(match, []).append(members)
            else:
                self._anywhere.append(members)
        self._anywhere.sort(key=lambda members: self._usefulness(members[0]))

    def _class(self, m: int) -> tuple[object, ...]:
        plan, columns, records = self._plan, self._plan.asked, self._plan.records
        digests = tuple(records.sent[columns.low[m] : columns.high[m]])
        sizes = records.sent_size[columns.low[m] : columns.high[m]]
        return (
            len(digests),
            columns.match[m],
            columns.token[m],
            columns.fence[m],
            tuple(
                (records.trim_index[trim], records.trim_to[trim])
                for trim in range(columns.trim_low[m], columns.trim_high[m])
            ),
            digests if plan.wholes or not self._read.isdisjoint(digests) else (),
            tuple(bisect_left(plan.rooms, size) for size in sizes) if plan.rooms else (),
            m if m in plan.tied else NONE,
        )

    def _usefulness(self, m: int) -> tuple[bool, bool, int]:
        columns = self._plan.asked
        return columns.fence[m] != NONE, columns.token[m] == NONE, -self._plan.length[m]

    def at(self, here: Situation) -> Iterator[int]:
        """Those that may come next, the least useful elsewhere first; what was used before is the last to be."""
        tail = here.state[spec.AT]
        room = here.limit(tail) - tail
        again = []
        for m in self._fitting(here, tail, room):
            if here.used[m]:
                again.append(m)
            else:
                yield m
        yield from again

    def _fitting(self, here: Situation, tail: int, room: int) -> Iterator[int]:
        length = self._plan.length
        if tail in self._plan.read:
            found = self._firsts(self._beginning.get(self._plan.read[tail], ()), here)
            yield from sorted(found, key=lambda m: length[m] != room)
            return
        yield from self._firsts(self._at.get(tail, ()), here)
        later = []
        for m in self._firsts(self._anywhere, here):
            if tail + room == NEVER or length[m] == room:
                yield m
            elif length[m] < room:
                later.append(m)
        yield from later

    def _firsts(self, classes: Iterable[list[int]], here: Situation) -> Iterator[int]:
        """The first of each class that is left, or, where none is and it may be used again, the first."""
        invoked, placed, used = self._plan.asked.invoked, here.placed, here.used
        for members in classes:
            m = members[0]
            if placed[m] or used[m]:
                m = next((m for m in members if not (placed[m] or used[m])), NONE)
            if here.relaxed and (m == NONE or invoked[m] > here.now):
                m = members[0]
            if m != NONE:
                yield m
