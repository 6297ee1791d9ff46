"""Tries every order of the moments of a stream, depth first, and never the same situation twice.

Finds an order that explains every answer, or proves that there is none by having tried all. The first token, where
nobody knows it, and timestamps that nobody reported are tried outermost. The problem is strongly NP-complete, so there
is a budget; past it nothing is said. A stream is searched in the same way each time, so whoever doubts an
:class:`Exhausted` searches again.

The method is that of Wing and Gong (1993), with Lowe's memory (2017).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import or_

import numpy as np

from fencepost.harness.history.history import NONE, Int64s

from . import log as logs
from . import spec
from .accept import Order, polls
from .budget import Exceeded, Spending
from .caps import caps
from .columns import Requirements
from .contradiction import Refuted
from .indefinite import Candidates
from .plan import Plan, tokens
from .situation import Mark, Situation

_OFTEN = 1024


_Choice = tuple[Mark, Iterator[int], tuple[object, ...]]
"""Where a choice was made, what is left to be tried, and the key of the situation."""

_Opening = tuple[int, tuple[tuple[int, int], ...]]
"""The first token, and what bounds timestamps, as in :class:`.accept.Order`."""


@dataclass(frozen=True, slots=True)
class Found:
    """There is an order that explains every answer."""

    order: Order


@dataclass(frozen=True, slots=True)
class Furthest:
    """The order with the most definite moments that a search began; appends of unknown outcome may be in it repeatedly.

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
        plan = Plan(asked)
    except Refuted:
        return Exhausted(0)
    search = _Search(plan, spent)
    try:
        for opening in _openings(asked, rows, plan):
            try:
                log, state = logs.begin(asked, rows, len(plan.records.sent), *opening)
            except Refuted:
                continue
            found = search.run(Situation(plan, log, state, relaxed=True), opening)
            if found is not None and len(set(found)) < len(found):
                found = search.run(Situation(plan, log, state), opening)
            if found is not None:
                return Found(Order(np.array(found, dtype=np.int64), *opening))
    except Exceeded as exceeded:
        return Over(spent.states, f"the search was given up after {exceeded}", search.tail, search.furthest)
    except KeyboardInterrupt:
        reason = f"the search was interrupted after {spent.states:,} states"
        return Over(spent.states, reason, search.tail, search.furthest)
    return Exhausted(spent.states, search.furthest)


def _openings(asked: Requirements, rows: Int64s, plan: Plan) -> Iterator[_Opening]:
    """What a history leaves open of the beginning: the first token, and timestamps."""
    declared = asked.history.header.streams[asked.stream].fencing_token
    first = [*tokens(asked), logs.ANOTHER] if declared is None else [logs.number(asked.history, declared)]
    for latest in caps(asked, rows, plan):
        for token in first:
            yield token, latest


class _Search:
    def __init__(self, plan: Plan, spent: Spending) -> None:
        self._plan = plan
        self._candidates = Candidates(plan)
        self._spent = spent
        self._dead: set[tuple[object, ...]] = set()
        self._longest: list[int] = []
        self._explained = NONE
        self._begun: Order | None = None
        self._placed = bytearray(plan.count)
        self.tail = plan.base

    @property
    def furthest(self) -> Furthest | None:
        """How far it got; None where nothing could be begun."""
        if self._begun is None:
            return None
        nowhere = np.array([m for m in self._plan.by_return if not self._placed[m]], dtype=np.int64)
        return Furthest(self._begun, nowhere)

    def run(self, here: Situation, opening: _Opening) -> list[int] | None:
        """An order that goes on from a situation; None if there is none.

        What is dead where appends may be used again and again is so where they may not.
        """
        before, self._longest, found = (self._explained, self.tail), [], None
        try:
            found = self._run(here)
        finally:
            self._ends(here)
            if found is not None:
                self._explained, self.tail = before
            else:
                self._placed = bytearray(map(or_, self._placed, here.ever))
                if self._explained > before[0]:
                    self._begun = Order(np.array(self._longest, dtype=np.int64), *opening)
        return found

    def _ends(self, here: Situation) -> None:
        """Keep the order up to here if none explained more answers."""
        if here.explained > self._explained:
            self._explained, self._longest = here.explained, here.order[:]

    def _run(self, here: Situation) -> list[int] | None:
        floats = self._plan.bound if here.relaxed else self._plan.all
        seen: set[tuple[object, ...]] = set()
        stack: list[_Choice] = []
        alive = here.settle()
        while True:
            alive = alive and self._along(here)
            if alive and here.finished:
                self._dead = seen.difference(key for *_, key in stack) if here.relaxed else set()
                return here.order
            self.tail = max(self.tail, here.state[spec.AT])
            if alive and (key := here.key(floats)) not in seen and self._may_live(here):
                seen.add(key)
                self._spent.state(400 + len(here.plan.floats) // 8)
                stack.append((here.mark(), self._options(here), key))
            if not self._next(here, stack):
                return None
            alive = here.settle()

    def _may_live(self, here: Situation) -> bool:
        return here.relaxed or not self._dead or here.key(self._plan.bound) not in self._dead

    def _along(self, here: Situation) -> bool:
        """Go on while there is no choice; False if no order goes on from there."""
        steps = 0
        while not here.finished:
            left = self._told(here)
            if not left or here.choices():
                return True
            if not (here.take(left[0]) and here.settle()):
                return False
            steps += 1
            if steps % _OFTEN == 0:
                self._spent.tick()
        return True

    def _told(self, here: Situation) -> list[int]:
        """The appends that must be next, if any is known to be."""
        return [m for m in self._plan.told.get(here.state[spec.AT], ()) if not here.placed[m]]

    def _options(self, here: Situation) -> Iterator[int]:
        """What may come next; the situation is the same whenever the next one is asked for."""
        choices = here.choices()
        yield from self._told(here) or self._candidates.at(here)
        yield from choices

    def _next(self, here: Situation, stack: list[_Choice]) -> bool:
        """Go back to the last choice that has another option, and take that; False if there is none."""
        while stack:
            self._ends(here)
            mark, options, _ = stack[-1]
            here.back(mark)
            for m in options:
                if here.take(m):
                    return True
            stack.pop()
        return False
