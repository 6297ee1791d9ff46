"""Decides one stream: proposes orders, and lets the kernel accept one, refute the stream, or search it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np

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

if TYPE_CHECKING:
    from ..kernel.exhaust import Furthest

PROVABLE: Final = 10_000
"""Nodes of a search beyond which nobody can be asked to search again: then nothing is proven."""

FEW: Final = 4
"""Orders that are tried of a long stream before a contradiction is looked for, which takes longer there."""


@dataclass(frozen=True, slots=True)
class Prefix:
    """The longest part of an order, proposed or found by a search, that explains all answers in it.

    ``moments`` of ``of`` are in it, up to this ``tail`` and the time ``until`` (ns since the start of the run) at
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
    order that was proposed first was not accepted; it is empty if it was. ``explained`` is how far an order explains a
    stream that is not valid; None where none could be replayed. ``furthest`` is how far
    a search got that found no order.
    """

    validity: Validity
    order: Order | None = None
    contradiction: Contradiction | None = None
    nodes: int = 0
    reason: str = ""
    tail: int = 0
    declined: str = ""
    explained: Prefix | None = None
    furthest: Furthest | None = None


class _Attempts:
    """Orders put to the kernel: why it refused the first, and how far it could replay the one that got furthest."""

    def __init__(self, asked: Requirements, rows: Int64s) -> None:
        self._asked, self._rows = asked, rows
        self.declined = ""
        self.explained: Prefix | None = None
        self._answers = NONE

    def accepts(self, order: Order) -> bool:
        """Whether the kernel accepts an order."""
        try:
            accept(self._asked, self._rows, order)
        except Refuted as refuted:
            self.declined = self.declined or str(refuted)
            if refuted.place != NONE:
                self._explains(order.moments[: refuted.place], len(order.moments), refuted.row, str(refuted))
            return False
        return True

    def searched(self, furthest: Furthest) -> None:
        """Look at the order that got furthest in a search, unless an append stands in it more than once."""
        from .tightest import tightest

        order = furthest.order.moments
        found = tightest(self._asked, self._rows, furthest) if len(np.unique(order)) == len(order) else None
        if found is not None:
            left = int((self._asked.asked.optional == 0).sum() - (self._asked.asked.optional[order] == 0).sum())
            self._explains(order, len(order) + left, found.row, found.last)

    def _explains(self, order: Int64s, of: int, row: int, why: str) -> None:
        """Keep what an order explains, if none explained more answers."""
        columns = self._asked.asked
        answers = int((columns.optional[order] == 0).sum())
        if answers > self._answers:
            self._answers = answers
            appended = order[columns.ask[order] == spec.APPEND]
            tail = self._asked.tail + int((columns.high[appended] - columns.low[appended]).sum())
            self.explained = Prefix(len(order), of, tail, int(columns.invoked[order].max(initial=0)), row, why)


def decide(
    asked: Requirements, rows: Int64s, limits: CheckLimits, name: str = "", *, briefly: bool = False
) -> Decision:
    """Decide a stream, whose rows are ``rows``, within the limits; ``briefly``, by one proposed order or a search."""
    attempts, orders = _Attempts(asked, rows), propose(asked, rows)
    for order in islice(orders, FEW if asked.is_many and not briefly else 1):
        if order is not None and attempts.accepts(order):
            return Decision(Validity.VALID, order, declined=attempts.declined)
    attempts.declined = attempts.declined or "no order was proposed"
    contradiction = refute(asked, rows)
    if contradiction is not None:
        decision = Decision(Validity.INVALID, contradiction=contradiction)
    else:
        decision = _undecided(asked, rows, limits, name, iter(()) if briefly else orders, attempts)
        if decision.furthest is not None and not briefly:
            attempts.searched(decision.furthest)
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
