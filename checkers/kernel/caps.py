"""Which timestamps nobody reported, and what they may have been, as far as that matters to any answer.

Without another word such a timestamp is the latest that it can be (:func:`.log.begin`). An earlier one serves only
answers by timestamp: what they pass over is of before the time that they asked for. Later ones serve reads that ended
at ``until``. So where no such end looks, the earliest serve everything; elsewhere each cut is tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from fencepost.harness.history.history import FOREVER, NONE, Int64s

from . import spec
from .columns import Requirements
from .log import reported, starts
from .plan import Plan

Cap = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Run:
    """Positions ``[low, high)`` that nobody reported, whose neighbours are of the times ``early`` and ``late``."""

    low: int
    high: int
    early: int
    late: int


def caps(asked: Requirements, rows: Int64s, plan: Plan) -> Iterator[tuple[Cap, ...]]:
    """Each choice of :attr:`.accept.Order.latest` that has to be tried, the likeliest first."""
    columns = plan.asked
    by_time = [m for m in range(plan.count) if columns.since[m] != NONE and columns.after[m] == NONE]
    if not by_time:
        yield ()
        return
    choices: list[list[tuple[Cap, ...]]] = []
    begins = starts(asked).tolist()
    for run in _runs(asked, rows, plan):
        for since in sorted({columns.since[m] for m in by_time}):
            if run.early < since <= run.late:
                cuts = _cuts(plan, run, since, [m for m in by_time if columns.since[m] == since], begins)
                choices.append([((cut - 1, since - 1),) if cut > run.low else () for cut in cuts])
    for chosen in product(*choices):
        yield tuple(cap for some in chosen for cap in some)


def _runs(asked: Requirements, rows: Int64s, plan: Plan) -> Iterator[_Run]:
    position, stamp, _ = reported(asked, rows)
    told = dict(zip(position.tolist(), stamp.tolist(), strict=True))
    low, early = 0, 0
    for at in [*sorted(told), plan.base + len(plan.records.sent)]:
        late = told.get(at, FOREVER)
        if at > low:
            yield _Run(low, at, early, late)
        low, early = at + 1, late


def _cuts(plan: Plan, run: _Run, since: int, moments: list[int], begins: list[int]) -> list[int]:
    """Up to where the positions of a run may be of before ``since``: below the first tail, at what is told apart."""
    columns = plan.asked
    wanted, open_ = {run.low}, False
    for m in moments:
        if columns.ask[m] == spec.OUT_OF_RANGE:
            wanted.add(min(max(columns.at[m], run.low), run.high))
        elif columns.high[m] > columns.low[m]:
            if plan.records.seq_num[columns.low[m]] >= run.high:
                wanted.add(run.high)
        elif columns.ask[m] == spec.END:
            open_ = True
    for m in plan.ends:
        late = since <= columns.until[m] <= run.late and plan.looks[m] < run.high
        other = columns.since[m] != NONE and columns.after[m] == NONE and columns.low[m] == columns.high[m]
        open_ |= late or (other and run.early < columns.since[m] <= run.late)
    if not open_ or (len(wanted) == 1 and not any(columns.ask[m] == spec.END for m in moments)):
        return [max(wanted)]
    before = (at for at in begins if run.low < at < run.high)
    every = {*range(max(run.low, plan.base), run.high + 1), max(run.low, min(run.high, plan.base)), *before, *wanted}
    return sorted(every, key=lambda cut: (cut not in wanted, -cut))
