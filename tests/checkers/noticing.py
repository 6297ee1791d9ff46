"""What notices a mutant: a small history of which the kernel, as it then is, says something that the oracles do not.

A :class:`Case` is a history whose truth is known. A *judge* asks one part of the checker about it, and says what is
wrong with the answer:

- ``orders``: the kernel accepts the order that an oracle found, and no forged one;
- ``literal``: the specification allows an order if, and only if, the oracles know one (every order is tried);
- ``search``: so does the exhaustive search, and the kernel accepts what that finds;
- ``refutation``: what an order explains is never refuted, and what was refuted without a search still is;
- ``decision``: the verdict is right, whatever a proposer or a search lies;
- ``proposal``: where the first order that was proposed was accepted, it still is.

``noticed.json`` remembers by which judge and in which case each mutant was noticed, so that this is tried first.
``python -m tests.checkers.noticing`` writes it again: for the mutants whose entry is missing or outdated, for all with
``--all``. It prints those that nothing notices.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from math import inf
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from fencepost.checkers.kernel import exhaust as searching
from fencepost.checkers.kernel import log as logs
from fencepost.checkers.kernel.accept import Order, accept
from fencepost.checkers.kernel.budget import Spending
from fencepost.checkers.kernel.columns import Requirements, requirements, rows_of
from fencepost.checkers.kernel.refute import refute
from fencepost.checkers.kernel.refuted import Refuted
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
from tests.checkers.literal import has_order
from tests.checkers.mutating import MUTANTS, Mutant
from tests.checkers.oracle import explain
from tests.checkers.stories import ALL, Story
from tests.checkers.test_cases import CASES, RIGHT
from tests.checkers.test_rules import RULES
from tests.checkers.timed_stories import timed_story
from tests.checkers.wgl import witness
from tests.checkers.witnesses import order_of

NOTICED: Final = Path(__file__).with_name("noticed.json")
STORIES: Final = 300
"""Of each kind of random histories."""
NODES: Final = 3000
"""A search that needs more says nothing."""
MOST_ORDERS: Final = 20_000
"""A history with more, roughly, is not tried literally."""

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


# -- judges


def orders(case: Case) -> str | None:
    """The kernel accepts the order of an oracle, and no forged one."""
    if len(case.history.header.streams) != 1:
        return None
    ((asked, rows),) = case.streams
    if case.order is not None and not _is_accepted(asked, rows, case.order):
        return "an order that explains everything is not accepted"
    if any(_is_accepted(asked, rows, order) for order in case.forgeries):
        return "a forged order is accepted"
    return None


def _is_accepted(asked: Requirements, rows: Int64s, order: Order) -> bool:
    try:
        accept(asked, rows, order)
    except Refuted:
        return False
    return True


def literal(case: Case) -> str | None:
    """There is an order, by the specification alone, if the oracles know one."""
    streams = case.streams
    if any(_effort(asked) > MOST_ORDERS for asked, _ in streams):
        return None
    found = all(has_order(asked, rows) for asked, rows in streams)
    return None if found == case.is_explained else f"the specification allows an order: {found}"


def _effort(asked: Requirements) -> int:
    columns = asked.asked
    times = len(set(columns.since[columns.since != NONE].tolist()))
    cuts = (asked.tail + len(asked.records.sent) + 1) ** times
    return int(cuts * len(asked) * 2 ** int(columns.optional.sum()))


def search(case: Case) -> str | None:
    """The search finds an order that is accepted, or tries all in vain."""
    found = True
    for asked, rows in case.streams:
        result = searching.exhaust(asked, rows, Spending(Budget(NODES, inf, inf)))  # type: ignore[arg-type]
        if isinstance(result, searching.Over):
            return None
        if isinstance(result, searching.Found) and not _is_accepted(asked, rows, result.order):
            return "the search found an order that is not accepted"
        found &= isinstance(result, searching.Found)
    return None if found == case.is_explained else f"the search finds an order: {found}"


def refutation(case: Case) -> str | None:
    """What can be explained is not refuted; what could be refuted still is."""
    found = any(refute(asked, rows) is not None for asked, rows in case.streams)
    return None if found == case.is_refuted else f"it is refuted: {found}"


def decision(case: Case) -> str | None:
    """The verdict is right, with the proposer, and with one that lies."""
    for proposer in (deciding.propose, lambda *_: iter(case.forgeries)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deciding, "propose", proposer)
            verdict = verdict_on(case)
        if verdict not in (Validity.UNKNOWN, Validity.VALID if case.is_explained else Validity.INVALID):
            return f"the verdict is {verdict}"
    return _believes(case)


def verdict_on(case: Case) -> Validity:
    """The verdict on a history."""
    said = {decision.validity for decision in decisions(case)}
    return next((one for one in (Validity.INVALID, Validity.UNKNOWN) if one in said), Validity.VALID)


def decisions(case: Case) -> list[deciding.Decision]:
    """What is decided of each stream."""
    limits = CheckLimits(Budget(NODES, inf, inf))  # type: ignore[arg-type]
    return [deciding.decide(asked, rows, limits) for asked, rows in case.streams]


def _believes(case: Case) -> str | None:
    """Whether a search that lies is believed, or one that was not finished."""
    answers = [searching.Found(order) for order in case.forgeries[:4]]
    for answer in (*answers, searching.Exhausted(deciding.PROVABLE + 1), searching.Over(0, "for a test", 0)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deciding, "propose", lambda *_: iter(()))
            patch.setattr(deciding, "refute", lambda *_: None)
            patch.setattr(searching, "exhaust", lambda *_, answer=answer: answer)
            try:
                verdict = verdict_on(case)
            except Refuted:
                continue
        if verdict is not Validity.UNKNOWN and case.history.header.streams:
            return f"the verdict is {verdict}, and rests on {answer}"
    return None


def proposal(case: Case) -> str | None:
    """The first order that is proposed is accepted where it was."""
    lost = case.is_proposed and any(decision.declined for decision in decisions(case))
    return "the first order is not accepted" if lost else None


JUDGES: Final[Mapping[str, Callable[[Case], str | None]]] = {
    judge.__name__: judge for judge in (orders, literal, search, refutation, decision, proposal)
}

_OF_SPEC: Final = "literal", "orders"
ASKED: Final[Mapping[str, tuple[str, ...]]] = {
    "kernel.spec": _OF_SPEC,
    "kernel.columns": _OF_SPEC,
    "kernel.log": _OF_SPEC,
    "kernel.accept": ("orders", "decision"),
    "kernel.facts": ("refutation",),
    "kernel.fillings": ("refutation",),
    "kernel.least": ("refutation",),
    "kernel.refute": ("refutation",),
    "kernel.stops": ("refutation",),
    "kernel.exhaust": ("search",),
    "kernel.plan": ("search",),
    "kernel.situation": ("search",),
    "kernel.indefinite": ("search",),
    "kernel.caps": ("search",),
    "linearizability.decide": ("decision",),
    "propose.propose": ("proposal",),
    "propose.tails": ("proposal",),
    "propose.chain": ("proposal",),
    "propose.states": ("proposal",),
}
"""The judges that are asked about mutants of a module, in this order."""


def noticed_by(mutant: Mutant, judges: tuple[str, ...], cases: Iterator[str]) -> tuple[str, str] | None:
    """The first judge and case that notice a mutant."""
    for name in cases:
        case = named(name)
        for judge in judges:
            case.know(judge)
        with pytest.MonkeyPatch.context() as patch:
            mutant.apply(patch)
            for judge in judges:
                if JUDGES[judge](case) is not None:
                    return judge, name
    return None


def hints() -> dict[str, tuple[str, str]]:
    """The judge and the case that noticed each mutant when ``noticed.json`` was written."""
    noticed: dict[str, str] = json.loads(NOTICED.read_text())
    return {mutant: (how.partition(" ")[0], how.partition(" ")[2]) for mutant, how in noticed.items()}


def is_noticed(mutant: Mutant) -> bool:
    """Whether anything notices a mutant; what did so last is asked first."""
    judges = ASKED[mutant.module]
    hint = hints().get(str(mutant))
    if hint is not None and hint[1] in names() and noticed_by(mutant, (hint[0],), iter([hint[1]])):
        return True
    return noticed_by(mutant, judges, iter(names())) is not None


def main() -> None:
    """Write ``noticed.json``; each mutant that nothing notices costs up to a minute."""
    old = hints() if NOTICED.exists() and "--all" not in sys.argv else {}
    found: dict[str, str] = {}
    for mutant in MUTANTS:
        hint = old.get(str(mutant))
        if hint is None or not noticed_by(mutant, (hint[0],), iter([hint[1]])):
            hint = noticed_by(mutant, ASKED[mutant.module], iter(names()))
        if hint is None:
            print(f"nothing notices {mutant}")
        else:
            found[str(mutant)] = " ".join(hint)
    NOTICED.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
