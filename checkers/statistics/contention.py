"""How much the operations of a run were in each other's way."""

from __future__ import annotations

import numpy as np

from fencepost.harness.history.history import FOREVER, Int64s

from .activity import Activity, Bools


def overlapping(activity: Activity) -> Bools:
    """Appends whose interval overlaps that of another append on the same stream. Shape (n,).

    An interval lasts from the invocation until the client had an answer or gave up, and is closed.
    """
    history = activity.history
    overlaps = np.zeros(len(history), dtype=np.bool_)
    for _, rows in activity.by_stream(activity.appends):
        order = np.argsort(history.invoked[rows], kind="stable")
        invoked, ended = history.invoked[rows][order], history.ended[rows][order]
        before = np.maximum.accumulate(ended)[:-1] >= invoked[1:]
        after = invoked[1:] <= ended[:-1]
        hit = np.zeros(len(rows), dtype=np.bool_)
        hit[1:] |= before
        hit[:-1] |= after
        overlaps[rows[order]] = hit
    return overlaps


def concurrency(invoked: Int64s, ended: Int64s) -> tuple[float, int]:
    """Mean over time and maximum of the number of intervals in progress.

    Times are ns, intervals closed; one that never ended lasts as long as the others do.
    """
    if not len(invoked):
        return 0.0, 0
    last = max(int(invoked.max()), int(ended[ended != FOREVER].max(initial=0)))
    ended = np.minimum(ended, last)
    starts = np.sort(invoked)
    finished = np.searchsorted(np.sort(ended), starts, side="left")
    most = int((np.arange(1, len(starts) + 1) - finished).max())
    span = last - int(starts[0])
    mean = float((ended - invoked).sum(dtype=np.float64)) / span if span else float(most)
    return mean, most
