"""Where a search stands: a prefix of an order and the state that it leads to, both of which can be taken back.

Only :func:`.spec.step` says whether a moment is possible. docs/search.md says why no order is lost by what is placed
here without a choice, or not offered.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np

from fencepost.harness.history.chain_hash import signed_link
from fencepost.harness.history.history import FOREVER, NONE

from . import spec
from .answers import exacts
from .columns import Requirements, listed
from .facts import ascending, certain


class Plan:
    """What a search looks up, whatever the order. Raises Refuted where no order can be.

    ``names`` is the tail at which a moment must stand, NONE if nothing says so; ``fixed`` are the tails that there must
    have been, ascending, and ``read`` the digests that were returned, by position. ``needs`` are the moments that must
    come before one, ``then`` the reverse; ``ends`` are the refusals after which an optional append cannot come.

    ``by_return`` are the moments that must be in the order, as they returned, and ``by_call`` all but the ``twins``, as
    they were invoked. ``twins`` are the optional appends that may be anywhere, in classes whose members differ in
    nothing but their invocation, the first invoked first; ``kind`` is the class of each. ``lookers`` depend on who
    wrote what, and ``absent`` are claims that there is no stream.
    """

    def __init__(self, asked: Requirements) -> None:
        self.columns, self.records = asked.listed
        facts, columns, records = certain(asked), asked.asked, asked.records
        self.names = np.where(exacts(asked), columns.at, facts.place).tolist()
        self.fixed = ascending(np.concatenate((facts.tails, facts.ends, facts.place[facts.chain]))).tolist()
        read = np.flatnonzero(facts.seen != NONE)
        self.read = dict(zip((asked.tail + read).tolist(), records.digest[facts.seen[read]].tolist(), strict=True))
        self.needs, self.then, self.ends = (defaultdict[int, list[int]](list) for _ in range(3))
        for one, other, needed in asked.ahead.tolist():
            if needed or not columns.optional[one]:
                self.needs[other].append(one)
                self.then[one].append(other)
            else:
                self.ends[one].append(other)
        self.closing = {other for others in self.ends.values() for other in others}
        ends, size = np.flatnonzero(columns.ask == spec.END), np.concatenate(([0], np.cumsum(records.size)))
        room = columns.room[ends] - size[columns.high[ends]] + size[columns.low[ends]]
        self.lookers = {*ends[room < records.sent_size.max(initial=0)].tolist()}
        self.lookers |= {*np.flatnonzero(columns.ask == spec.WHOLE).tolist()}
        self.absent = np.flatnonzero(columns.ask == spec.ABSENT).tolist()
        must = np.flatnonzero(columns.optional == 0)
        self.by_return = must[np.argsort(columns.returned[must], kind="stable")].tolist()
        calls, free = np.argsort(columns.invoked, kind="stable").tolist(), set(facts.free.tolist())
        classes, digests = defaultdict[object, list[int]](list), set(self.read.values())
        for m in calls:
            if m in free:
                classes[self._class(m, digests)].append(m)
        self.twins = sorted(classes.values(), key=lambda twins: self._rank(twins[0]))
        self.kind = {m: kind for kind, members in enumerate(self.twins) for m in members}
        self.by_call = [m for m in calls if m not in free]

    def _rank(self, m: int) -> tuple[bool, bool, bool, int]:
        """Which of the floats are tried first: those that change and demand little, and the longest of them."""
        columns = self.columns
        return (
            columns.fence[m] != NONE,
            columns.match[m] == NONE,
            columns.token[m] == NONE,
            columns.low[m] - columns.high[m],
        )

    def _class(self, m: int, read: set[int]) -> object:
        columns, records = self.columns, self.records
        if m in self.needs or m in self.then or m in self.ends:
            return m
        digests = tuple(records.sent[columns.low[m] : columns.high[m]])
        trims = range(columns.trim_low[m], columns.trim_high[m])
        return (
            digests if self.lookers or not read.isdisjoint(digests) else len(digests),
            (columns.match[m], columns.token[m], columns.fence[m]),
            tuple((records.trim_index[trim], records.trim_to[trim]) for trim in trims),
        )


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


class _Here(NamedTuple):
    """What changes with each moment, beside the state.

    ``front`` counts the moments of ``by_return`` that are placed before the first that is not, ``calls`` those of
    ``by_call`` that were invoked before that returned. ``pending`` are those of them that are not placed, and all that
    they need is. ``mixed`` is a hash of what is placed and what is gone, ``contents`` one of the records in order.
    """

    front: int
    calls: int
    pending: tuple[int, ...]
    mixed: int
    contents: int
    lookers: int


Mark = tuple[int, list[int], int, _Here]
"""What it takes to go back."""


def _mixed(*what: object) -> int:
    return int.from_bytes(blake2b(repr(what).encode(), digest_size=16).digest())


class Situation:
    """A prefix of an order, which begins with a log and a state. Each moment ``ever`` placed is marked for good."""

    def __init__(self, plan: Plan, log: spec.Log, state: Any, ever: bytearray) -> None:
        self._plan, self._ever = plan, ever
        self._present = _Traced(log.present.tolist())
        self._log: spec.Log = listed(log)._replace(present=self._present)
        self.state: list[int] = state.tolist()
        self.state[spec.SHOWN] = int(spec.ABSENT not in plan.columns.ask)
        self.order: list[int] = []
        self._placed, self._used = bytearray(len(ever)), [0] * len(plan.twins)
        self._waiting = Counter(plan.names)
        self._here = _Here(0, 0, (), 0, 0, len(plan.lookers))
        self._call()

    @property
    def finished(self) -> bool:
        """Is every moment placed that must be?"""
        return self._here.front == len(self._plan.by_return)

    @property
    def answers(self) -> int:
        """How many moments are placed, those aside that may be anywhere or nowhere."""
        return len(self.order) - sum(self._used)

    def key(self) -> int:
        """A hash of what the future depends on: two prefixes with the same key can be continued in the same ways."""
        contents = self._here.contents if self._here.lookers else 0
        return self._here.mixed ^ _mixed(self.state[spec.IN_FORCE], self.state[spec.FLOOR], contents)

    def mark(self) -> Mark:
        """Where this is."""
        return len(self.order), self.state[:], len(self._present.trail), self._here

    def back(self, mark: Mark) -> None:
        """Go back to where this was."""
        placed, state, trail, self._here = mark
        for m in self.order[placed:]:
            self._count(m, -1)
        del self.order[placed:]
        self._undo(state, trail)

    def _undo(self, state: list[int], trail: int) -> None:
        self.state[:] = state
        self._present.back(trail)

    def _count(self, m: int, by: int) -> None:
        self._placed[m] += by
        self._waiting[self._plan.names[m]] -= by
        if m in self._plan.kind:
            self._used[self._plan.kind[m]] += by

    def ways(self) -> list[int]:
        """Place all answers that lose nothing by it, and return what else can be next: appends, then answers."""
        ask, others, i = self._plan.columns.ask, list[int](), 0
        while i < len(self._here.pending):
            m, before, trail = self._here.pending[i], self.state[:], len(self._present.trail)
            right = ask[m] != spec.APPEND and self._is_right(m)
            if right and self.state == before and ask[m] != spec.BEGIN and m not in self._plan.closing:
                self._place(m, trail)
                continue
            self._undo(before, trail)
            others += [m] * right
            i += 1
        appends = [m for m in self._here.pending if ask[m] == spec.APPEND]
        found = [*(m for m in (*appends, *self._firsts()) if self._is_right(m, keep=False)), *others]
        if not self.state[spec.SHOWN] and not all(self._placed[one] for one in self._plan.absent):
            # Any other answer shows that there is a stream, which belies the claims that are left.
            return [m for m in found if self._plan.columns.optional[m] or ask[m] == spec.ABSENT]
        return found

    def _firsts(self) -> Iterator[int]:
        """Of each class of twins the first that is left."""
        if not self._waiting[self.state[spec.AT]]:
            for used, members in zip(self._used, self._plan.twins, strict=True):
                if used < len(members) and self._is_due(members[used]):
                    yield members[used]

    def _is_due(self, m: int) -> bool:
        """Whether all that must come before a moment is placed."""
        columns = self._plan.columns
        return columns.invoked[m] <= self._now and all(self._placed[one] for one in self._plan.needs.get(m, ()))

    def take(self, m: int) -> None:
        """Place a moment that can be next."""
        trail = len(self._present.trail)
        self._is_right(m)
        self._place(m, trail)

    def _is_right(self, m: int, keep: bool = True) -> bool:
        """Whether a moment can be next; with ``keep`` the state becomes what it is afterwards, or is spoilt."""
        plan, columns = self._plan, self._plan.columns
        if plan.names[m] not in (NONE, self.state[spec.AT]):
            return False
        if columns.ask[m] == spec.APPEND and not self._may_leave(m):
            return False
        return bool(spec.step(columns, plan.records, self._log, self.state, m, keep) == spec.RIGHT)

    @property
    def _now(self) -> int:
        """When the first operation returned that has a moment left: nothing invoked later can be next."""
        return FOREVER if self.finished else int(self._plan.columns.returned[self._plan.by_return[self._here.front]])

    def _may_leave(self, m: int) -> bool:
        """Whether an append passes over no tail that there must be, writes what was read, and comes before refusals."""
        plan, tail = self._plan, self.state[spec.AT]
        sent = plan.records.sent[plan.columns.low[m] : plan.columns.high[m]]
        after = bisect_right(plan.fixed, tail)
        if self._waiting[tail] > (plan.names[m] == tail) or any(self._placed[one] for one in plan.ends.get(m, ())):
            return False
        if after < len(plan.fixed) and tail + len(sent) > plan.fixed[after]:
            return False
        return all(plan.read.get(at, digest) == digest for at, digest in enumerate(sent, tail))

    def _place(self, m: int, trail: int) -> None:
        """Place a moment that was right; ``trail`` was the length of that before."""
        plan, columns, here = self._plan, self._plan.columns, self._here
        self.order.append(m)
        self._ever[m] = 1
        self._count(m, 1)
        contents, mixed, begun = here.contents, here.mixed ^ _mixed("placed", m), columns.begun[m]
        for slot, value in self._present.trail[trail:]:
            if value == slot:
                mixed ^= _mixed("gone", slot)
        if columns.ask[m] == spec.BEGIN:
            mixed ^= _mixed("begun", m, self._log.begun[m])
        elif begun != NONE and all(columns.begun[other] != begun for other in plan.then.get(m, ())):
            mixed ^= _mixed("begun", begun, self._log.begun[begun])  # nobody asks any more
        if columns.ask[m] == spec.APPEND and here.lookers:
            for digest in plan.records.sent[columns.low[m] : columns.high[m]]:
                contents = signed_link(contents, digest)
        then = tuple(one for one in plan.then.get(m, ()) if one not in plan.kind and self._is_due(one))
        pending = (*(one for one in here.pending if one != m), *then)
        self._here = here._replace(
            pending=pending, mixed=mixed, contents=contents, lookers=here.lookers - (m in plan.lookers)
        )
        self._call()

    def _call(self) -> None:
        plan, front, calls = self._plan, self._here.front, self._here.calls
        while front < len(plan.by_return) and self._placed[plan.by_return[front]]:
            front += 1
        self._here = self._here._replace(front=front)
        while calls < len(plan.by_call) and plan.columns.invoked[plan.by_call[calls]] <= self._now:
            calls += 1
        new = (m for m in plan.by_call[self._here.calls : calls] if self._is_due(m))
        self._here = self._here._replace(calls=calls, pending=(*self._here.pending, *new))
