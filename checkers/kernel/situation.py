"""Where a search stands: a prefix of an order and the state that it leads to, both of which can be taken back.

Only :func:`.spec.step` says whether a moment is possible. What is done here without a choice is argued in
docs/search.md.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Any

from fencepost.harness.history.history import NONE

from . import spec
from .columns import listed
from .plan import NEVER, Plan


class _Traced(list[int]):
    """A list that writes down what it forgets."""

    def __init__(self, values: list[int]) -> None:
        super().__init__(values)
        self.trail: list[tuple[int, int]] = []

    def __setitem__(self, i: Any, value: Any) -> None:
        self.trail.append((i, self[i]))
        super().__setitem__(i, value)

    def back(self, length: int) -> None:
        """Undo everything since the trail had this length."""
        while len(self.trail) > length:
            i, value = self.trail.pop()
            super().__setitem__(i, value)


@dataclass(slots=True)
class Mark:
    """What it takes to go back."""

    placed: int
    state: list[int]
    trail: int
    front: int
    beyond: int
    calls: int
    pending: list[int]
    applied: int
    gone: int
    chained: int | None


class Situation:
    """A prefix of an order.

    ``front`` counts the moments that are placed up to the first, by return, that is not; ``beyond`` is the set of
    those placed after it, ``applied`` that of floats (bits). ``pending`` are the observations that could be next by the
    clock. ``chained`` is the hash of what is there, where whole reads tell it.

    If it is ``relaxed``, floats that nothing else depends on may be applied again and again, and are no part of the
    key; ``used`` counts how often they were. In ``ever`` each moment that is placed is marked for good.
    """

    def __init__(self, plan: Plan, log: spec.Log, state: Any, *, relaxed: bool = False) -> None:
        self.plan = plan
        self.relaxed = relaxed
        self.used = [0] * plan.count
        self.present = _Traced(log.present.tolist())
        self.log: spec.Log = listed(log)._replace(present=self.present)
        self.state: list[int] = state.tolist()
        self.below = len(self.log.lower)
        self.order: list[int] = []
        self.placed, self.ever = bytearray(plan.count), bytearray(plan.count)
        self.front = self.beyond = self.calls = self.applied = self.gone = 0
        self.pending: list[int] = []
        self.waiting = dict(plan.waiting)
        self.absences = plan.absences
        known = bool(plan.wholes) and self.state[spec.HASHED] != NONE
        self.chained = self.state[spec.HASH] if known else None

    @property
    def finished(self) -> bool:
        """Is every definite moment placed?"""
        return self.front == len(self.plan.by_return)

    @property
    def explained(self) -> int:
        """How many definite moments are placed."""
        return self.front + self.beyond.bit_count()

    @property
    def now(self) -> int:
        """When the first operation returned that has a moment left: nothing invoked later can be next."""
        return self.plan.returns[self.front]

    def mark(self) -> Mark:
        """Where this is."""
        return Mark(
            len(self.order), self.state[:], len(self.present.trail), self.front, self.beyond, self.calls, self.pending,
            self.applied, self.gone, self.chained,
        )  # fmt: skip

    def back(self, mark: Mark) -> None:
        """Go back to where this was."""
        plan = self.plan
        for m in self.order[mark.placed :]:
            if self._may_again(m):
                self.used[m] -= 1
                continue
            self.placed[m] = 0
            if plan.names[m] != NONE:
                self.waiting[plan.names[m]] += 1
            if plan.asked.ask[m] == spec.ABSENT:
                self.absences += 1
        del self.order[mark.placed :]
        self.state[:] = mark.state
        self.present.back(mark.trail)
        self.front, self.beyond, self.calls = mark.front, mark.beyond, mark.calls
        self.pending, self.applied, self.gone = mark.pending, mark.applied, mark.gone
        self.chained = mark.chained

    # -- one moment

    def take(self, m: int) -> bool:
        """Place a moment, if it is its turn and the state allows its answer; else nothing changes."""
        before, trail = self.state[:], len(self.present.trail)
        if not (self.is_due(m) and self._step(m)):
            return False
        if self._hides(m, trail):
            self._unstep(before, trail)
            return False
        self._place(m, trail)
        return True

    def _may_again(self, m: int) -> bool:
        return self.relaxed and m in self.plan.free

    def is_due(self, m: int) -> bool:
        """Is all that must come before it placed, and nothing that must come after it?"""
        plan, placed = self.plan, self.placed
        return (
            not placed[m]
            and plan.asked.invoked[m] <= plan.returns[self.front]
            and (not self.absences or plan.asked.ask[m] == spec.ABSENT)
            and all(placed[one] for one in plan.needs[m])
            and not any(placed[other] for other in plan.shut_by[m])
            and (not plan.is_append[m] or self._may_leave(m))
        )

    def _may_leave(self, m: int) -> bool:
        """Whether an append leaves no tail behind that a moment has yet to find, and writes what was read."""
        plan, columns, tail = self.plan, self.plan.asked, self.state[spec.AT]
        if self.waiting.get(tail, 0) - (plan.names[m] == tail):
            return False
        end = tail + columns.high[m] - columns.low[m]
        if end > min(self.limit(tail), plan.most):
            return False
        read, sent, shift = plan.read, plan.records.sent, columns.low[m] - tail
        if len(read) < end - tail:
            return all(not tail <= at < end or digest == sent[at + shift] for at, digest in read.items())
        return all(read.get(at, sent[at + shift]) == sent[at + shift] for at in range(tail, end))

    def limit(self, tail: int) -> int:
        """The next tail that there must be."""
        at = bisect_right(self.plan.fixed, tail)
        return self.plan.fixed[at] if at < len(self.plan.fixed) else NEVER

    def _step(self, m: int) -> bool:
        state, trail = self.state, len(self.present.trail)
        gone, shown = state[spec.GONE], state[spec.SHOWN]
        if spec.step(self.plan.asked, self.plan.records, self.log, state, m, True) == spec.RIGHT:
            return True
        self.present.back(trail)
        state[spec.GONE], state[spec.SHOWN] = gone, shown
        return False

    def _unstep(self, before: list[int], trail: int) -> None:
        self.state[:] = before
        self.present.back(trail)

    def _vanished(self, trail: int) -> list[int]:
        """The slots that are gone since then."""
        return [i for i, value in self.present.trail[trail:] if value == i]

    def _hides(self, m: int, trail: int) -> bool:
        """Whether it lets something be gone that another moment has yet to return: that is dead."""
        for i in self._vanished(trail):
            if any(not self.placed[one] for one in self.plan.wholes):
                return True
            if any(not self.placed[one] for one in self.plan.returned_by.get(self._position(i), ())):
                return True
        return False

    def _position(self, i: int) -> int:
        return int(self.log.lower[i]) if i < self.below else self.plan.base + i - self.below

    def _place(self, m: int, trail: int) -> None:
        plan = self.plan
        self.order.append(m)
        self.ever[m] = 1
        for i in self._vanished(trail):
            self.gone |= 1 << i
        if plan.names[m] != NONE:
            self.waiting[plan.names[m]] -= 1
        if plan.asked.ask[m] == spec.ABSENT:
            self.absences -= 1
        elif plan.asked.ask[m] == spec.WHOLE:
            self.chained = plan.asked.hash[m]
        elif plan.is_append[m] and self.chained is not None:
            self.chained = plan.after(self.chained, m)
        if self._may_again(m):
            self.used[m] += 1
            return
        self.placed[m] = 1
        if not plan.definite[m]:
            self.applied |= plan.bit[m]
            return
        self.beyond |= 1 << (plan.rank[m] - self.front)
        while self.beyond & 1:
            self.beyond >>= 1
            self.front += 1

    # -- what leaves no choice

    def settle(self) -> bool:
        """Place every observation that is due, possible, and does no harm; False if no order goes on from there."""
        while True:
            self._call()
            rest = [m for m in self.pending if not self._at_once(m)]
            if len(rest) == len(self.pending):
                return True
            self.pending = rest

    def _call(self) -> None:
        plan, now, calls = self.plan, self.now, self.calls
        while self.calls < len(plan.by_call) and plan.asked.invoked[plan.by_call[self.calls]] <= now:
            self.calls += 1
        if calls < self.calls:
            self.pending = self.pending + plan.by_call[calls : self.calls]

    def _at_once(self, m: int) -> bool:
        """Place an observation if nothing can be lost by that."""
        plan, tail = self.plan, self.state[spec.AT]
        if plan.asked.ask[m] == spec.BEGIN or plan.names[m] not in (NONE, tail) or plan.lowest[m] > tail:
            return False
        if not self.is_due(m):
            return False
        if any(self.may_come(one) for one in plan.shuts[m]):
            return False
        before, trail = self.state[:], len(self.present.trail)
        if not self._step(m):
            return False
        if self._vanished(trail):
            self._unstep(before, trail)
            return False
        self._place(m, trail)
        return True

    def may_come(self, m: int) -> bool:
        """May an optional append still be applied, as far as sessions go?"""
        return not self.placed[m] and not any(self.placed[other] for other in self.plan.shut_by[m])

    def choices(self) -> list[int]:
        """Observations that are possible here, and may as well wait."""
        found = []
        for m in self.pending:
            plan = self.plan
            if plan.names[m] not in (NONE, self.state[spec.AT]) or plan.lowest[m] > self.state[spec.AT]:
                continue
            if self.is_due(m):
                found.append(m)
        return found

    # -- memory

    def key(self, floats: int) -> tuple[object, ...]:
        """What the future depends on: two prefixes with the same key can be continued in the same ways.

        Of the floats only these (bits) are looked at.
        """
        plan, state = self.plan, self.state
        return (
            self.front,
            self.beyond,
            self.applied & floats,
            state[spec.AT],
            state[spec.IN_FORCE],
            state[spec.FLOOR],
            self.gone,
            None if all(self.placed[m] for m in plan.wholes) else self.chained,
            tuple(
                self.log.begun[m]
                for m in plan.begins
                if self.placed[m] and not all(self.placed[one] for one in plan.tellers[m])
            ),
            self._sizes(),
        )

    def _sizes(self) -> tuple[int, ...]:
        """Which rooms are too small for each record of which a read may have had no room for."""
        looks = [self.plan.looks[m] for m in self.plan.tight if not self.placed[m]]
        if not looks or self.state[spec.AT] <= min(looks):
            return ()
        rooms, size = self.plan.rooms, self.log.size
        first, last = (spec.slot(self.log, at) for at in (max(min(looks), self.plan.base), self.state[spec.AT]))
        return tuple(bisect_left(rooms, size[i]) for i in range(first, last))
