"""What notices a mutant: something that the kernel, as it then is, says of a small history and the oracles do not.

A *judge* asks one part of the checker about a :class:`~tests.checkers.known_cases.Case`, and says what is wrong with
the answer (None if nothing is):

- ``orders``: the kernel accepts the order that an oracle found, and no forged one;
- ``literal``: the specification allows an order if, and only if, the oracles know one (every order is tried);
- ``search``: so does the exhaustive search, and the kernel accepts what that finds;
- ``refutation``: what an order explains is never refuted, and what was refuted without a search still is;
- ``decision``: the verdict is right, whatever a proposer or a search lies;
- ``proposal``: where the first order that was proposed was accepted, it still is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Final

import pytest

from fencepost.checkers.kernel import exhaust as searching
from fencepost.checkers.kernel.accept import Order, accept
from fencepost.checkers.kernel.budget import Spending
from fencepost.checkers.kernel.columns import Requirements
from fencepost.checkers.kernel.contradiction import Refuted
from fencepost.checkers.kernel.refute import refute
from fencepost.checkers.linearizability import decide as deciding
from fencepost.harness.check_limits import Budget
from fencepost.harness.history.history import NONE, Int64s
from fencepost.harness.verdict import Validity
from tests.checkers.known_cases import NODES, Case, decisions, verdict_on
from tests.checkers.literal import has_order

MOST_ORDERS: Final = 20_000
"""A history with more, roughly, is not tried literally."""


def orders(case: Case) -> str | None:
    """The kernel accepts the order of an oracle, and no forged one."""
    if len(case.history.header.streams) != 1:
        return None
    ((asked, rows),) = case.streams
    if case.order is not None and not _is_accepted(asked, rows, case.order):
        return "an order that explains everything is not accepted"
    if any(_is_accepted(asked, rows, order) for order in case.forgeries):
        return "a forged order is accepted"
    return None


def _is_accepted(asked: Requirements, rows: Int64s, order: Order) -> bool:
    try:
        accept(asked, rows, order)
    except Refuted:
        return False
    return True


def literal(case: Case) -> str | None:
    """There is an order, by the specification alone, if the oracles know one."""
    streams = case.streams
    if any(_effort(asked) > MOST_ORDERS for asked, _ in streams):
        return None
    found = all(has_order(asked, rows) for asked, rows in streams)
    return None if found == case.is_explained else f"the specification allows an order: {found}"


def _effort(asked: Requirements) -> int:
    columns = asked.asked
    times = len(set(columns.since[columns.since != NONE].tolist()))
    cuts = (asked.tail + len(asked.records.sent) + 1) ** times
    return int(cuts * len(asked) * 2 ** int(columns.optional.sum()))


def search(case: Case) -> str | None:
    """The search finds an order that is accepted, or tries all in vain."""
    found = True
    for asked, rows in case.streams:
        result = searching.exhaust(asked, rows, Spending(Budget(NODES, inf, inf)))  # type: ignore[arg-type]
        if isinstance(result, searching.Over):
            return None
        if isinstance(result, searching.Found) and not _is_accepted(asked, rows, result.order):
            return "the search found an order that is not accepted"
        found &= isinstance(result, searching.Found)
    return None if found == case.is_explained else f"the search finds an order: {found}"


def refutation(case: Case) -> str | None:
    """What can be explained is not refuted; what could be refuted still is."""
    found = any(refute(asked, rows) is not None for asked, rows in case.streams)
    return None if found == case.is_refuted else f"it is refuted: {found}"


def decision(case: Case) -> str | None:
    """The verdict is right, with the proposer, and with one that lies."""
    for proposer in (deciding.propose, lambda *_: iter(case.forgeries)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deciding, "propose", proposer)
            verdict = verdict_on(case)
        if verdict not in (Validity.UNKNOWN, Validity.VALID if case.is_explained else Validity.INVALID):
            return f"the verdict is {verdict}"
    return _believes(case)


def _believes(case: Case) -> str | None:
    """Whether a search that lies is believed, or one that was not finished."""
    answers = [searching.Found(order) for order in case.forgeries[:4]]
    for answer in (*answers, searching.Exhausted(deciding.PROVABLE + 1), searching.Over(0, "for a test", 0)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deciding, "propose", lambda *_: iter(()))
            patch.setattr(deciding, "refute", lambda *_: None)
            patch.setattr(searching, "exhaust", lambda *_, answer=answer: answer)
            try:
                verdict = verdict_on(case)
            except Refuted:
                continue
        if verdict is not Validity.UNKNOWN and case.history.header.streams:
            return f"the verdict is {verdict}, and rests on {answer}"
    return None


def proposal(case: Case) -> str | None:
    """The first order that is proposed is accepted where it was."""
    lost = case.is_proposed and any(decision.declined for decision in decisions(case))
    return "the first order is not accepted" if lost else None


JUDGES: Final[Mapping[str, Callable[[Case], str | None]]] = {
    judge.__name__: judge for judge in (orders, literal, search, refutation, decision, proposal)
}
