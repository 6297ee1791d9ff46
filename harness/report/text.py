"""A verdict in words, for a terminal or a log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ..history.history import History
from ..printable import printable_lines
from ..verdict import Validity, Verdict, Violation
from .causes import cause_lines
from .timeline import timeline

MOST: Final = 5
"""Number of anomalies by name whose first is shown in full. The others are only counted."""

TRACEBACK: Final = "Traceback (most recent call last):"


def verdict_lines(history: History, verdict: Verdict, explaining: str) -> Iterator[str]:
    """Yield the verdict: the first anomaly of each name in full, counts of the others with ``explaining`` (how to see
    them all), then what stays unknown, warnings, and one line of counts."""
    violations = verdict.violations
    firsts = {violation.anomaly: violation for violation in reversed(violations)}
    told = sorted(firsts.values(), key=violations.index)[:MOST]
    for violation in told:
        yield from violation_lines(history, violation)
        yield ""
    yield from others_lines(violations, told, explaining)
    yield from closing_lines(history, verdict)
    yield summary_line(history, verdict)


def others_lines(violations: Sequence[Violation], told: Iterable[Violation], explaining: str) -> Iterator[str]:
    """Yield how many violations there are beside those that were told, by name, and how to see them all; or nothing."""
    others = Counter(violation.anomaly for violation in violations)
    others.subtract(violation.anomaly for violation in told)
    if +others:
        names = ", ".join(f"{count} × {name}" for name, count in (+others).items())
        yield f"… and {number(others.total(), 'more anomaly', 'more anomalies')}: {names}; to see them all:"
        yield f"  {explaining}"
        yield ""


def violation_lines(history: History, violation: Violation) -> Iterator[str]:
    """Yield one violation: name, promise, its operations as a timeline, and why they contradict each other."""
    more = f" (and {violation.count - 1:,} more like it)" if violation.count > 1 else ""
    yield f"{violation.anomaly} on {violation.stream}{more}"
    if violation.also:
        yield f"  also shows as: {', '.join(violation.also)}"
    yield f"  the promise: {violation.promise}"
    yield from ("  " + line for line in timeline(history, violation))
    for sentence in violation.sentences:
        yield f"  {sentence}"


def closing_lines(history: History, verdict: Verdict) -> Iterator[str]:
    """Yield what stays unknown and why, and warnings."""
    for name, result in verdict.results.items():
        for reason in result.reasons:
            yield from printable_lines(f"{name}: {reason}")
        for warning in result.warnings:
            yield f"warning: {warning}"
    yield from cause_lines(history)
    for warning in history.warnings:
        yield f"warning: {warning}"
    if history.header.untold:
        yield f"note: this history does not record {'; '.join(history.header.untold)}"


def crash_lines(crashes: Iterable[str]) -> Iterator[str]:
    """Yield one line for each failure of the run that recorded a history. A traceback becomes its last line."""
    for crash in crashes:
        first, *rest = crash.strip().split("\n")
        last = rest[-1] if rest else ""
        yield f"the run crashed in part: {first.removesuffix(TRACEBACK)}{last}"


def summary_line(history: History, verdict: Verdict) -> str:
    """Return the verdict on one line."""
    return f"{verdict.validity.upper()}: {_summary(history, verdict)}"


def number(count: int, noun: str, plural: str | None = None) -> str:
    """Return a count with its noun, such as ``2 streams``."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def _summary(history: History, verdict: Verdict) -> str:
    counts = f"{len(history):,} operations on {number(len(history.header.streams), 'stream')}"
    match verdict.validity:
        case Validity.VALID:
            return f"{counts}, every answer explained by one order"
        case Validity.INVALID:
            return f"{counts}, {number(sum(violation.count for violation in verdict.violations), 'broken promise')}"
        case Validity.UNKNOWN:
            return f"{counts}, not decided"
