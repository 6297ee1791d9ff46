"""Which operations of a history belong to violations."""

from __future__ import annotations

from fencepost.harness.history.history import History
from fencepost.harness.verdict import Validity, Verdict

from .text import number


def marked_rows(history: History, verdict: Verdict) -> list[int]:
    """The rows of the operations that prove violations, ascending, each once. Unknown ids are left out."""
    return sorted({row for violation in verdict.violations for row in known(history, violation.operations)})


def known(history: History, operations: tuple[int, ...]) -> list[int]:
    """The rows of these operation ids, in their order, without those that the history lacks."""
    rows = []
    for operation in operations:
        try:
            rows.append(history.row_of(operation))
        except KeyError:
            continue
    return rows


def headline(history: History, verdict: Verdict) -> str:
    """What the picture is of: the workload, how much of it, and the verdict with its anomalies."""
    found: dict[str, int] = {}
    for violation in verdict.violations:
        found[violation.anomaly] = found.get(violation.anomaly, 0) + violation.count
    anomalies = ", ".join(name if times == 1 else f"{name} ×{times:,}" for name, times in found.items())
    said = verdict.validity.value
    if verdict.validity is Validity.INVALID and anomalies:
        said = f"{said}: {anomalies}"
    return f"{history.header.workload}, {number(len(history), 'operation')} — {said}"
