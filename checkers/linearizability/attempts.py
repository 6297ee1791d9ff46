"""Puts proposed orders to the kernel, and keeps how far one explains a stream."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fencepost.harness.history.history import NONE, Int64s
from fencepost.harness.verdict import Explained

from ..kernel import spec
from ..kernel.accept import Order, accept, replayed, untimely
from ..kernel.columns import Requirements
from ..kernel.contradiction import Refuted, described
from ..kernel.log import ANOTHER, number
from ..propose.propose import Doubtful

if TYPE_CHECKING:
    from ..kernel.exhaust import Furthest


class Attempts:
    """Orders put to the kernel: why it refused the first, and how far it could replay the one that got furthest.

    ``nearly`` is an order of all moments but some that have no place in it, if one was proposed.
    """

    def __init__(self, asked: Requirements, rows: Int64s) -> None:
        self._asked, self._rows = asked, rows
        self.declined = ""
        self.explained: Explained | None = None
        self._answers = NONE
        self._doubtful: Order | None = None
        self.nearly: Order | None = None

    def accepted(self, orders: Iterable[Order | Doubtful | None]) -> Order | None:
        """The first of some orders that the kernel accepts. The first doubtful one is kept for :meth:`conclude`."""
        for order in orders:
            if isinstance(order, Doubtful):
                if self._doubtful is None:
                    self._doubtful, moments = order.order, order.order.moments
                    self.nearly = replace(order.order, moments=moments[~np.isin(moments, order.wrong)])
            elif order is not None and self._is_accepted(order):
                return order
        return None

    def _is_accepted(self, order: Order) -> bool:
        try:
            accept(self._asked, self._rows, order)
        except Refuted as refuted:
            self.declined = self.declined or str(refuted)
            if refuted.place != NONE:
                self._explains(order.moments[: refuted.place], len(order.moments), refuted.found.rows[0], str(refuted))
            else:
                self._doubtful = self._doubtful or order
            return False
        return True

    def conclude(self, furthest: Furthest | None) -> None:
        """Look also at what a search began, at a doubtful order, and at those of the calls and of the answers."""
        if self._doubtful is not None and self.explained is None:
            self._begun(self._doubtful)
        if furthest is not None:
            self._searched(furthest)
        if self.explained is None or not self._asked.is_many:
            self._begun(self._by(self._asked.asked.invoked))
            self._begun(self._by(self._asked.asked.returned))

    def _searched(self, furthest: Furthest) -> None:
        """Look at the order that got furthest in a search."""
        from .tightest import tightest

        order = furthest.order.moments
        found = tightest(self._asked, self._rows, furthest)
        if found is not None:
            left = int((self._asked.asked.optional == 0).sum() - (self._asked.asked.optional[order] == 0).sum())
            self._explains(order, len(order) + left, found.row, found.last(self._asked))

    def _by(self, times: Int64s) -> Order:
        """Everything that was answered, in the order of these times."""
        asked = self._asked
        declared = asked.history.header.streams[asked.stream].fencing_token
        answered = np.flatnonzero(asked.asked.optional == 0)
        token = ANOTHER if declared is None else number(asked.history, declared)
        return Order(answered[np.argsort(times[answered], kind="stable")], token)

    def _begun(self, order: Order) -> None:
        """Replay an order up to where it is wrong, or leaves real time."""
        moments, place = order.moments, np.full(len(self._asked), NONE, dtype=np.int64)
        place[moments] = np.arange(len(moments))
        cut, why = untimely(self._asked, moments, place)
        try:
            at, reason = replayed(self._asked, self._rows, Order(moments[:cut], order.token, order.latest))
        except Refuted:
            return
        if at < len(moments):
            why = spec.REASONS[reason] if at < cut else why
            row = int(self._asked.asked.row[moments[at]])
            self._explains(moments[:at], len(moments), row, f"{described(self._asked, moments[at])} {why}")

    def _explains(self, order: Int64s, of: int, row: int, why: str) -> None:
        """Keep what an order explains, if none explained more answers."""
        columns = self._asked.asked
        answers = int((columns.optional[order] == 0).sum())
        if answers > self._answers:
            self._answers = answers
            appended = order[columns.ask[order] == spec.APPEND]
            tail = self._asked.tail + int((columns.high[appended] - columns.low[appended]).sum())
            until, history = int(columns.invoked[order].max(initial=0)), self._asked.history
            name, op = history.header.streams[self._asked.stream].name, int(history.id[row])
            self.explained = Explained(name, len(order), of, tail, until, op, why)
