"""The chained hash that the contents must have where a hole ends, so that its last append can be looked up.

A read of the whole stream tells the hash at its tail. Undoing the records between the hole and that tail, which are
known, gives the hash at the end of the hole. An append can be the last one of the hole only if its records lead to that
hash, and the one before it is tried only if there is such a last one.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import spec
from .plan import Plan
from .situation import Situation
from .unfolding import unfolded

_WORD = (1 << 64) - 1


class Targets:
    """The chained hash at some tails, known in advance."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._least = min((plan.length[m] for m in plan.floats), default=0)
        self._before: dict[tuple[int, int], dict[int, list[int]]] = {}
        self.at = {plan.asked.at[m]: plan.asked.hash[m] & _WORD for m in plan.wholes}
        for start in sorted(plan.told, reverse=True) if plan.wholes else ():
            m = plan.told[start][0]
            end = start + plan.length[m]
            if start not in self.at and end in self.at:
                self.at[start] = unfolded(self.at[end], self._digests(m))

    def _digests(self, m: int) -> list[int]:
        columns = self._plan.asked
        return [digest & _WORD for digest in self._plan.records.sent[columns.low[m] : columns.high[m]]]

    def leading(self, here: Situation, found: Iterator[int]) -> Iterator[int]:
        """Those of the appends that may come next which can lead to the next target, if there is one ahead."""
        tail = here.state[spec.AT]
        limit = here.limit(tail)
        if here.chained is None or limit not in self.at:
            yield from found
            return
        later = []
        for m in found:
            end, after = tail + self._plan.length[m], self._plan.after(here.chained, m) & _WORD
            if end == limit:
                if after == self.at[limit]:
                    yield m
            elif any(not here.placed[one] and one != m for one in self._completing(after, end, limit)):
                yield m
            elif limit - end >= 2 * self._least:
                later.append(m)
        yield from later

    def _completing(self, chained: int, tail: int, limit: int) -> list[int]:
        """The floats that lead from this hash at ``tail`` to the target at ``limit`` by themselves."""
        size = limit - tail
        if (limit, size) not in self._before:
            before: dict[int, list[int]] = {}
            for m in self._plan.floats:
                if self._plan.length[m] == size:
                    before.setdefault(unfolded(self.at[limit], self._digests(m)), []).append(m)
            self._before[limit, size] = before
        return self._before[limit, size].get(chained, [])
