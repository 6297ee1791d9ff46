"""Whether what a violation tells can be understood and checked: sentences, witness and edges speak of the same."""

from __future__ import annotations

import re
from typing import Final

from fencepost.checkers.explanation.graph import cycle_of
from fencepost.harness.history.history import History
from fencepost.harness.verdict import Violation

IN_TIME: Final = {"stale-read", "nonmonotonic-read", "future-read", "append-reorder", "fence-regression"}
"""Anomalies that contradict the clock."""


def misleading(judged: History, violation: Violation) -> str | None:
    """What is wrong with what a violation tells of its history; None if nothing is.

    Its sentences and its witness are about the same operations, all of them known. No time is left open, and none is
    before the first of them. Where an edge claims real time, the times bear it out. What contradicts the clock is a
    cycle.
    """
    for text in (*violation.sentences, *(edge.because for edge in violation.edges)):
        if "\0" in text or re.search(r"(?<![0-9a-f])-[0-9,.]+ [mn]s\b", text):
            return f"{violation}: a time is before the first operation, or left open: {text!r}"
    named = {int(number) for text in violation.sentences for number in re.findall(r"#(\d+)", text)}
    strangers = named.difference(violation.operations, violation.context)
    silent = set(violation.operations) - named
    if strangers or silent or not violation.operations:
        return f"{violation}: {sorted(strangers)} are only in the sentences, {sorted(silent)} only in the witness"
    unknown = {*violation.operations, *violation.context}.difference(judged.id.tolist())
    if unknown:
        return f"{violation}: there are no operations {sorted(unknown)}"
    for edge in violation.edges:
        source, target = judged.row_of(edge.source), judged.row_of(edge.target)
        if not edge.because or (edge.kind == "rt" and judged.returned[source] >= judged.invoked[target]):
            return f"{violation}: {edge} is not borne out"
    timely = violation.anomaly in IN_TIME and any(edge.kind == "rt" for edge in violation.edges)
    if timely and len(violation.operations) > 1 and not cycle_of(violation):
        return f"{violation}: its edges are no contradiction"
    return None
