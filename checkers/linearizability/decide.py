"""Decides one stream: proposes orders, and lets the kernel accept one, refute the stream, or search it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fencepost.harness.check_limits import CheckLimits
from fencepost.harness.history.history import Int64s
from fencepost.harness.verdict import Validity

from ..chain.stream import Stream
from ..kernel.accept import Order, accept
from ..kernel.budget import Spending
from ..kernel.columns import Requirements, requirements
from ..kernel.contradiction import Contradiction
from ..kernel.refute import refute
from ..kernel.refuted import Refuted
from ..propose.propose import propose
from .time_left import begun

PROVABLE: Final = 10_000
"""Nodes of a search beyond which nobody can be asked to search again: then nothing is proven."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the kernel says of a stream, and by what.

    ``order`` explains a valid stream. An invalid one has a ``contradiction``, or none where a search of ``nodes`` tried
    every order. An unknown one has the ``reason``, and the ``tail`` that no order got past. ``declined`` says why the
    order that was proposed first was not accepted; it is empty if it was.
    """

    validity: Validity
    order: Order | None = None
    contradiction: Contradiction | None = None
    nodes: int = 0
    reason: str = ""
    tail: int = 0
    declined: str = ""


def decide(asked: Requirements, rows: Int64s, limits: CheckLimits, name: str = "") -> Decision:
    """Decide a stream, whose rows are ``rows``, within the limits."""
    declined, orders = "no order was proposed", propose(asked, rows)
    first = next(orders, None)
    if first is not None and not (declined := _refusal(asked, rows, first)):
        return Decision(Validity.VALID, first)
    contradiction = refute(asked, rows)
    if contradiction is not None:
        return Decision(Validity.INVALID, contradiction=contradiction, declined=declined)
    for order in orders:
        if order is not None and not _refusal(asked, rows, order):
            return Decision(Validity.VALID, order, declined=declined)
    limits.progress(f"searching ({name})")
    limits = begun(limits)
    assert limits.since is not None
    return _searched(asked, rows, Spending(limits.budget, limits.progress, begun=limits.since), declined)


def _refusal(asked: Requirements, rows: Int64s, order: Order) -> str:
    """Why the kernel does not accept an order; empty if it does."""
    try:
        accept(asked, rows, order)
    except Refuted as refuted:
        return str(refuted)
    return ""


def _searched(asked: Requirements, rows: Int64s, spent: Spending, declined: str) -> Decision:
    from ..kernel.exhaust import Exhausted, Found, exhaust

    match exhaust(asked, rows, spent):
        case Found(order):
            accept(asked, rows, order)
            return Decision(Validity.VALID, order, nodes=spent.states, declined=declined)
        case Exhausted(nodes) if nodes <= PROVABLE:
            return Decision(Validity.INVALID, nodes=nodes, declined=declined)
        case Exhausted(nodes):
            reason = f"a contradiction was found, and its proof is too large ({nodes:,} situations)"
            return Decision(Validity.UNKNOWN, nodes=nodes, reason=reason, declined=declined)
        case over:
            return Decision(Validity.UNKNOWN, nodes=over.nodes, reason=over.reason, tail=over.tail, declined=declined)


def contradicts_itself(stream: Stream, limits: CheckLimits) -> bool:
    """Whether a stream is certainly not linearizable."""
    asked = requirements(stream.history, stream.index, stream.rows)
    if refute(asked, stream.rows) is not None:
        return True
    return decide(asked, stream.rows, limits).validity is Validity.INVALID
