"""Explain a verdict in words: a numbered list of the anomalies, then those that are asked for in full."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ..history.history import History, Outcome
from ..history.times import times_of
from ..verdict import Explained, Validity, Verdict, Violation
from .text import closing_lines, number, others_lines, summary_line, violation_lines

MOST_STREAMS: Final = 5
"""Number of streams of which it is told how far an order explains them."""


def explanation(
    history: History, verdict: Verdict, anomaly: int | None = None, *, every: bool = False, explaining: str = ""
) -> Iterator[str]:
    """Yield the explanation line by line.

    A list of all anomalies comes first. ``anomaly`` (from 1) selects one to tell in full, and ``every`` all, grouped by
    signature. Without either the first of each signature is told, and how to see them all (``explaining``).
    """
    found = verdict.violations
    if len(found) > 1:
        yield from _list(verdict)
        yield ""
    groups = _groups(found)
    if anomaly is not None:
        yield from _told(history, found, [anomaly])
    elif every:
        for signature, places in groups.items():
            count = sum(found[place - 1].count for place in places)
            if len(found) > 1:
                yield f"══ {signature} ══ {number(count, 'broken promise')}"
                yield ""
            yield from _told(history, found, places)
    else:
        firsts = [places[0] for places in groups.values()]
        yield from _told(history, found, firsts)
        yield from others_lines(found, [found[place - 1] for place in firsts], explaining)
    if verdict.validity is Validity.VALID:
        yield from _basis(history)
    if verdict.validity is Validity.UNKNOWN:
        yield "What is open:"
    yield from closing_lines(history, verdict)
    yield from _explained(history, verdict.explained)
    yield summary_line(history, verdict)


def _groups(found: Sequence[Violation]) -> dict[str, list[int]]:
    """The numbers of the anomalies (from 1) by their signature, or by name where a checker gives none."""
    groups: dict[str, list[int]] = {}
    for place, violation in enumerate(found, start=1):
        groups.setdefault(violation.signature or violation.anomaly, []).append(place)
    return groups


def _told(history: History, found: Sequence[Violation], places: Iterable[int]) -> Iterator[str]:
    """Yield the anomalies of these numbers in full, each below its number if there are several in all."""
    for place in places:
        if len(found) > 1:
            yield f"── {place} of {len(found)} " + "─" * 60
        yield from violation_lines(history, found[place - 1])
        yield ""


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


def _explained(history: History, found: Sequence[Explained]) -> Iterator[str]:
    """Yield how far an order explains each of the first streams that are not valid."""
    for one in found[:MOST_STREAMS]:
        until = times_of(history, [history.row_of(one.refused)], zero=0).point(one.until)
        until += "" if history.header.times_are_lines else " into the run"
        yield (
            f"stream {one.stream}: the order that got furthest explains {one.moments:,} of {one.of:,} moments, "
            f"up to the tail {one.tail:,} and {until}; after them, {one.because}"
        )
    if len(found) > MOST_STREAMS:
        yield f"… and so for {number(len(found) - MOST_STREAMS, 'more stream')} (--json lists them)"


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
