"""session-order: batches of one append session landed out of order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
from ..explanation.cycles import contradiction
from ..explanation.sentences import Link, Witness, joined
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
    row = case.row
    if case.rule == "session":
        before = joined([(Claims.UNAPPLIED_BEFORE(other, row),) for other in case.others], ", and ")
        return case.witness((*case.others, row), case.applied(row), ", although ", *before)
    for first, second in _pairs(case):
        place, behind = case.place(first), case.place(second)
        together = case.history.session[first] == case.history.session[second] != NONE
        if together and place is not None and behind is not None and behind < place:
            because = (Claims.SAME_SESSION(first, second),)
            edges = [Link(first, second, "session", because), case.stands_before(second, first)]
            said = joined([edge.because for edge in edges], ", but ")
            more = [contradiction(edges)]
            return case.witness((first, second), *said, edges=edges, more=more, position=behind[0])
    return None


def _pairs(case: Case) -> Iterator[tuple[int, int]]:
    """Yield pairs of operations that contradict each other, the earlier one first.

    A record in the place that another batch's ack names makes such a pair of its batch and that one.
    """
    for other in case.others:
        yield min(case.row, other), max(case.row, other)
    if case.content is not None:
        position, _, digest = case.content
        for sender, _ in case.senders(digest):
            for owner in case.acked_at(position, position + 1).tolist():
                yield min(sender, owner), max(sender, owner)
