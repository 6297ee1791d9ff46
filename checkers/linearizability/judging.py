"""What is said of one stream: the kernel's decision, its proof, and, of an invalid one, what was broken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fencepost.harness.check_limits import CheckLimits
from fencepost.harness.history.history import NONE, Int64s
from fencepost.harness.verdict import Explained, Validity, Violation

from ..kernel import spec
from ..kernel.columns import Requirements, requirements
from ..kernel.format import Claim, NamedViolation, linearization
from ..stream import Stream
from .decide import Decision, decide


@dataclass(frozen=True, slots=True)
class Judged:
    """What is said of one stream. ``details`` are numbers and texts, JSON-ready."""

    details: dict[str, Any]
    claim: Claim
    violations: tuple[Violation, ...] = ()
    reasons: tuple[str, ...] = ()
    explained: Explained | None = None


def judge(stream: Stream, limits: CheckLimits, minimally: bool = True) -> Judged:
    """Judge a stream; with minimal witnesses, if these are to be tried for."""
    asked = requirements(stream.history, stream.index, stream.rows)
    decision = decide(asked, stream.rows, limits, stream.name)
    name, validity = stream.name, str(decision.validity)
    details = _details(stream, asked, decision)
    if decision.order is not None:
        return Judged(details, Claim(name, validity, order=linearization(asked, decision.order)))
    if decision.validity is Validity.INVALID:
        from .naming import named

        found = named(stream, asked, decision, limits, minimally)
        told = found.violations
        details["violations"] = sum(violation.count for violation in told) + sum(found.others.values())
        details["violations-not-told"] = dict(found.others)
        details["violations-complete"] = found.all
        claim = Claim(name, validity, violations=[_told(one, stream) for one in told])
        return Judged(details, claim, told, (), decision.explained)
    from .undecided import reason

    reasons = (reason(asked, stream.rows, decision),)
    claim = Claim(name, validity, nodes=decision.nodes, reasons=reasons)
    return Judged(details, claim, (), reasons, decision.explained)


def _told(violation: Violation, stream: Stream) -> NamedViolation:
    """What the certificate says of a violation: it names the operations of its own stream only."""
    edges = [(edge.source, edge.target, edge.kind) for edge in violation.edges]
    history = stream.history
    context = [op for op in violation.context if history.stream[history.row_of(op)] == stream.index]
    return NamedViolation(violation.anomaly, violation.operations, context, violation.position, edges)


def _details(stream: Stream, asked: Requirements, decision: Decision) -> dict[str, Any]:
    columns = asked.asked
    applied = np.zeros(len(asked), dtype=np.bool_)
    if decision.order is not None:
        applied[decision.order.moments] = True
    else:
        applied[:] = columns.optional == 0
    appended = np.flatnonzero(applied & (columns.ask == spec.APPEND))
    records = int((columns.high[appended] - columns.low[appended]).sum())
    optional = np.flatnonzero(columns.optional > 0)
    seen = _seen(asked, optional)
    return {
        "operations": len(stream.rows),
        "records": records,
        "tail": stream.tail + records
        if decision.order is not None
        else max(stream.tail, int(columns.at.max(initial=0))),
        "appends-acked": int(((columns.ask == spec.APPEND) & (columns.optional == 0)).sum()),
        "appends-indefinite-seen": int(seen.sum()),
        "appends-indefinite-unseen": len(optional) - int(seen.sum()),
        "appends-indefinite-unseen-applied": int((applied[optional] & ~seen).sum()),
        "states-searched": decision.nodes,
        "first-order-refused": decision.declined,
        "violations": 0,
    }


def _seen(asked: Requirements, appends: Int64s) -> Any:
    """Of some appends, whether a read returned their first record."""
    if not len(appends):
        return np.zeros(0, dtype=np.bool_)
    columns, records = asked.asked, asked.records
    filled = columns.high[appends] > columns.low[appends]
    first = np.full(len(appends), NONE, dtype=np.int64)
    first[filled] = records.sent[columns.low[appends[filled]]]
    low_bits = np.zeros(1 << 16, dtype=np.bool_)
    low_bits[first & 0xFFFF] = True  # few others share them
    return np.isin(first, records.digest[low_bits[records.digest & 0xFFFF]])
