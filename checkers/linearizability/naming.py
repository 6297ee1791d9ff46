"""Names what is wrong with a stream that the kernel refuted, and tells it.

What is told accuses operations. Without these the stream is judged again, for what else is wrong: independent
violations are found one after another, and none swallows another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Final

import numpy as np

from fencepost.harness.check_limits import Budget, CheckLimits
from fencepost.harness.history.history import NONE, History, Int64s, Kind, Outcome
from fencepost.harness.verdict import Validity, Violation

from ..anomalies import Telling, telling
from ..explanation.case import Case
from ..explanation.claims import Claims, Said
from ..explanation.completion import completed
from ..explanation.elision import few
from ..explanation.minimal import minimal
from ..explanation.relaxation import unanswered
from ..explanation.sentences import Narrator, Witness, joined, ran
from ..explanation.signature import signature
from ..kernel import spec
from ..kernel.accept import Order, accept
from ..kernel.columns import Requirements, requirements
from ..kernel.contradiction import Contradiction, Refuted
from ..stream import Stream, streams
from .decide import Decision, contradicts_itself, decide
from .tightest import tightest
from .time_left import is_over

PASSES: Final = 5
"""How often a long stream is judged, each time without all that was accused before."""

PASSES_OF_FEW: Final = 40
"""How often a short stream is judged in this way, once so many violations were found that they are taken together."""

LOOKED_AT: Final = 32
"""Of the operations that break one rule, at most so many, evenly spread, are asked which anomaly they are a case of."""

FEW: Final = 2_000
"""Operations up to which each violation is looked for by itself."""

TOLD: Final = 10
"""Violations of a stream that are told in full; the others are counted by their signatures."""

ALIKE: Final = 5
"""Violations of one signature that are told in full."""

MOST: Final = 20
"""Operations accused of which each is tried."""

MOST_ACCUSED: Final = 40
"""Operations that are accused one after another, before all that remain are accused together."""

_SMALL: Final = Budget(states=10_000, seconds=1.0, bytes=1 << 26)
"""For what is left of a stream when all but a witness, or what was accused, is relaxed."""

_QUESTIONS: Final = {
    spec.APPEND: "bad-ack",
    spec.WHOLE: "inconsistent-offsets",
    spec.MATCH_REFUSED: "wrong-mismatch",
    spec.TOKEN_REFUSED: "wrong-mismatch",
    spec.REFUSED: "spurious-rejection",
    spec.ABSENT: "lost-stream",
    spec.POISONED: "session-poison",
    spec.PART: "bad-read",
    spec.END: "bad-read",
    spec.OUT_OF_RANGE: "bad-read",
}
"""The anomaly of what is a case of none, by what the accused was asked; of anything else ``nonmonotonic-read``."""


@dataclass(slots=True)
class _Root:
    """A violation, and the number of ``more`` for which it also stands, since they are not told."""

    violation: Violation
    more: int = 0

    def accuse(self, ops: Collection[int]) -> None:
        """Accuse these operations too."""
        self.violation = replace(self.violation, accused=(*self.violation.accused, *ops))

    def counts(self, other: Violation) -> bool:
        """Whether another one is among those of the same root that this counts."""
        mine, its = ({*one.operations} - {*one.accused} for one in (self.violation, other))
        same = self.violation.anomaly == other.anomaly and self.violation.position == other.position
        return self.violation.count > 1 and same and bool(mine & its)


@dataclass(frozen=True, slots=True)
class Named:
    """What is wrong with a stream: violations that are told, and by signature the number of the others.

    They are not ``all`` if the rest was still invalid when the rounds or the time were used up.
    """

    violations: tuple[Violation, ...]
    others: Mapping[str, int]
    all: bool


def named(stream: Stream, asked: Requirements, decision: Decision, limits: CheckLimits, minimally: bool) -> Named:
    """What is wrong with an invalid stream, each root once."""
    small, known = CheckLimits(_SMALL), telling()
    found: list[_Root] = []
    left, accused = stream, set[int]()
    singly = len(stream.rows) <= FEW
    passes, most = 0, PASSES_OF_FEW if singly else PASSES
    while not found or (passes < most and not is_over(limits)):
        contradiction = decision.contradiction or _exhausted(asked, left.rows, decision)
        case = Case(asked, left.rows, contradiction)
        new, more = named_by(stream, case, known)
        if singly:  # what follows from the first is no news: the next pass shows whether anything is left without it
            accusing = _tell(stream, new, found, accused)
            singly = len(found) < TOLD and len(accused) < MOST_ACCUSED
        else:
            more -= _of_others(case, new.anomaly, known)
            found.append(_Root(new, len(more)))
            accusing = more.union(new.accused)
            passes += 1
        accused |= {stream.history.row_of(op) for op in accusing}
        if _explains_the_rest(asked, stream.rows, decision.nearly, accused):
            decision = Decision(Validity.VALID)
            break
        left = without(stream, accused)
        asked, decision = _decided(left, small)
        if decision.validity is not Validity.INVALID:
            break
    is_all = decision.validity is not Validity.INVALID
    if not passes and decision.validity is Validity.VALID:
        found = _needed(stream, found, small, known)
    rank = {one.ROW.name: place for place, one in enumerate(known)}
    found.sort(key=lambda root: rank[root.violation.anomaly])
    told, others = _first(stream.history, found)
    if minimally and not is_over(limits):
        told = list(minimal(stream, told, partial(contradicts_itself, limits=small)))
    whole = (completed(stream.history, one) for one in told)
    return Named(tuple(replace(one, signature=signature(stream.history, one)) for one in whole), others, is_all)


def _first(history: History, found: Sequence[_Root]) -> tuple[list[Violation], dict[str, int]]:
    """The violations that are told, and by signature how many others there are of which none is told.

    The first of each signature is told before the second of any.
    """
    told: dict[str, list[Violation]] = {}
    others, seen = Counter[str](), Counter[str]()
    turns: list[tuple[int, int, str]] = []
    for at, root in enumerate(found):
        kind = signature(history, root.violation)
        turns.append((seen[kind], at, kind))
        seen[kind] += 1
        others[kind] += root.more
    for _, at, kind in sorted(turns):
        root = found[at]
        if sum(map(len, told.values())) < TOLD and len(told.get(kind, ())) < ALIKE:
            told.setdefault(kind, []).append(root.violation)
        else:
            others[kind] += root.violation.count
    for kind, same in told.items():
        same[-1] = _standing_for(history, same[-1], others.pop(kind))
    return [violation for same in told.values() for violation in same], dict(others)


def _standing_for(history: History, violation: Violation, more: int) -> Violation:
    if not more:
        return violation
    told = Narrator(history).told(violation, [(Claims.ALIKE(count=more),)])
    return replace(told, count=violation.count + more)


def without(stream: Stream, accused: Iterable[int]) -> Stream:
    """The stream without the answers of some rows."""
    history = unanswered(stream.history, np.fromiter(set(accused), dtype=np.int64))
    (left,) = (one for one in streams(history) if one.index == stream.index)
    return left


def _tell(stream: Stream, violation: Violation, found: list[_Root], accused: set[int]) -> set[int]:
    """Add a violation to those ``found``, and return the operations to relax next (ids).

    Those are the ones that it accuses and that were not ``accused`` before (rows). If a violation found earlier counts
    it already, that one accuses them too, and nothing is added. If it accuses nobody new, relaxing the accused was not
    enough: then one more operation is accused on behalf of a violation found earlier, one of its own witness if there
    is any left.
    """
    before = {int(stream.history.id[row]) for row in accused}
    fresh = {op for op in violation.accused if op not in before and _answered(stream, op)}
    if fresh:
        known = next((root for root in found if root.counts(violation)), None)
        if known is not None:
            known.accuse(fresh)
        else:
            found.append(_Root(violation))
        return fresh
    everyone = stream.history.id[stream.rows[stream.history.part_of[stream.rows] == NONE]][::-1].tolist()
    everybody = (*violation.operations[::-1], *violation.context, *everyone)
    fresh = set([op for op in everybody if op not in before and _answered(stream, op)][:1])
    known = next((root for root in found if {*root.violation.accused} & {*violation.accused}), None)
    if known is None and found:
        known = found[-1]
    if known is None:
        found.append(_Root(replace(violation, accused=tuple(fresh))))
    else:
        known.accuse(fresh)
    return fresh


def _answered(stream: Stream, op: int) -> bool:
    """Whether an operation had an answer, or a part of one, that can be wrong."""
    row = stream.history.row_of(op)
    return bool(stream.history.outcome[row] != Outcome.INDEFINITE or (stream.history.part_of == row).any())


def _needed(stream: Stream, found: list[_Root], limits: CheckLimits, known: Sequence[Telling]) -> list[_Root]:
    """The violations, accusing only what has to be accused: without the rest alone, nothing is wrong any more.

    What was told without the answers that need not be accused is told again with them.
    """
    accused = list(dict.fromkeys(op for root in found for op in root.violation.accused))
    number = len(accused)
    if number > MOST:
        return found
    for op in accused[::-1]:
        rows = {stream.history.row_of(other) for other in accused if other != op}
        if rows and _decided(without(stream, rows), limits)[1].validity is Validity.VALID:
            accused.remove(op)
    for root in found:
        root.violation = replace(root.violation, accused=tuple(op for op in root.violation.accused if op in accused))
    kept = [root for root in found if root.violation.accused]
    for root in kept if len(accused) < number else ():
        left = without(stream, {stream.history.row_of(op) for op in accused if op not in root.violation.accused})
        asked, decision = _decided(left, limits)
        if decision.validity is Validity.INVALID:
            contradiction = decision.contradiction or _exhausted(asked, left.rows, decision)
            again, _ = named_by(stream, Case(asked, left.rows, contradiction), known)
            if set(again.accused) <= set(root.violation.accused):
                root.violation = replace(again, accused=root.violation.accused, count=root.violation.count)
    return kept


def _explains_the_rest(asked: Requirements, rows: Int64s, nearly: Order | None, accused: Collection[int]) -> bool:
    """Whether an order explains all answers but those of some rows: then it does when these are relaxed, too.

    Of the accused, appends stay where they are in it. It is not tried where a part of an answer is accused alone.
    """
    those, part_of = np.fromiter(accused, dtype=np.int64), asked.history.part_of
    if nearly is None or (part_of[those] != NONE).any():
        return False
    row = asked.asked.row
    left_out = (np.isin(row, those) | np.isin(part_of[row], those)) & (asked.asked.ask != spec.APPEND)
    order = replace(nearly, moments=nearly.moments[~left_out[nearly.moments]])
    try:
        accept(asked.but(left_out), rows, order)
    except Refuted:
        return False
    return True


def _decided(stream: Stream, limits: CheckLimits) -> tuple[Requirements, Decision]:
    """What is asked of a stream, and what the kernel says of it."""
    asked = requirements(stream.history, stream.index, stream.rows)
    return asked, decide(asked, stream.rows, limits, briefly=True)


def named_by(stream: Stream, case: Case, known: Sequence[Telling]) -> tuple[Violation, set[int]]:
    """What a contradiction is a case of, and its proof: the first of the ``known`` anomalies, ``also`` the others.

    And the operations (ids) that are accused of the same. There are none if what is behind is not accused itself, but
    what it is behind: that stands for all that it contradicts. The case may be one of the stream without some answers.
    It is told as it was.
    """
    told = list(_told(case, known))
    if not told:
        name = _QUESTIONS.get(case.ask, "nonmonotonic-read")
        if case.ask == spec.APPEND and case.columns.token[case.m] != NONE:
            name = "stale-token-write"
        told = [(name, _plainly(case))]
    name, witness = told[0]
    (row,) = (one.ROW for one in known if one.ROW.name == name)
    ids, part_of, more = case.history.id, case.history.part_of, case.contradiction.more
    accused = [int(ids[one if part_of[one] == NONE else part_of[one]]) for one in witness.accused]
    stands_for_all = case.rule == "behind" and case.row not in witness.accused
    narrator = Narrator(stream.history)
    violation = Violation(
        anomaly=row.name,
        stream=stream.name,
        promise=row.promise,
        operations=tuple(int(ids[one]) for one in witness.rows),
        edges=tuple(map(narrator.edge, witness.edges)),
        sentences=(),
        context=tuple(int(ids[one]) for one in witness.context),
        position=witness.position,
        also=tuple(other for other, _ in told[1:]),
        accused=tuple(dict.fromkeys(accused)),
        count=1 + len(more) if stands_for_all else witness.count,
    )
    lead = f"{row.lead}: " if row.lead else ""
    ops = (few([ran(stream.history, one) for one in some]) for some in (witness.rows, witness.context))
    told_of = narrator.told(violation, ((lead, *witness.said), *chain.from_iterable(ops), *witness.more))
    return told_of, set() if stands_for_all else {int(ids[one]) for one in more}.difference(accused)


def _of_others(case: Case, anomaly: str, known: Sequence[Telling]) -> set[int]:
    """The operations (ids) that break the same rule and are cases of other anomalies, as far as they are looked at."""
    more = case.contradiction.more
    rows = more[:: len(more) // LOOKED_AT + 1]
    others = (row for row in rows if next(iter(_told(case.about(row), known)), (None,))[0] not in (None, anomaly))
    return {int(case.history.id[row]) for row in others}


def _told(case: Case, known: Sequence[Telling]) -> Iterator[tuple[str, Witness]]:
    """The anomalies that a contradiction is a case of, the most specific first."""
    for one in known:
        witness = one.tell(case)
        if witness is not None:
            yield one.ROW.name, witness


def _plainly(case: Case) -> Witness:
    """What the kernel says, and who it speaks of."""
    found = case.contradiction
    said = found.said if isinstance(found, _Unexplained) else (Claims.KERNEL(*found.rows, why=found.why),)
    return case.witness(found.rows, *said, accused=found.rows[:1])


@dataclass(frozen=True, slots=True)
class _Unexplained(Contradiction):
    """That a search found no order, and what is ``said`` of it."""

    said: Said = ()


def _exhausted(asked: Requirements, rows: Int64s, decision: Decision) -> _Unexplained:
    """That every order was tried, and the operation that no order got past, which is accused.

    If a search does not tell which, it is the last that was no append.
    """
    history = asked.history
    answered = rows[history.outcome[rows] != Outcome.INDEFINITE].tolist()
    accused = max(answered, key=lambda row: (history.kind[row] != Kind.APPEND, int(history.invoked[row]), row))
    found = tightest(asked, rows, decision.furthest) if decision.furthest is not None else None
    if found is not None:
        accused = found.row
    every = (accused, *(row for row in answered if row != accused))
    nodes = decision.nodes
    tried = Claims.SEARCHED(*every, states=nodes) if nodes else Claims.TRIED(*every)
    said = joined([(tried,), () if found is None else found.said], "; ")
    return _Unexplained("exhausted", every, "every order was tried, and none explains all answers", said=said)
