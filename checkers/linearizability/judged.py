"""What is said of one stream, and how the fast acceptance says it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fencepost.harness.verdict import Validity, Violation

from ..certificate.order import Order
from ..certificate.proofs import Deferred, Proof
from .quick import Accepted


@dataclass(frozen=True, slots=True)
class Judged:
    """What is said of one stream. ``details`` are numbers, JSON-ready."""

    details: dict[str, Any]
    proof: Deferred
    violations: tuple[Violation, ...] = ()
    reasons: tuple[str, ...] = ()


def accepted(why: Accepted) -> Judged:
    """A stream that is valid for simple reasons."""
    return Judged(_details(why), Deferred(partial(_proof, why)))


def _proof(why: Accepted) -> Proof:
    from .order import first_token

    rows, stream = why.order(), why.stream
    order = Order(rows, np.zeros(len(rows), dtype=np.bool_), first_token(stream, why.token))
    return Proof(stream.name, Validity.VALID, order=order)


def _details(why: Accepted) -> dict[str, Any]:
    stream = why.stream
    return {
        "operations": len(stream.rows),
        "records": why.records,
        "tail": stream.tail + why.records,
        "appends-acked": len(stream.acked),
        "appends-indefinite-seen": 0,
        "appends-indefinite-unseen": len(stream.floating),
        "appends-indefinite-unseen-applied": 0,
        "states-searched": 0,
        "violations": 0,
    }
