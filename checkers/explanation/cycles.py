"""Tells why one operation cannot come after another: by the clock it does, and by its place in the stream it does not.

The accused operation was at a tail that the stream had left behind when it was invoked. An operation that had returned
by then proves how far the stream had got: by its own answer, or since it was itself forced past a place where its
answer would have been right, by an operation before it, and so on: a chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from fencepost.harness.history.history import NONE

from .case import Case
from .claims import Claims, Said
from .elision import few
from .evidence import Fence
from .graph import shortest_cycle
from .sentences import Link, Witness, joined, order


def cycle(case: Case, links: Sequence[int], *, accused: Sequence[int] = ()) -> Witness:
    """The proof that the last of ``links`` (rows, each before the next) comes too late; ``accused`` if not it."""
    return _Story(case, links).witness(accused or links[-1:])


@dataclass(frozen=True, slots=True)
class _Slot:
    """The stretch of tails, from ``lower`` on, in which a refusal found its token in force.

    ``setter`` is the fence that began the stretch, and ``ender`` the one that ended the stretch before. ``last`` is the
    fence after which the token is never in force again. Each is None if there is no such fence.
    """

    lower: int
    setter: Fence | None
    ender: Fence | None
    last: Fence | None


class _Story:
    def __init__(self, case: Case, links: Sequence[int]) -> None:
        self._case, self._links = case, links
        self._slots: dict[int, _Slot] = {}
        bound = 0
        for row in links:
            if self._token(row) != NONE:
                self._slots[row] = self._forced(row, bound)
            bound = max(bound, self._lower(row))

    def _token(self, row: int) -> int:
        return int(self._case.history.token_mismatch[row])

    def _forced(self, row: int, bound: int) -> _Slot:
        """The first stretch in which the token of a refusal was in force and that does not end below a tail."""
        slots = self._case.slots(self._token(row))
        k = next((k for k, (_, ender) in enumerate(slots) if ender is None or ender.start >= bound), len(slots))
        setter = slots[k][0] if k < len(slots) else None
        lower = NONE if setter is None else setter.end
        return _Slot(lower, setter, slots[k - 1][1] if k else None, slots[-1][1] if slots else None)

    def _lower(self, row: int) -> int:
        return self._slots[row].lower if row in self._slots else self._case.lower(row)

    def witness(self, accused: Sequence[int]) -> Witness:
        links, case = self._links, self._case
        source, target = links[-2], links[-1]
        edges: list[Link] = []
        steps: list[Said] = []
        for before, after in pairwise(links[:-1]):
            ender = self._slots[after].ender if after in self._slots else None
            clock = order(case.history, before, after)
            edges += [*(self._into(ender.row, before) if ender else []), *clock, *self._seen(after)]
            because = joined([*(edge.because for edge in clock), self._saw(before)], ", and ")
            if after in self._slots and self._lower(after) != NONE:
                took_place = Claims.TOOK_PLACE(after, tail=self._lower(after))
                steps.append((*self._slot(after), "; but ", *because, ": so ", took_place))
        around = [*order(case.history, source, target), *self._back(target, source)]
        edges += around
        return case.witness(
            links,
            *self._did(target),
            " after ",
            *self._did(source, first=True),
            edges=edges,
            context=dict.fromkeys(row for edge in edges for row in (edge.source, edge.target)),
            more=[*few(steps), contradiction(shortest_cycle(around) or around)],
            accused=accused,
            position=case.upper(target),
        )

    def _slot(self, row: int) -> Said:
        """Where an operation may have taken place."""
        slot = self._slots[row]
        since = [(self._case.was_set(slot.setter),)] if slot.setter else []
        until = [(self._case.replaced(slot.ender, self._token(row)),)] if slot.ender else []
        return joined([(Claims.TOLD_TOKEN(row),), joined([*until, *since], " and ")], ", ")

    # -- the path back along the stream

    def _back(self, target: int, source: int) -> list[Link]:
        """The path in the stream from the target, which is at a lower tail, to the source, which is at a higher."""
        case = self._case
        ender = (self._slots[target].ender or self._slots[target].last) if target in self._slots else None
        if ender is not None:
            replaced = (Claims.TOLD_TOKEN(target), ", ", case.replaced(ender, self._token(target)))
            return [Link(target, ender.row, "tr", replaced), *self._into(ender.row, source)]
        if case.place(target) is not None:
            return self._into(target, source)
        upper = case.upper(target)
        entry = source if case.wrote_past(source, upper) else case.holding(upper, target)
        if entry in (NONE, target) or (entry == source and not case.wrote_past(source, upper)):
            return [Link(target, source, "rw", joined([self._missed(target), self._saw(source)], ", and "))]
        because = joined([self._missed(target), self._stands(entry)], ", and ")
        return [Link(target, entry, "rw", because), *self._into(entry, source)]

    def _into(self, append: int, source: int) -> list[Link]:
        """The path from an append, which took effect below the source's tail, to the source."""
        case = self._case
        if append == source:
            return []
        place, its = case.place(append), case.place(source)
        if place and its and place[0] < its[0]:
            return [case.stands_before(append, source)]
        setter = self._slots[source].setter if source in self._slots else None
        if setter is not None:
            return [*self._into(append, setter.row), *self._seen(source)]
        return [Link(append, source, "wr", joined([self._saw(source), self._stands(append)], ", and "))]

    def _seen(self, row: int) -> list[Link]:
        """That a refusal tells a token which a fence had set."""
        setter = self._slots[row].setter if row in self._slots else None
        if setter is None:
            return []
        return [Link(setter.row, row, "tw", (Claims.TOLD_TOKEN(row), ", ", self._case.was_set(setter)))]

    # -- words

    def _saw(self, row: int) -> Said:
        """How far an operation saw the stream."""
        lower = self._lower(row)
        if row in self._slots:
            return (Claims.TOLD_TOKEN(row) if lower == NONE else Claims.TOOK_PLACE(row, tail=lower),)
        if self._case.told(row) == lower != self._case.upper(row):
            return (Claims.TOLD_TAIL(row, tail=lower),)
        if lower == NONE:
            return (Claims.ANSWERED(row),)
        exact = self._case.exact(row) != NONE
        return ((Claims.SAW_TAIL if exact else Claims.SAW_UP_TO)(row, tail=lower),)

    def _missed(self, row: int) -> Said:
        """How little of the stream an operation saw."""
        exact = self._case.exact(row) != NONE
        return ((Claims.SAW_TAIL if exact else Claims.SAW_NO_FURTHER)(row, tail=self._case.upper(row)),)

    def _did(self, row: int, *, first: bool = False) -> Said:
        """What an operation did or saw: how far it saw the stream if it is the ``first``, or how little of it."""
        place = self._case.place(row)
        if place is not None and not (first and place[1] < self._case.lower(row)):
            return (Claims.WROTE(row, places=place),)
        if row in self._slots:
            return (Claims.TOLD_TOKEN(row),)
        return self._saw(row) if first else self._missed(row)

    def _stands(self, row: int) -> Said:
        place = self._case.place(row)
        return () if place is None else (Claims.STANDS(row, places=place),)


def contradiction(cycle: Sequence[Link]) -> Said:
    """A cycle of edges as one sentence."""
    steps = [(Claims.BEFORE(edge.source, edge.target), ", because ", *edge.because) for edge in cycle]
    first = (*joined(steps[:-1], "; "), "; however ") if len(steps) > 1 else ()
    return (*first, *steps[-1], ": a contradiction")
