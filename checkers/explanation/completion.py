"""Completes what a violation tells: every operation of its witness, and the times, which were left open until here."""

from __future__ import annotations

from dataclasses import replace

from fencepost.harness.history.history import History
from fencepost.harness.history.times import times_of
from fencepost.harness.verdict import Violation

from .elision import few
from .sentences import Narrator, ran


def completed(history: History, violation: Violation) -> Violation:
    """The violation with a sentence for each operation of its witness, and beside it all others that these name.

    A witness that was made minimal may hold operations that nobody thought of when it was told. Times count from the
    first of all these operations.
    """
    known = _mentioned(violation)
    rows = [history.row_of(op) for op in violation.operations if op not in known]
    needed = [("Also needed: ", *ran(history, row)) for row in rows]
    violation = Narrator(history).told(violation, few(needed))
    beside = tuple(sorted(_mentioned(violation).difference(violation.operations, violation.context)))
    context = (*violation.context, *beside)
    times = times_of(history, map(history.row_of, (*violation.operations, *context)))
    return replace(
        violation,
        context=context,
        sentences=tuple(times.filled(one) for one in violation.sentences),
        edges=tuple(replace(edge, because=times.filled(edge.because)) for edge in violation.edges),
        since=times.zero,
    )


def _mentioned(violation: Violation) -> set[int]:
    """The operations (ids) that the sentences claim something of."""
    return {op for claim in violation.claims for op in claim.operations}
