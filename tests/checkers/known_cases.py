"""Histories whose truth is known, and orders of them that are right, or wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from math import inf
from typing import Any, Final

import numpy as np

from fencepost.checkers.kernel import log as logs
from fencepost.checkers.kernel.accept import Order
from fencepost.checkers.kernel.columns import Requirements, requirements, rows_of
from fencepost.checkers.kernel.refute import refute
from fencepost.checkers.linearizability import decide as deciding
from fencepost.harness.check_limits import Budget, CheckLimits
from fencepost.harness.history.history import NONE, History, Int64s
from fencepost.harness.history.reader import read_history
from fencepost.harness.verdict import Validity
from fencepost.testing import history
from fencepost.testing.operations import Op
from tests.checkers.begun_stories import begun_story
from tests.checkers.damage import story_of
from tests.checkers.goldens import GOLDENS
from tests.checkers.oracle import explain
from tests.checkers.stories import ALL, Story
from tests.checkers.test_cases import CASES, RIGHT
from tests.checkers.test_rules import RULES
from tests.checkers.timed_stories import timed_story
from tests.checkers.wgl import witness
from tests.checkers.witnesses import order_of

STORIES: Final = 300
"""Of each kind of random histories."""
NODES: Final = 3000
"""A search that needs more says nothing."""

KINDS: Final[Mapping[str, Callable[[int], Story]]] = {
    "story": lambda seed: story_of(seed, ALL),
    "timed": timed_story,
    "begun": begun_story,
}


@dataclass(eq=False)
class Case:
    """A history, and whether an order explains it. ``ops`` and what is ``declared`` are None where it is a journal."""

    name: str
    history: History
    is_explained: bool
    ops: tuple[Op, ...] | None
    declared: Mapping[str, Any]

    @property
    def streams(self) -> list[tuple[Requirements, Int64s]]:
        """What each stream is asked, and its rows."""
        rows = rows_of(self.history)
        return [(requirements(self.history, stream, own), own) for stream, own in enumerate(rows)]

    @cached_property
    def order(self) -> Order | None:
        """The order that an oracle found, if the history is of one stream."""
        if self.ops is None or not self.is_explained or len(self.history.header.streams) != 1:
            return None
        found = witness(self.ops, **self.declared)
        assert found is not None
        ((asked, _),) = self.streams
        return order_of(asked, found)

    @cached_property
    def forgeries(self) -> list[Order]:
        """Orders that are not right, of a history of one stream."""
        if self.order is not None:
            return list(_wrong(self.streams[0][0], self.order))
        if self.is_explained or len(self.history.header.streams) != 1:
            return []
        return list(_by_the_clock(self.streams[0][0]))

    @cached_property
    def is_refuted(self) -> bool:
        """Whether no search is needed to refute it."""
        return any(refute(asked, rows) is not None for asked, rows in self.streams)

    @cached_property
    def is_proposed(self) -> bool:
        """Whether the first order that is proposed is accepted."""
        return all(not decision.declined for decision in decisions(self))

    def know(self, judge: str) -> None:
        """Find out what a judge has to know, while nothing is broken."""
        for known in {
            "refutation": ("is_refuted",),
            "proposal": ("is_proposed",),
            "orders": ("order", "forgeries"),
        }.get(judge, ("forgeries",) if judge == "decision" else ()):
            getattr(self, known)


@cache
def named(name: str) -> Case:
    """The case of this name."""
    kind, _, which = name.partition(" ")
    if kind in KINDS:
        story = KINDS[kind](int(which))
        explained = explain(story.ops, **story.declared) is not None
        return Case(name, story.history, explained, story.ops, story.declared)
    if kind == "golden":
        golden = next(one for one in GOLDENS if one.name == which)
        declared = {"tail": golden.tail, "token": golden.token, "unique": golden.unique}
        return _written(name, golden.anomaly is None, golden.ops, declared)
    if kind == "rule":
        _, explained, ops, *declared = RULES[which]
        return _written(name, explained, ops, dict(*declared))
    return Case(name, read_history(CASES / f"{which}.jsonl"), not RIGHT[which], None, {})


def _written(name: str, explained: bool, ops: tuple[Op, ...], declared: dict[str, Any]) -> Case:
    return Case(name, history(*ops, **declared), explained, ops, declared)


@cache
def names() -> tuple[str, ...]:
    """All cases, those written by hand first."""
    return (
        *(f"rule {name}" for name in RULES),
        *(f"golden {golden.name}" for golden in GOLDENS),
        *(f"case {name}" for name in RIGHT),
        *(f"{kind} {seed}" for seed in range(STORIES) for kind in KINDS),
    )


# -- forged orders


def _wrong(asked: Requirements, order: Order) -> Iterator[Order]:
    """What is no order of a history, made from one that is."""
    moments, columns = order.moments.tolist(), asked.asked
    changed: list[list[int]] = []
    changed += [[m for m in moments if m != one] for one in moments if not columns.optional[one]]
    changed += [[*moments, one] for one in (*moments, len(asked), NONE)]
    for i, one in enumerate(moments):
        for j in range(i + 1, len(moments)):
            if columns.returned[one] < columns.invoked[moments[j]]:
                changed.append([*moments[:i], *moments[i + 1 : j + 1], one, *moments[j + 1 :]])
    for one, other, needed in asked.ahead.tolist():
        if one in moments and other in moments:
            rest = [m for m in moments if m != other]
            changed.append([*rest[: (at := rest.index(one))], other, *rest[at:]])
        if needed and one in moments and columns.optional[one] and other in moments:
            changed.append([m for m in moments if m != one])
    for some in changed:
        yield Order(np.array(some, dtype=np.int64), order.token, order.latest)
    yield Order(order.moments, len(asked.history.tokens), order.latest)
    yield Order(order.moments, NONE, order.latest)
    if asked.history.header.streams[asked.stream].fencing_token is not None:
        yield from (Order(order.moments, t, order.latest) for t in (logs.ANOTHER, 0, 1) if t != order.token)
    yield Order(order.moments, order.token, [*order.latest, (0, NONE)])
    yield Order(order.moments, order.token, [*order.latest, (NONE, 0)])


def _by_the_clock(asked: Requirements) -> Iterator[Order]:
    """Orders of a history that has none, by invocation and by return, with all appends of unknown outcome or none."""
    columns, token = asked.asked, asked.history.header.streams[asked.stream].fencing_token
    first = logs.ANOTHER if token is None else logs.number(asked.history, token)
    for key in (columns.invoked, columns.returned):
        order = np.argsort(key, kind="stable")
        yield Order(order, first)
        yield Order(order[columns.optional[order] == 0], first)


# -- verdicts


def verdict_on(case: Case) -> Validity:
    """The verdict on a history."""
    said = {decision.validity for decision in decisions(case)}
    return next((one for one in (Validity.INVALID, Validity.UNKNOWN) if one in said), Validity.VALID)


def decisions(case: Case) -> list[deciding.Decision]:
    """What is decided of each stream."""
    limits = CheckLimits(Budget(NODES, inf, inf))  # type: ignore[arg-type]
    return [deciding.decide(asked, rows, limits) for asked, rows in case.streams]
