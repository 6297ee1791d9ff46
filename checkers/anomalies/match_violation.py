"""match-violation: an append that gave match_seq_num was accepted at another position."""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import NONE
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
from ..explanation.sentences import Witness
from . import promises

RANK: Final = 20

ROW: Final = Anomaly(
    "match-violation",
    "an append that gave match_seq_num was accepted at another position",
    Severity.CRITICAL,
    "start = match_seq_num",
    promises.MATCH,
    "An append was accepted at another position than it asked for",
)


def tell(case: Case) -> Witness | None:
    """An append that was accepted, or seen, elsewhere than its match_seq_num asked for."""
    match = case.history.appends.match_seq_num
    if case.is_append and case.rule in ("match", "start", "overlap"):
        place = case.place(case.row)
        found = [(case.row, place[0])] if place else []
    elif case.content is not None:
        position, _, digest = case.content
        senders = [(row, index) for row, index in case.senders(digest) if not case.failed(row)]
        placed = len(case.positions_of(digest)) > len(senders) or any(case.acked(row) for row, _ in senders)
        found = [] if placed else [(row, position - index) for row, index in senders]
        found = [one for one in found if one[1] >= case.asked.tail and not case.other_readers(*one)]
    else:
        return None
    if not found or any(match[row] in (NONE, start) for row, start in found):
        return None
    row, start = found[0]
    took = Claims.ACKNOWLEDGED(row)
    if not case.acked(row):
        took = Claims.TOOK_EFFECT_AT(row, places=(start, start + len(case.sent(row))))
    return case.witness((case.row, row), took, ", although ", Claims.ASKED_FOR(row), position=start)
