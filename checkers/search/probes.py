"""Which records that nobody read decide, by their size, whether a read may end where it ended.

A read that does not wait may end for want of room. Where the record that did not fit was read by nobody, it matters
which append put it there: two replays that differ in that do not have the same future, until the read is placed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fencepost.harness.history.history import NONE, Outcome

from ..chain.chain import Chain
from .answers import Answer, ReadRules
from .floats import Floats
from .moments import Moments, Sort


class Probes:
    """The reads of which that is so, with the position from which on they look."""

    def __init__(self, chain: Chain, found: Moments, pool: Floats, rules: ReadRules) -> None:
        largest = max((max(sizes) for sizes in pool.sizes), default=0)
        self._trims = bool(chain.stream.history.appends.trims)
        self._placed = rules.placed
        self._at: list[tuple[int, int]] = []
        for moment, sort in enumerate(found.sort):
            if sort == Sort.READ:
                answer = rules.answers[found.row[moment]]
                if not answer.waits and 0 <= answer.room < largest:
                    self._at.append((moment, _end(answer)))
        if self._at and not self._trims:
            known = _known(chain, [position for _, position in self._at])
            self._at = [one for one, told in zip(self._at, known, strict=True) if not told]

    def sizes(self, done: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """Positions and sizes of applied records that a read which is not ``done`` may have found too large."""
        if not self._at:
            return ()
        positions = {position for moment, position in self._at if not done[moment]}
        if not positions:
            return ()
        if self._trims or NONE in positions:
            least = min(positions)
            return tuple((position, size) for position, size in self._placed.items() if position >= least)
        return tuple((position, self._placed[position]) for position in sorted(positions) if position in self._placed)


def _end(answer: Answer) -> int:
    """The first position that it did not return; NONE where that depends on the tail."""
    if answer.first != NONE:
        return answer.after
    return NONE if answer.clamp else answer.start


def _known(chain: Chain, positions: list[int]) -> list[bool]:
    """At which positions did somebody read, or have acknowledged, what is there?"""
    held, outcome = chain.contents, chain.stream.history.outcome
    if not held.axis.size:
        return [False] * len(positions)
    at, inside = held.axis.find(np.array(positions, dtype=np.int64))
    owner = held.owner[at]
    acked = (owner != NONE) & (outcome[np.maximum(owner, 0)] == Outcome.OK)
    known: list[bool] = (inside & (held.seen[at] | acked)).tolist()
    return known
