"""session-order: batches of one append session landed out of order."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.sentences import Witness
from . import promises

RANK: Final = 230

ROW: Final = Anomaly(
    "session-order",
    "batches of one append session landed out of order",
    Severity.SERIOUS,
    "ww + session",
    promises.SESSION_ORDER,
    "The batches of a session are out of order",
)


def tell(case: Case) -> Witness | None:
    """Two batches of one session of which the later one stands first."""
    if case.rule == "session":
        teller = case.teller(*case.others, case.row)
        before = ", ".join(map(teller.name, case.others))
        text = f"{teller.who(case.row)} was applied, although {before}, before it in the session, cannot have been"
        return case.witness(text, (*case.others, case.row))
    history = case.history
    session = history.session[case.row]
    rows = [row for row in (case.row, *case.others) if history.session[row] == session and case.place(row)]
    if session == NONE or len(rows) < 2:
        return None
    one, other = sorted(rows[:2])
    (first, end), (second, last) = case.place(one) or (0, 0), case.place(other) or (0, 0)
    if second >= first:
        return None
    teller = case.teller(one, other)
    text = (
        f"{teller.who(other)} was sent after {teller.name(one)} in the same session, "
        f"but stands at {teller.place(second, last)}, before {teller.place(first, end)}"
    )
    order = teller.edge(one, other, "session", f"{teller.name(one)} comes first in the session")
    stands = f"{teller.name(other)} stands at {second} and {teller.name(one)} at {first}"
    back = teller.edge(other, one, "ww", stands)
    edges = [order, back]
    return case.witness(text, (one, other), edges=edges, more=[teller.contradiction(edges)], position=second)
