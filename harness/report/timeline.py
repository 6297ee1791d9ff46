"""Lay out the operations of a violation by invocation. Its sentences use the same time zero."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from ..history import describe
from ..history.history import FOREVER, History, Operation
from ..history.times import Times, times_of
from ..verdict import Violation

Row: TypeAlias = tuple[str, str, str, str, str]

MOST = 50
"""Largest number of operations shown."""


def timeline(history: History, violation: Violation) -> Iterator[str]:
    """Yield one line per operation: a mark if it is part of the proof, time, id, process, call → answer.

    Omits the middle if there are more than :data:`MOST`.
    """
    rows = rows_of(history, violation)
    widths = [max(len(row[column]) for row in rows) for column in range(4)] if rows else []
    first, last = (len(rows), 0) if len(rows) <= MOST else (MOST - MOST // 2, MOST // 2)
    for place, row in enumerate(rows):
        if first <= place < len(rows) - last:
            if place == first:
                yield f"   … {len(rows) - MOST:,} more operations …"
            continue
        cells = [cell.rjust(widths[i]) if i == 1 else cell.ljust(widths[i]) for i, cell in enumerate(row[:4])]
        yield f"{'  '.join(cells)}  {row[4]}"


def rows_of(history: History, violation: Violation) -> list[Row]:
    """Return the cells of each line: mark, time, id, process, call → answer."""
    wanted = dict.fromkeys((*violation.context, *violation.operations))
    operations = sorted((history.operation(history.row_of(op)) for op in wanted), key=lambda op: (op.invoked, op.id))
    if not operations:
        return []
    times = times_of(history, (operation.row for operation in operations), violation.since)
    return [_row(operation, times, operation.id in violation.operations) for operation in operations]


def _row(operation: Operation, times: Times, proves: bool) -> Row:
    purpose = f" ({operation.purpose})" if operation.purpose else ""
    return (
        ">" if proves else " ",
        times.span(operation.invoked, FOREVER if operation.ended is None else operation.ended),
        f"#{operation.id}",
        f"process {operation.process}{purpose}",
        f"{describe.request(operation)}  →  {describe.answer(operation)}",
    )
