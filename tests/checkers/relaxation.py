"""What a violation leaves of a history: its witness whole, its context without times, and of all else next to nothing.

An operation binds an order by its answer, its conditions and its times. *Relaxed*, it binds as little as can be: an
observation is gone, an append (however it ended) is indefinite, without conditions, and invoked at the beginning, so
that it may have taken effect anywhere, or nowhere; what it sent remains sent. In the *context*, an operation keeps its
answer (and, if it was refused, the conditions without which that means nothing), but may have been at any time. This is
written a second time for tests, apart from the checkers' own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Final

from fencepost.harness.verdict import Violation
from fencepost.testing import by_invocation
from fencepost.testing.operations import Ack, Lost, Op
from tests.checkers.oracle import explain
from tests.checkers.stories import Story

_BEGINNING: Final = -1
_END: Final = 10**12
_STRANGERS: Final = 10_000
"""Processes from here on do one thing each."""


@dataclass(frozen=True, slots=True)
class Remainder:
    """A story of which only some is kept: the ids of ``members`` whole, of ``context`` the answers."""

    story: Story
    members: frozenset[int]
    context: frozenset[int]

    @property
    def ops(self) -> list[Op]:
        """The operations that are left."""
        ordered = by_invocation(self.story.ops)
        members, context = (_whole(ordered, chosen) for chosen in (self.members, self.context))
        kept = []
        for i, op in enumerate(ordered):
            if i in members:
                kept.append(op)
            elif i in context:
                kept.append(_timeless(op, _STRANGERS + i))
            elif op.kind == "append":
                kept.append(_relaxed(op, _STRANGERS + i))
        return kept

    @property
    def consistent(self) -> bool:
        """Does some order explain it?"""
        return explain(self.ops, **self.story.declared) is not None

    def without(self, member: int) -> Remainder:
        """One member relaxed as well."""
        ordered = by_invocation(self.story.ops)
        gone = _whole(ordered, {member})
        return replace(self, members=frozenset(one for one in self.members if not gone & _whole(ordered, {one})))


def remainder(story: Story, violation: Violation) -> Remainder:
    """What a violation leaves of a story: of its context only if the proof needs it."""
    alone = Remainder(story, frozenset(violation.operations), frozenset())
    return replace(alone, context=frozenset(violation.context)) if alone.consistent else alone


def faults(story: Story, violations: Iterable[Violation]) -> list[str]:
    """Which witnesses of a story are no proofs, or more than that."""
    wrong = []
    for violation in violations:
        left = remainder(story, violation)
        who = f"{violation.anomaly} by {violation.operations}, beside {violation.context}"
        if left.consistent:
            wrong.append(f"{who}: these can be explained\n{story}")
        wrong += [
            f"{who}: without {op} the others contradict each other still\n{story}"
            for op in violation.operations
            if not left.without(op).consistent
        ]
    return wrong


def _whole(ops: list[Op], chosen: Collection[int]) -> set[int]:
    """The operations that some ids are of: the parts of answers have the ids after those of the operations."""
    of = [*range(len(ops)), *(i for i, op in enumerate(ops) for _ in op.parts)]
    return {of[one] for one in chosen}


def _relaxed(op: Op, process: int) -> Op:
    return replace(
        op, process=process, invoked=_BEGINNING, ended=None, answer=Lost(), match=None, token=None, session=None
    )


def _timeless(op: Op, process: int) -> Op:
    if op.kind == "append" and isinstance(op.answer, Lost):
        return _relaxed(op, process)
    session = None if op.kind == "append" else op.session  # of a read it tells what that was to do
    parts = tuple(replace(one, time=_END) for one in op.parts)
    op = replace(op, process=process, invoked=_BEGINNING, ended=_END, session=session, parts=parts)
    return replace(op, match=None, token=None) if isinstance(op.answer, Ack) else op
