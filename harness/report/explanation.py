"""Explain a verdict in words: a numbered list of the anomalies, then each one in full."""

from __future__ import annotations

from collections.abc import Iterator

from ..history.history import History, Outcome
from ..verdict import Validity, Verdict
from .text import closing_lines, number, summary_line, violation_lines


def explanation(history: History, verdict: Verdict, anomaly: int | None = None) -> Iterator[str]:
    """Yield the explanation line by line. ``anomaly`` (from 1) selects one; the list of all still comes first."""
    found = verdict.violations
    if len(found) > 1:
        yield from _list(verdict)
        yield ""
    for place, violation in enumerate(found, start=1):
        if anomaly in (None, place):
            if len(found) > 1:
                yield f"── {place} of {len(found)} " + "─" * 60
            yield from violation_lines(history, violation)
            yield ""
    if verdict.validity is Validity.VALID:
        yield from _basis(history)
    if verdict.validity is Validity.UNKNOWN:
        yield "What is open:"
    yield from closing_lines(history, verdict)
    yield summary_line(history, verdict)


def _list(verdict: Verdict) -> Iterator[str]:
    found = verdict.violations
    total = sum(violation.count for violation in found)
    yield f"{number(len(found), 'anomaly', 'anomalies')} to tell, {number(total, 'broken promise')} in all:"
    rows = []
    for place, violation in enumerate(found, start=1):
        where = "" if violation.position is None else f" at position {violation.position:,}"
        times = "" if violation.count == 1 else f"  ×{violation.count:,}"
        also = f"  (also shows as: {', '.join(violation.also)})" if violation.also else ""
        who = ", ".join(f"#{op}" for op in violation.operations[:4])
        who += ", …" if len(violation.operations) > 4 else ""
        rows.append((f"{place}", violation.anomaly, f"{violation.stream}{where}: {who}{times}{also}"))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for row in rows:
        yield f"  {row[0].rjust(widths[0])}  {row[1].ljust(widths[1])}  {row[2]}"


def _basis(history: History) -> Iterator[str]:
    """Yield the basis of a valid verdict."""
    answered, failed, unknown = (int((history.outcome == outcome).sum()) for outcome in Outcome)
    yield (
        f"There is no contradiction: {number(answered, 'answer')} and {number(failed, 'definite failure')} fit one "
        "order of each stream's operations,"
    )
    yield "in which each took place at one moment between its invocation and its return."
    if unknown:
        are = "is" if unknown == 1 else "are"
        yield (
            f"{number(unknown, 'operation')} {are} indefinite: an append among them stands where a read returned "
            "it, or counts as never applied."
        )
