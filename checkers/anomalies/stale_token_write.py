"""stale-token-write: an append that gave a fencing token was accepted where another token was in force."""

from __future__ import annotations

from typing import Final

from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims, Said
from ..explanation.cycles import contradiction
from ..explanation.sentences import Link, Witness, order
from . import promises

RANK: Final = 10

ROW: Final = Anomaly(
    "stale-token-write",
    "an append that gave a fencing token was accepted where another token was in force",
    Severity.CRITICAL,
    "the token in force at start = the token given; tr from the append to the fence, ww back",
    promises.TOKEN,
    "A stale writer got a record in",
)


def tell(case: Case) -> Witness | None:
    """An accepted append whose token was not in force at its start."""
    row, place = case.row, case.place(case.row)
    if case.rule != "token" or not case.is_append or place is None:
        return None
    start, given = place[0], int(case.history.appends.token[row])
    fence = case.fence_below(start)
    # What ended the last slot of the token below it: the fence that made its writer a stale one.
    enders = [ender for _, ender in case.slots(given) if ender is not None and ender.start < start]
    edges = [case.stands_before(one.row, row) for one in dict.fromkeys((*enders[-1:], fence)) if one is not None]
    more: list[Said] = []
    if enders:
        needs = (Claims.NEEDS(row), ", ", case.replaced(enders[-1], given))
        edges.insert(1, Link(row, enders[-1].row, "tr", needs))
        more.append(contradiction(edges[:2]))
    others = [one.row for one in dict.fromkeys((fence, *enders[-1:])) if one is not None]
    clock = next((found for other in others if (found := order(case.history, other, row))), [])
    proof = others[-1:] if case.slots(given) else []
    return case.witness(
        (*proof, row),
        case.applied(row),
        ", although ",
        *case.in_force(start),
        edges=edges,
        clock=clock,
        context=others,
        more=more,
        position=start,
    )
