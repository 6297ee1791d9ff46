"""Why an operation met the frontier that it met: the operation that brought it there, and what had forced that one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from fencepost.harness.history.history import NONE

from ..domains.domains import Proof
from ..judgement import Judgement
from .scan import Scan

MOST: Final = 2000
"""Links of a chain that are followed. Of a long one only the ends are told."""


@dataclass(frozen=True, slots=True)
class Point:
    """An operation in a proof: it took place at a tail ≤ ``upper`` if it fails, ≥ ``lower`` if it is to blame.

    ``union`` tells that it may take place in several slots. ``setter`` and ``ender`` are set where these are a
    token's: the fence that began the slot which it is forced into, and the one that ended the slot before, which
    ``before`` had begun (NONE if none).
    """

    row: int
    lower: int
    upper: int
    appends: bool = False
    union: bool = False
    setter: int = NONE
    ender: int = NONE
    before: int = NONE


class Causes:
    """Answers why, for one scan."""

    def __init__(self, judgement: Judgement, scan: Scan) -> None:
        self._history = judgement.history
        self._scan = scan
        self._pairs = scan.pairs
        self._union_of = {row: index for index, row in enumerate(scan.unions.row.tolist())}

    def observation(self, entry: int) -> Point:
        """An observation as a point."""
        observations = self._scan.observations
        proof = observations.proof[entry]
        return Point(
            int(observations.row[entry]),
            int(observations.lower[entry]),
            int(observations.upper[entry]),
            appends=bool(proof <= Proof.SEEN_APPEND),
        )

    def union(self, index: int) -> Point:
        """A union as a point: in its slot, and past the slots before."""
        unions, choices = self._scan.unions, self._scan.choices
        slots = unions.of(index)
        chosen = int(choices.slot[index])
        before = slots.last_before(chosen)
        return Point(
            int(unions.row[index]),
            int(choices.lower[index]),
            int(choices.upper[index]),
            union=True,
            setter=slots.setters[chosen] if chosen != NONE else NONE,
            ender=slots.enders[before] if before >= 0 else NONE,
            before=slots.setters[before] if before >= 0 else NONE,
        )

    def chain(self, target: Point) -> list[Point]:
        """What forced the target: the root first, the target last; each returned before the next was invoked."""
        links = [target]
        while links[0].upper != NONE and (links[0] is target or links[0].union) and len(links) < MOST:
            cause = self._cause(links[0])
            if cause is None or any(cause.row == link.row for link in links):
                break
            links.insert(0, cause)
        return self._shortest(links)

    def _cause(self, target: Point) -> Point | None:
        """An operation that returned before the target was invoked, at a tail beyond the target's upper bound."""
        time = self._history.invoked[target.row : target.row + 1]
        for frontier, entries in ((self._scan.appended, self._scan.appended_entries), (self._scan.fixed, None)):
            if frontier.at(time)[0] > target.upper:
                source = int(frontier.sources(time)[0])
                if source == NONE:
                    return None
                return self.observation(source if entries is None else int(entries[source]))
        return self._tied(target) or self._refused(target, int(time[0]))

    def _tied(self, target: Point) -> Point | None:
        """An operation of the same process that returned at the very instant of the target's invocation."""
        for row in self._before(target.row):
            entries = np.flatnonzero(self._scan.observations.row == row)
            entries = entries[self._scan.observations.lower[entries] > target.upper]
            if len(entries):
                return self.observation(int(entries[0]))
            index = self._union_of.get(row)
            if index is not None and self._scan.choices.lower[index] > target.upper:
                return self.union(index)
        return None

    def _before(self, row: int) -> Iterator[int]:
        """What comes before a row at its instant, or in its session, and before that, nearest first."""
        ahead, seen = deque(self._pairs.get(row, ())), set[int]()
        while ahead:
            one = ahead.popleft()
            if one not in seen:
                seen.add(one)
                yield one
                ahead += self._pairs.get(one, ())

    def _refused(self, target: Point, time: int) -> Point | None:
        """Preferably a union that nothing else but intervals forced; else one that was forced the least far."""
        unions, choices = self._scan.unions, self._scan.choices
        returned = self._history.returned[unions.row]
        found = np.flatnonzero((returned < time) & (choices.lower > target.upper))
        if not len(found):
            return None
        upper = choices.upper[found]
        alone = (upper == NONE) | (self._scan.fixed.at(self._history.invoked[unions.row[found]]) > upper)
        return self.union(int(found[np.lexsort((returned[found], upper, ~alone))[0]]))

    def _shortest(self, links: list[Point]) -> list[Point]:
        """Leave out the links that those before can do without."""
        short = [links[-1]]
        last = len(links) - 1
        while last > 0:
            needed = links[last]
            for first in range(last):
                if links[first].lower > needed.upper and self._precedes(links[first].row, needed.row):
                    last = first
                    break
            else:
                last -= 1
            short.insert(0, links[last])
            if not links[last].union or links[last].ender == NONE:
                break
        return short

    def _precedes(self, first: int, second: int) -> bool:
        history = self._history
        if history.returned[first] < history.invoked[second]:
            return True
        return first in self._before(second)
