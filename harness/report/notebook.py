"""A checked history as HTML, for notebooks: the verdict, and each of the first anomalies with its operations."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from ..history.history import History
from ..printable import printable
from ..verdict import Validity, Verdict, Violation
from .text import closing_lines, number, summary_line
from .timeline import MOST as MOST_OPERATIONS
from .timeline import rows_of

MOST: Final = 5
"""Number of anomalies that are shown. The others are only counted."""

_COLOURS: Final = {Validity.VALID: "#1a7f37", Validity.INVALID: "#cf222e", Validity.UNKNOWN: "#9a6700"}
_HEADINGS: Final = ("", "when", "operation", "process", "asked → answered")


def page(history: History, verdict: Verdict) -> str:
    """Return the HTML. Every name, token and error of the history is escaped and printable."""
    return "\n".join(_lines(history, verdict))


def _lines(history: History, verdict: Verdict) -> Iterator[str]:
    colour = _COLOURS[verdict.validity]
    yield f'<div><p style="border-left: 4px solid {colour}; padding-left: 0.5em">'
    yield f"<strong>{_text(summary_line(history, verdict))}</strong></p>"
    found = verdict.violations
    for violation in found[:MOST]:
        yield from _violation(history, violation)
    if len(found) > MOST:
        yield f"<p>… and {number(len(found) - MOST, 'more anomaly', 'more anomalies')}</p>"
    for line in closing_lines(history, verdict):
        yield f"<p>{_text(line)}</p>"
    yield "</div>"


def _text(text: str) -> str:
    return escape(printable(text))


def _violation(history: History, violation: Violation) -> Iterator[str]:
    yield f"<details open><summary><strong>{_text(violation.anomaly)}</strong> on {_text(violation.stream)}</summary>"
    yield f"<p>The promise: <q>{_text(violation.promise)}</q></p>"
    rows = rows_of(history, violation)
    if rows:
        yield f"<table><thead><tr>{''.join(f'<th>{heading}</th>' for heading in _HEADINGS)}</tr></thead><tbody>"
        for row in rows[:MOST_OPERATIONS]:
            weight = "bold" if row[0].strip() else "normal"
            columns = "".join(f"<td>{_text(cell)}</td>" for cell in row)
            yield f'<tr style="text-align: left; font-weight: {weight}">{columns}</tr>'
        yield "</tbody></table>"
    if len(rows) > MOST_OPERATIONS:
        yield f"<p>… and {number(len(rows) - MOST_OPERATIONS, 'more operation')}</p>"
    yield f"<ul>{''.join(f'<li>{_text(sentence)}</li>' for sentence in violation.sentences)}</ul></details>"
