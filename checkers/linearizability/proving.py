"""From a judgement to what proves it."""

from __future__ import annotations

import numpy as np

from fencepost.harness.check_limits import CheckLimits
from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Validity, Violation

from ..certificate.order import Order
from ..certificate.proofs import Exhaustion, Opening, Proof, Supposition, declined
from ..certificate.verifier import invalid
from ..certificate.verifier.refutation import Refuted
from ..certificate.verifier.statement import Claim
from ..judgement import Judgement
from ..kernel.budget import Spending
from ..search.decide import Decision, decide
from ..search.log import begins, is_here
from ..search.search import Ending
from .order import first_token


def proof(judgement: Judgement, found: tuple[Violation, ...], limits: CheckLimits) -> Proof:
    """The proof of one stream, with the violations that are told.

    Where none of these can be proven by itself a search is made, within the limits, for the sake of its log. Raises
    ValueError for a judgement of valid that comes with no order.
    """
    name, decision = judgement.stream.name, judgement.decision
    if found and decision is None and not _provable(judgement, found):
        decision = _searched(judgement, limits)
    spent = {} if decision is None else _spent(decision)
    if found:
        exhausted = decision is not None and decision.ending is Ending.EXHAUSTED
        exhaustion = logged(judgement, decision) if decision is not None and exhausted else None
        return Proof(name, Validity.INVALID, violations=found, spent=spent, exhaustion=exhaustion)
    if judgement.reasons:
        openings = [
            Opening(hole.start, hole.end, hole.candidates, hole.ragged) for hole in judgement.holes if hole.fillable
        ]
        return Proof(name, Validity.UNKNOWN, openings=openings, reasons=judgement.reasons, spent=spent)
    if decision is not None and decision.ending is Ending.FOUND:
        return Proof(name, Validity.VALID, order=_found(judgement, decision), spent=spent)
    if judgement.order is None:
        raise ValueError(f"the stream {name} was judged valid without an order")
    return Proof(name, Validity.VALID, order=judgement.order())


def _found(judgement: Judgement, decision: Decision) -> Order:
    sequence = np.array(decision.sequence, dtype=np.int64).reshape(-1, 2)
    return Order(sequence[:, 0], sequence[:, 1] > 0, first_token(judgement.stream, decision.token))


def _provable(judgement: Judgement, found: tuple[Violation, ...]) -> bool:
    """Can the verifier prove one of these violations? It is asked, as what it can do is its own affair."""
    history, stream = judgement.history, judgement.stream
    claims = (
        Claim(
            violation.anomaly,
            [history.row_of(op) for op in violation.operations],
            [history.row_of(op) for op in violation.context],
            violation.position,
            [(history.row_of(edge.source), history.row_of(edge.target), edge.kind) for edge in violation.edges],
        )
        for violation in found
    )
    try:
        return any(invalid.check(history, stream.index, stream.rows, [claim]).proven for claim in claims)
    except Refuted:
        return True  # an edge is wrong: that is for the verifier to say


def _searched(judgement: Judgement, limits: CheckLimits) -> Decision | None:
    """What a search comes to that was not needed for the verdict; None if it does not say that there is no order."""
    spent = Spending(limits.budget, limits.progress)
    decision = decide(judgement.chain, judgement.answers, judgement.claims, spent)
    return decision if decision.ending is Ending.EXHAUSTED else None


def logged(judgement: Judgement, decision: Decision) -> Exhaustion | None:
    """The log of a search, if it was kept; it proves something if the search had tried everything."""
    if not decision.log.whole:
        return None
    log, moments, tokens = decision.log, decision.found.row, judgement.history.tokens
    supposed = [
        Supposition(
            root.node,
            tokens[root.token] if root.token >= 0 else None,
            {moments[refusal]: number for refusal, number in root.prefixes.items()},
        )
        for root in log.roots
    ]
    parent, steps, same = (np.array(column, dtype=np.int64) for column in (log.parent, log.applied, log.same))
    rows = np.array([*decision.pool.row, NONE], dtype=np.int64)  # NONE is the last, too
    applied = rows[np.maximum(steps, NONE)]
    for node in np.flatnonzero(steps < NONE).tolist():
        row = moments[begins(log.applied[node])]
        applied[node] = row if is_here(log.applied[node]) else declined(row)
    return Exhaustion(supposed, parent, applied, same)


def _spent(decision: Decision) -> dict[str, int | float | str]:
    spent = decision.spent
    return {
        "ending": decision.ending.value,
        "states": spent.states,
        "bytes": spent.bytes,
        "budget-states": spent.budget.states,
        "budget-seconds": spent.budget.seconds,
        "budget-bytes": spent.budget.bytes,
    }
