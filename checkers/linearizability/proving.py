"""From a judgement to what proves it."""

from __future__ import annotations

import numpy as np

from fencepost.harness.verdict import Validity

from ..certificate.order import Order
from ..certificate.proofs import Opening, Proof
from ..judgement import Judgement
from ..search.decide import Decision
from ..search.search import Ending
from .order import unmentioned


def proof(judgement: Judgement) -> Proof:
    """The proof of one stream. Raises ValueError for a judgement of valid that comes with no order."""
    name, found, decision = judgement.stream.name, judgement.findings.violations(), judgement.decision
    spent = {} if decision is None else _spent(decision)
    if found:
        return Proof(name, Validity.INVALID, violations=found, spent=spent)
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
    history, stream = judgement.history, judgement.stream
    sequence = np.array(decision.sequence, dtype=np.int64).reshape(-1, 2)
    token = None
    if history.header.streams[stream.index].fencing_token is None:
        token = history.tokens[decision.token] if decision.token >= 0 else unmentioned(history)
    return Order(sequence[:, 0], sequence[:, 1] > 0, token)


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
