"""Depth first, left to right: which appends of unknown outcome came where.

At a position that an acknowledged append wrote there is nothing to choose. Elsewhere each candidate is tried; a
situation that was met before is not tried again, nor a stretch that no sum of sizes fills. Where an answer in parts may
have begun, or later on, both is tried. The problem is strongly NP-complete, so there is a budget; past it nothing is
said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from fencepost.harness.history.history import NONE

from ..kernel.budget import Exceeded, Spending
from .candidates import Candidates
from .log import Log, here, later
from .replay import Mark, Replay

_OFTEN = 1024


class Ending(Enum):
    """How a search ended: an order was found, or there is none, or nobody knows."""

    FOUND = "found"
    EXHAUSTED = "exhausted"
    UNDECIDED = "undecided"


@dataclass(slots=True)
class Dead:
    """The furthest dead end: at ``tail``, where the moment ``blocking`` (NONE if none) kept everything else back."""

    tail: int = NONE
    placed: int = NONE
    blocking: int = NONE
    limit: int = NONE


@dataclass(slots=True)
class Search:
    """One search, from the node ``node`` of the ``log`` on. ``spent``, like the log, may be shared by several."""

    replay: Replay
    candidates: Candidates
    spent: Spending
    dead: Dead
    log: Log = field(default_factory=Log)
    node: int = NONE
    why: str = ""

    def run(self) -> Ending:
        """Search until the end, or the end of the budget (or Ctrl-C), which ``why`` then tells."""
        try:
            return Ending.FOUND if self._run() else Ending.EXHAUSTED
        except Exceeded as exceeded:
            self.why = f"the search was given up after {exceeded}"
        except KeyboardInterrupt:
            self.why = "the search was interrupted"
        self._dead()
        return Ending.UNDECIDED

    def _run(self) -> bool:
        seen: dict[tuple[object, ...], int] = {}
        stack: list[tuple[Mark, Iterator[int], int]] = []
        self.replay.settle()
        while True:
            if self._along():
                return True
            options = self._options(seen)
            if options is None:
                self._dead()
            else:
                stack.append((self.replay.mark(), options, self.node))
            if not self._next(stack):
                return False

    def _along(self) -> bool:
        """Go on while there is no choice; whether everything is placed."""
        replay, steps = self.replay, 0
        while not replay.finished:
            moment = replay.acknowledged_here
            if moment == NONE or replay.open != NONE or not replay.acknowledge(moment):
                return False
            replay.settle()
            steps += 1
            if steps % _OFTEN == 0:
                self.spent.tick()
        return True

    def _options(self, seen: dict[tuple[object, ...], int]) -> Iterator[int] | None:
        """What may come next; None if nothing, or nothing that has not been tried in the same situation."""
        replay = self.replay
        beginning = replay.open
        if beginning == NONE and (replay.acknowledged_here != NONE or not self.candidates.may_fill(replay.tail)):
            return None
        key = replay.key()
        if key in seen:
            self.log.repeats(self.node, seen[key])
            return None
        seen[key] = self.node
        self.spent.state(300 + 64 * len(replay.ahead) + len(self.candidates.taken) // 8)
        if beginning != NONE:
            return iter((later(beginning), here(beginning)))  # mostly no trim hides anything
        return self.candidates.at(replay.tail, replay.hash)

    def _next(self, stack: list[tuple[Mark, Iterator[int], int]]) -> bool:
        """Go back to the last choice that has another option, and take it; False if there is none."""
        while stack:
            mark, options, node = stack[-1]
            self.replay.back(mark)
            for step in options:
                if self.replay.take(step):
                    self.node = self.log.add(node, step)
                    self.replay.settle()
                    return True
            self._dead()
            stack.pop()
        return False

    def _dead(self) -> None:
        replay = self.replay
        if (replay.tail, len(replay.order)) > (self.dead.tail, self.dead.placed) and not replay.finished:
            self.dead.tail, self.dead.placed = replay.tail, len(replay.order)
            self.dead.blocking = replay.blocking
            self.dead.limit = self.candidates.limit(replay.tail)
