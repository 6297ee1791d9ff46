"""Decides one stream: proposes orders, and lets the kernel accept one, refute the stream, or search it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

from fencepost.harness.check_limits import CheckLimits
from fencepost.harness.history.history import Int64s
from fencepost.harness.verdict import Explained, Validity

from ..kernel.accept import Order, accept
from ..kernel.budget import Spending
from ..kernel.columns import Requirements, requirements
from ..kernel.contradiction import Contradiction
from ..kernel.refute import refute
from ..propose.propose import Doubtful, propose
from ..stream import Stream
from .attempts import Attempts
from .time_left import begun

if TYPE_CHECKING:
    from ..kernel.exhaust import Furthest

PROVABLE: Final = 10_000
"""Nodes of a search beyond which nobody can be asked to search again: then nothing is proven."""

FEW: Final = 4
"""Orders that are tried of a long stream before a contradiction is looked for, which takes longer there."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the kernel says of a stream, and by what.

    ``order`` explains a valid stream. An invalid one has a ``contradiction``, or none where a search of ``nodes`` tried
    every order. An unknown one has the ``reason``, and the ``tail`` that no order got past. ``declined`` says why the
    order that was proposed first was not accepted; it is empty if it was. ``explained`` is how far an order explains a
    stream that is not valid; None where none could be replayed. ``furthest`` is how far a search got that found no
    order. ``nearly`` is an order of all moments but some that have no place in it, if one was proposed.
    """

    validity: Validity
    order: Order | None = None
    contradiction: Contradiction | None = None
    nodes: int = 0
    reason: str = ""
    tail: int = 0
    declined: str = ""
    explained: Explained | None = None
    furthest: Furthest | None = None
    nearly: Order | None = None


def decide(
    asked: Requirements, rows: Int64s, limits: CheckLimits, name: str = "", *, briefly: bool = False
) -> Decision:
    """Decide a stream, whose rows are ``rows``, within the limits; ``briefly``, by one proposed order or a search."""
    attempts, orders = Attempts(asked, rows), propose(asked, rows)
    accepted = attempts.accepted(islice(orders, FEW if asked.is_many and not briefly else 1))
    if accepted is not None:
        return Decision(Validity.VALID, accepted, declined=attempts.declined)
    attempts.declined = attempts.declined or "no order was proposed"
    contradiction = refute(asked, rows)
    if contradiction is not None:
        decision = Decision(Validity.INVALID, contradiction=contradiction)
    else:
        decision = _undecided(asked, rows, limits, name, iter(()) if briefly else orders, attempts)
    if decision.validity is not Validity.VALID and not briefly:
        attempts.conclude(decision.furthest)
    return replace(
        decision,
        declined=attempts.declined,
        nearly=attempts.nearly,
        explained=None if decision.validity is Validity.VALID else attempts.explained,
    )


def _undecided(
    asked: Requirements,
    rows: Int64s,
    limits: CheckLimits,
    name: str,
    orders: Iterator[Order | Doubtful | None],
    attempts: Attempts,
) -> Decision:
    """Decide a stream that is not refuted, by all orders that are proposed, and by a search."""
    accepted = attempts.accepted(orders)
    if accepted is not None:
        return Decision(Validity.VALID, accepted)
    limits.progress(f"searching ({name})")
    limits = begun(limits)
    assert limits.since is not None
    return _searched(asked, rows, Spending(limits.budget, limits.progress, begun=limits.since))


def _searched(asked: Requirements, rows: Int64s, spent: Spending) -> Decision:
    from ..kernel.exhaust import Exhausted, Found, exhaust

    match exhaust(asked, rows, spent):
        case Found(order):
            accept(asked, rows, order)
            return Decision(Validity.VALID, order, nodes=spent.states)
        case Exhausted(nodes, furthest) if nodes <= PROVABLE:
            return Decision(Validity.INVALID, nodes=nodes, furthest=furthest)
        case Exhausted(nodes, furthest):
            reason = f"a contradiction was found, and its proof is too large ({nodes:,} states)"
            return Decision(Validity.UNKNOWN, nodes=nodes, reason=reason, furthest=furthest)
        case over:
            return Decision(
                Validity.UNKNOWN, nodes=over.nodes, reason=over.reason, tail=over.tail, furthest=over.furthest
            )


def contradicts_itself(stream: Stream, limits: CheckLimits) -> bool:
    """Whether a stream is certainly not linearizable."""
    asked = requirements(stream.history, stream.index, stream.rows)
    return decide(asked, stream.rows, limits, briefly=True).validity is Validity.INVALID
