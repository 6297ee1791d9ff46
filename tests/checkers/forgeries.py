"""Forged proofs: orders that are wrong in few places or in many, and statements that claim what nobody knows.

The kernel must accept no proof that a history is valid which no order explains, nor that one is invalid which an order
does explain. What is tried: orders that go wrong as late as they can, random ones, both with swaps; tokens and
timestamps invented; statements invented, left out, or taken from another history.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random

import numpy as np

from fencepost.checkers.kernel import log as logs
from fencepost.checkers.kernel import spec
from fencepost.checkers.kernel.accept import Order, accept, listed
from fencepost.checkers.kernel.columns import Requirements
from fencepost.checkers.kernel.contradiction import Refuted
from fencepost.checkers.kernel.format import Claim, Damaged, NamedViolation, Statement, linearization, write
from fencepost.checkers.kernel.verify import verify
from fencepost.harness.history.history import NONE, Int64s

Parts = Mapping[str, bytes]


class Forger:
    """Forges proofs of one history after another; it keeps the last forged certificate, to pass it off for the next.

    ``tried`` counts the forgeries.
    """

    def __init__(self) -> None:
        self.tried = 0
        self._stolen: Parts | None = None

    def accepted(self, random: Random, asked: Requirements, explained: bool, orders: int = 4) -> str | None:
        """What the kernel accepted of the forged proofs of a history of one stream; None if nothing.

        ``explained``: an order explains it. ``orders`` are tried where none does.
        """
        judged, rows = asked.history, np.arange(len(asked.history), dtype=np.int64)
        forged = _orders(random, asked, rows)
        tried = [next(forged) for _ in range(1 if explained else orders)]
        if not explained:
            self.tried += len(tried)
            for order in tried:
                if _is_accepted(asked, rows, order):
                    return f"the kernel accepts the order {order.moments.tolist()} of what no order explains"
        wanted, parts = "invalid" if explained else "valid", self._stolen
        if parts is None or random.random() < 0.8:
            parts = self._stolen = write(judged, _statement(random, asked, tried[-1], wanted))
        self.tried += 1
        if _fails(asked, parts, wanted):
            return None
        return f"the verifier takes for {wanted}, which it is not: {parts['statement.json'].decode()}"


def _is_accepted(asked: Requirements, rows: Int64s, order: Order) -> bool:
    try:
        accept(asked, rows, order)
    except Refuted:
        return False
    return True


def _fails(asked: Requirements, parts: Parts, claimed: str) -> bool:
    try:
        return bool(verify(asked.history, parts, claimed, lambda *_: asked).failures)
    except Damaged:
        return True


# -- orders


def _orders(random: Random, asked: Requirements, rows: Int64s) -> Iterator[Order]:
    """Orders without end. The first keeps the rules for as long as it can; all keep to the clock, or nearly."""
    while True:
        token, latest = _token(random, asked), _latest(random, asked, rows)
        moments = _near(random, asked, rows, token, latest)
        yield Order(np.array(moments, dtype=np.int64), token, latest)
        yield Order(np.array(_swapped(random, moments), dtype=np.int64), token, latest)
        moments = _any(random, asked)
        yield Order(np.array(moments, dtype=np.int64), token)
        yield Order(np.array(_changed(random, moments, len(asked)), dtype=np.int64), token)


def _token(random: Random, asked: Requirements) -> int:
    declared = asked.history.header.streams[asked.stream].fencing_token
    if declared is not None and random.random() < 0.8:
        return logs.number(asked.history, declared)
    return random.choice((*range(len(asked.history.tokens)), logs.ANOTHER))


def _latest(random: Random, asked: Requirements, rows: Int64s) -> list[tuple[int, int]]:
    """Bounds of timestamps; most are near to what was reported."""
    position, stamp, _ = logs.reported(asked, rows)
    if not len(position) or random.random() < 0.5:
        return []
    top = int(position.max()) + 3
    near = [int(time) + change for time in stamp.tolist() for change in (-1, 0, 1)]
    return [(random.randint(-1, top), random.choice(near)) for _ in range(random.randint(1, 3))]


def _near(random: Random, asked: Requirements, rows: Int64s, token: int, latest: list[tuple[int, int]]) -> list[int]:
    """An order in which the specification allows each answer where it stands, or few of them are wrong."""
    table, records = listed(asked.asked), listed(asked.records)
    try:
        log, state = logs.begin(asked, rows, len(records.sent), token, latest)
    except Refuted:
        return _any(random, asked)
    log, state = listed(log), state.tolist()
    order: list[int] = []
    for due in _due(random, asked, order):
        right = [m for m in due if not table.optional[m] and spec.step(table, records, log, state, m, False) == 0]
        right = right or [m for m in due if spec.step(table, records, log, state, m, False) == 0]
        m = right[0] if right else due[0]
        if right or table.ask[m] == spec.APPEND:
            spec.step(table, records, log, state, m, True)
        order.append(m)
    return order


def _any(random: Random, asked: Requirements) -> list[int]:
    """An order that keeps to the clock and is random beyond."""
    order: list[int] = []
    for due in _due(random, asked, order):
        order.append(due[0])
    return order


def _due(random: Random, asked: Requirements, order: list[int]) -> Iterator[list[int]]:
    """What may come next, shuffled, until all is in the order that has to be. The caller adds to the order."""
    columns = asked.asked
    invoked, returned = columns.invoked.tolist(), columns.returned.tolist()
    ahead = [(one, other) for one, other, _ in asked.ahead.tolist()]
    left = {m for m in range(len(asked)) if not columns.optional[m] or random.random() < 0.7}
    while left:
        least = min(returned[m] for m in left)
        behind = {other for one, other in ahead if one in left}
        due = [m for m in left if invoked[m] <= least and m not in behind] or sorted(left)
        random.shuffle(due)
        yield due
        left.discard(order[-1])


def _swapped(random: Random, moments: list[int]) -> list[int]:
    moments = list(moments)
    if len(moments) > 1:
        i = random.randrange(len(moments) - 1)
        j = random.choice((i + 1, random.randrange(len(moments))))
        moments[i], moments[j] = moments[j], moments[i]
    return moments


def _changed(random: Random, moments: list[int], number: int) -> list[int]:
    """With one moment left out, there twice, or of nothing."""
    moments = list(moments)
    if moments and random.random() < 0.5:
        del moments[random.randrange(len(moments))]
    else:
        moments.insert(random.randint(0, len(moments)), random.randint(NONE, number))
    return moments


# -- statements


def _statement(random: Random, asked: Requirements, order: Order, wanted: str) -> Statement:
    """A statement that wants a history to be what it is not, by an order of it or by nothing."""
    history, name = asked.history, asked.history.header.streams[asked.stream].name
    known = order.moments[(order.moments != NONE) & (order.moments < len(asked))]
    claim = Claim(name, wanted, linearization(asked, Order(known, order.token, order.latest)))
    some = [int(op) for op in history.id.tolist() if random.random() < 0.3]
    violation = NamedViolation("stale-read", some, some[::-1], 0, [(a, b, "ww") for a in some[:1] for b in some[1:2]])
    unknown = replace(claim, validity="unknown")
    made: tuple[list[Claim], ...] = (
        [claim],
        [replace(claim, order=None, nodes=random.choice((0, 1, 10**6)))],
        [replace(claim, violations=[violation], nodes=random.choice((None, 1)))],
        [replace(claim, nodes=random.choice((0, 1)), reasons=["nobody knows"])],
        [],
        [claim, claim],
        [replace(claim, stream=name + "'")],
        [unknown],
        [replace(unknown, reasons=["nobody knows"])],
    )
    return Statement(random.choice(made))
