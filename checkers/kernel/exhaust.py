"""Tries every order of the moments of a stream, depth first, and never the same situation twice.

Finds an order that explains every answer, or proves that there is none by having tried all. The problem is strongly
NP-complete, so there is a budget; past it nothing is said. A stream is searched in the same way each time, so whoever
doubts an :class:`Exhausted` searches again.

The method is that of Wing and Gong (1993), with Lowe's memory (2017) of situations by a hash of what is placed, as
Zobrist (1970) hashed positions of a game.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fencepost.harness.history.history import NONE, Int64s

from . import log as logs
from . import spec
from .accept import Order, polls
from .budget import Exceeded, Spending
from .columns import Requirements
from .contradiction import Refuted
from .openings import Opening, openings
from .situation import Mark, Plan, Situation

_OFTEN = 1024
_SIZE = 400
"""Bytes of a situation, about."""


@dataclass(frozen=True, slots=True)
class Found:
    """There is an order that explains every answer."""

    order: Order


@dataclass(frozen=True, slots=True)
class Furthest:
    """The order with the most certain moments that a search began, up to the last of them.

    ``nowhere`` are the definite moments that had no place in any order that was begun.
    """

    order: Order
    nowhere: Int64s


@dataclass(frozen=True, slots=True)
class Exhausted:
    """There is none: every one was tried, in so many ``nodes``; ``furthest`` is None where that took no search."""

    nodes: int
    furthest: Furthest | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Over:
    """Nobody knows: the budget was spent, and why. No order that was tried got past this ``tail``."""

    nodes: int
    reason: str
    tail: int
    furthest: Furthest | None = field(default=None, compare=False)


def exhaust(asked: Requirements, rows: Int64s, spent: Spending) -> Found | Exhausted | Over:
    """Search for an order of all moments of a stream (``rows`` are its, ascending), as far as the budget allows."""
    try:
        polls(asked)
        search = _Search(asked, rows, spent)
    except Refuted:
        return Exhausted(0)
    try:
        for opening in openings(asked, rows):
            order = search.run(opening)
            if order is not None:
                return Found(order)
    except Exceeded as exceeded:
        reason = f"the search was given up after {exceeded}"
        return Over(spent.states, reason, search.tail, search.furthest)
    except KeyboardInterrupt:
        reason = f"the search was interrupted after {spent.states:,} states"
        return Over(spent.states, reason, search.tail, search.furthest)
    return Exhausted(spent.states, search.furthest)


class _Search:
    def __init__(self, asked: Requirements, rows: Int64s, spent: Spending) -> None:
        self._asked, self._rows, self._spent, self._plan = asked, rows, spent, Plan(asked)
        self._ever = bytearray(len(asked))
        self._answers, self._longest, self._shared = NONE, list[int](), 0
        self._opening: Opening = NONE, ()
        self.tail = asked.tail

    @property
    def furthest(self) -> Furthest | None:
        """How far it got; None where nothing could be begun."""
        if self._answers == NONE:
            return None
        nowhere = np.array([m for m in self._plan.by_return if not self._ever[m]], dtype=np.int64)
        kept = max((i + 1 for i, m in enumerate(self._longest) if m not in self._plan.kind), default=0)
        return Furthest(Order(np.array(self._longest[:kept], dtype=np.int64), *self._opening), nowhere)

    def run(self, opening: Opening) -> Order | None:
        """An order with this beginning; None if there is none."""
        self._spent.state(_SIZE)
        self._spent.tick()
        try:
            log, state = logs.begin(self._asked, self._rows, len(self._asked.records.sent), *opening)
        except Refuted:
            return None
        here, self._opened, self._shared = Situation(self._plan, log, state, self._ever), opening, 0
        try:
            is_found = self._is_found(here)
        finally:
            self._ends(here)
        return Order(np.array(here.order, dtype=np.int64), *opening) if is_found else None

    def _is_found(self, here: Situation) -> bool:
        """Go on until every moment is placed; False if no order goes on from there."""
        seen, stack, steps = set[int](), list[tuple[Mark, list[int]]](), 0
        while True:
            ways = here.ways()
            if here.finished:
                return True
            if len(ways) == 1:
                here.take(ways[0])
                steps += 1
                if steps % _OFTEN == 0:
                    self._spent.tick()
                continue
            if ways and (key := here.key()) not in seen:
                self._spent.state(_SIZE)
                seen.add(key)
                stack.append((here.mark(), ways[::-1]))
            else:
                self._ends(here)
            while stack and not stack[-1][1]:
                stack.pop()
            if not stack:
                return False
            mark, ways = stack[-1]
            here.back(mark)
            self._shared = min(self._shared, len(here.order))
            here.take(ways.pop())

    def _ends(self, here: Situation) -> None:
        """Keep the order up to here if none explained more answers; what it shares with the one kept is not copied."""
        self.tail = max(self.tail, here.state[spec.AT])
        if here.answers > self._answers:
            self._answers, self._opening = here.answers, self._opened
            self._longest[self._shared :] = here.order[self._shared :]
            self._shared = len(here.order)
