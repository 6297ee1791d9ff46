"""stale-token-write: an append that gave a fencing token was accepted where another token was in force."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Edge, Severity

from ..explanation.case import Case
from ..explanation.sentences import Witness, sentence
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
    if case.rule != "token" or not case.is_append:
        return None
    row, place, given = case.row, case.place(case.row), int(case.history.appends.token[case.row])
    start = NONE if place is None else place[0]
    fence = case.fence_below(start)
    # What ended the last slot of the token below it: the fence that made its writer a stale one.
    enders = [ender for _, ender in case.slots(given) if ender is not None and ender.start < start]
    ender = enders[-1] if enders else None
    setter, ended = (NONE if one is None else one.row for one in (fence, ender))
    teller = case.teller(row, setter, ended)
    took = "was accepted" if case.acked(row) else "took effect"
    where = "" if start == NONE else f" at {start}"
    in_force = teller.initial(case.asked.stream) if fence is None else teller.token(fence.token)
    since = "since the beginning" if fence is None else f"set by {teller.name(setter)} at {fence.start}"
    text = f"{teller.who(row)} {took}{where}, although the token in force there was {in_force}, {since}"
    edges: list[Edge] = []
    more: list[str] = []
    others = [other for other in dict.fromkeys((setter, ended)) if other != NONE]
    for one in (ender, fence):
        if one is not None and place is not None:
            stands = f"{teller.name(one.row)} stands at {teller.place(one.start, one.end)}"
            edges.append(teller.edge(one.row, row, "ww", f"{stands} and {teller.name(row)} from {start} on"))
    if ender is not None:
        because = (
            f"{teller.name(row)} needs the token {teller.token(given)}, "
            f"which {teller.name(ended)} replaced by its fence at {ender.start}"
        )
        edges.insert(1, teller.edge(row, ended, "tr", because))
        more.append(teller.contradiction(edges[:2]))
    for other in others:
        order = teller.order(other, row)
        if order:
            edges += order
            more.append(sentence(order[0].because))
            break
    proof = others[::-1][:1] if case.slots(given) else []
    edges = list(dict.fromkeys(edges))
    return case.witness(text, (*proof, row), edges=edges, context=others, more=more, position=start)
