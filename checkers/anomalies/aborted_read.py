"""aborted-read: a record of an append that failed for certain is present (G1a)."""

from __future__ import annotations

from typing import Final

import numpy as np

from fencepost.harness.history.chain_hash import fold
from fencepost.harness.history.history import FOREVER, Kind, Outcome
from fencepost.harness.verdict import Anomaly, Severity

from ..explanation.case import Case
from ..explanation.claims import Claims
from ..explanation.sentences import Link, Witness
from ..kernel import spec
from . import promises

RANK: Final = 60

ROW: Final = Anomaly(
    "aborted-read",
    "a record of an append that failed for certain is present (G1a)",
    Severity.CRITICAL,
    "wr from a failed append",
    promises.DEFINITE,
    "An append that failed was applied",
)


def tell(case: Case) -> Witness | None:
    """A record that only appends which failed had sent."""
    if case.ask == spec.WHOLE:
        return _by_hash(case)
    if case.content is None:
        return None
    position, read, digest = case.content
    senders = case.senders(digest)
    if not senders or not all(case.failed(row) and not case.poisoned(row) for row, _ in senders):
        return None
    row, index = senders[0]
    returned = case.read_of(read, position, row, index)
    edges = [Link(row, read, "wr", (returned,))]
    return case.witness((row, read), Claims.FAILED(row), ", yet ", returned, edges=edges, position=position)


def _by_hash(case: Case) -> Witness | None:
    """A hash that is right only with the records of an append that failed, right after what was acknowledged."""
    history, appends, row = case.history, case.history.appends, case.row
    tail, told = case.exact(row), int(history.reads.stream_hash[row])
    acked = case.acked_at(0, FOREVER)
    end = int(appends.end[acked[-1]]) if len(acked) else 0
    failed = case.rows[(history.outcome[case.rows] == Outcome.FAILED) & (history.kind[case.rows] == Kind.APPEND)]
    failed = failed[(np.diff(appends.offset)[failed] == tail - end) & (case.asked.tail == 0)]
    known = fold([digest for one in acked.tolist() for digest in case.sent(one)]) if len(failed) else 0
    for one in failed.tolist():
        if fold(case.sent(one), known) == told:
            stand = Claims.HASH_OF_FAILED(row, one, places=(end, tail))
            edges = [Link(one, row, "wr", (stand,))]
            return case.witness((one, row), Claims.FAILED(one), ", yet ", stand, edges=edges, position=end)
    return None
