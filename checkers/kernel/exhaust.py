"""Tries every order of the moments of a stream, depth first, and never the same situation twice.

Finds an order that explains every answer, or proves that there is none by having tried all. The first token, where
nobody knows it, and timestamps that nobody reported are tried outermost. The problem is strongly NP-complete, so there
is a budget; past it nothing is said. A stream is searched in the same way each time, so whoever doubts an
:class:`Exhausted` searches again.

The method is that of Wing and Gong (1993), with Lowe's memory (2017).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fencepost.harness.history.history import Int64s

from . import log as logs
from . import spec
from .accept import Order, polls
from .budget import Exceeded, Spending
from .caps import caps
from .columns import Requirements
from .indefinite import Candidates
from .plan import Plan, tokens
from .refuted import Refuted
from .situation import Mark, Situation
from .targets import Targets

_OFTEN = 1024


_Choice = tuple[Mark, Iterator[int], tuple[object, ...]]
"""Where a choice was made, what is left to be tried, and the key of the situation."""


@dataclass(frozen=True, slots=True)
class Found:
    """There is an order that explains every answer."""

    order: Order


@dataclass(frozen=True, slots=True)
class Exhausted:
    """There is none: every one was tried, in so many ``nodes``."""

    nodes: int


@dataclass(frozen=True, slots=True)
class Over:
    """Nobody knows: the budget was spent, and why. No order that was tried got past this ``tail``."""

    nodes: int
    reason: str
    tail: int


def exhaust(asked: Requirements, rows: Int64s, spent: Spending) -> Found | Exhausted | Over:
    """Search for an order of all moments of a stream (``rows`` are its, ascending), as far as the budget allows."""
    try:
        polls(asked)
    except Refuted:
        return Exhausted(0)
    plan = Plan(asked)
    if plan.impossible:
        return Exhausted(0)
    search = _Search(plan, spent)
    try:
        for token, latest in _openings(asked, rows, plan):
            try:
                log, state = logs.begin(asked, rows, len(plan.records.sent), token, latest)
            except Refuted:
                continue
            found = search.run(Situation(plan, log, state, relaxed=True))
            if found is not None and len(set(found)) < len(found):
                found = search.run(Situation(plan, log, state))
            if found is not None:
                return Found(Order(np.array(found, dtype=np.int64), token, latest))
    except Exceeded as exceeded:
        return Over(spent.states, f"the search was given up after {exceeded}", search.furthest)
    except KeyboardInterrupt:
        return Over(spent.states, f"the search was interrupted after {spent.states:,} states", search.furthest)
    return Exhausted(spent.states)


def _openings(asked: Requirements, rows: Int64s, plan: Plan) -> Iterator[tuple[int, tuple[tuple[int, int], ...]]]:
    """What a history leaves open of the beginning: the first token, and timestamps."""
    declared = asked.history.header.streams[asked.stream].fencing_token
    first = [*tokens(asked), logs.ANOTHER] if declared is None else [logs.number(asked.history, declared)]
    for latest in caps(asked, rows, plan):
        for token in first:
            yield token, latest


class _Search:
    def __init__(self, plan: Plan, spent: Spending) -> None:
        self._plan = plan
        self._candidates, self._targets = Candidates(plan), Targets(plan)
        self._spent = spent
        self._dead: set[tuple[object, ...]] = set()
        self.furthest = plan.base

    def run(self, here: Situation) -> list[int] | None:
        """An order that goes on from a situation; None if there is none.

        What is dead where appends may be used again and again is so where they may not.
        """
        floats = self._plan.bound if here.relaxed else self._plan.all
        seen: set[tuple[object, ...]] = set()
        stack: list[_Choice] = []
        alive = here.settle()
        while True:
            alive = alive and self._along(here)
            if alive and here.finished:
                self._dead = seen.difference(key for *_, key in stack) if here.relaxed else set()
                return here.order
            self.furthest = max(self.furthest, here.state[spec.AT])
            if alive and (key := here.key(floats)) not in seen and self._may_live(here):
                seen.add(key)
                self._spent.state(400 + len(here.plan.floats) // 8)
                stack.append((here.mark(), self._options(here), key))
            if not _next(here, stack):
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
        yield from self._told(here) or self._targets.leading(here, self._candidates.at(here))
        yield from choices


def _next(here: Situation, stack: list[_Choice]) -> bool:
    """Go back to the last choice that has another option, and take that; False if there is none."""
    while stack:
        mark, options, _ = stack[-1]
        here.back(mark)
        for m in options:
            if here.take(m):
                return True
        stack.pop()
    return False
