"""Decides one stream: proposes orders, and lets the kernel accept one, refute the stream, or search it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from fencepost.harness.check_limits import CheckLimits
from fencepost.harness.history.history import NONE, Int64s
from fencepost.harness.verdict import Validity

from ..kernel import spec
from ..kernel.accept import Order, accept
from ..kernel.budget import Spending
from ..kernel.columns import Requirements, requirements
from ..kernel.contradiction import Contradiction
from ..kernel.refute import refute
from ..kernel.refuted import Refuted
from ..propose.propose import propose
from ..stream import Stream
from .time_left import begun

PROVABLE: Final = 10_000
"""Nodes of a search beyond which nobody can be asked to search again: then nothing is proven."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """The longest part of a proposed order that explains all answers in it.

    ``moments`` of ``of`` were replayed, up to this ``tail`` and the time ``until`` (ns since the start of the run) at
    which the last of them had begun. The answer of the next, of ``row``, is not right there: ``why``.
    """

    moments: int
    of: int
    tail: int
    until: int
    row: int
    why: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What the kernel says of a stream, and by what.

    ``order`` explains a valid stream. An invalid one has a ``contradiction``, or none where a search of ``nodes`` tried
    every order. An unknown one has the ``reason``, and the ``tail`` that no order got past. ``declined`` says why the
    order that was proposed first was not accepted; it is empty if it was. ``explained`` is how far the kernel could
    replay one, of a stream that is not valid; None where none was proposed that could be replayed.
    """

    validity: Validity
    order: Order | None = None
    contradiction: Contradiction | None = None
    nodes: int = 0
    reason: str = ""
    tail: int = 0
    declined: str = ""
    explained: Prefix | None = None


class _Attempts:
    """Orders put to the kernel: why it refused the first, and how far it could replay the one that got furthest."""

    def __init__(self, asked: Requirements, rows: Int64s) -> None:
        self._asked, self._rows = asked, rows
        self.declined = ""
        self.explained: Prefix | None = None

    def accepts(self, order: Order) -> bool:
        """Whether the kernel accepts an order."""
        try:
            accept(self._asked, self._rows, order)
        except Refuted as refuted:
            self.declined = self.declined or str(refuted)
            if refuted.place > (self.explained.moments if self.explained else NONE):
                self.explained = self._prefix(order, refuted)
            return False
        return True

    def _prefix(self, order: Order, refuted: Refuted) -> Prefix:
        columns, replayed = self._asked.asked, order.moments[: refuted.place]
        appended = replayed[columns.ask[replayed] == spec.APPEND]
        tail = self._asked.tail + int((columns.high[appended] - columns.low[appended]).sum())
        until = int(columns.invoked[replayed].max(initial=0))
        return Prefix(refuted.place, len(order.moments), tail, until, refuted.row, str(refuted))


def decide(
    asked: Requirements, rows: Int64s, limits: CheckLimits, name: str = "", *, briefly: bool = False
) -> Decision:
    """Decide a stream, whose rows are ``rows``, within the limits; ``briefly``, by one proposed order or a search."""
    attempts, orders = _Attempts(asked, rows), propose(asked, rows)
    first = next(orders, None)
    if first is None:
        attempts.declined = "no order was proposed"
    elif attempts.accepts(first):
        return Decision(Validity.VALID, first)
    contradiction = refute(asked, rows)
    if contradiction is not None:
        decision = Decision(Validity.INVALID, contradiction=contradiction)
    else:
        decision = _undecided(asked, rows, limits, name, iter(()) if briefly else orders, attempts)
    return replace(
        decision,
        declined=attempts.declined,
        explained=None if decision.validity is Validity.VALID else attempts.explained,
    )


def _undecided(
    asked: Requirements,
    rows: Int64s,
    limits: CheckLimits,
    name: str,
    orders: Iterator[Order | None],
    attempts: _Attempts,
) -> Decision:
    """Decide a stream that is not refuted, by all orders that are proposed, and by a search."""
    for order in orders:
        if order is not None and attempts.accepts(order):
            return Decision(Validity.VALID, order)
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
        case Exhausted(nodes) if nodes <= PROVABLE:
            return Decision(Validity.INVALID, nodes=nodes)
        case Exhausted(nodes):
            reason = f"a contradiction was found, and its proof is too large ({nodes:,} situations)"
            return Decision(Validity.UNKNOWN, nodes=nodes, reason=reason)
        case over:
            return Decision(Validity.UNKNOWN, nodes=over.nodes, reason=over.reason, tail=over.tail)


def contradicts_itself(stream: Stream, limits: CheckLimits) -> bool:
    """Whether a stream is certainly not linearizable."""
    asked = requirements(stream.history, stream.index, stream.rows)
    return decide(asked, stream.rows, limits, briefly=True).validity is Validity.INVALID
