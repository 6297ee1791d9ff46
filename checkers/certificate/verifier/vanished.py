"""Records that were seen to be gone, and came back: what one read left out, no later one returns."""

from __future__ import annotations

import numpy as np

from fencepost.harness.history.history import NONE, Int64s

from .moments import Moments
from .reads import Answers
from .refutation import refute


def check(moments: Moments, found: Answers) -> None:
    """Raises Refuted for a record that came back. Later is what was invoked after the other had returned.

    Of the same process it is what the process did next, too.
    """
    row, low, high = _gaps(moments, found)
    if not len(row):
        return
    history, reads = moments.history, moments.history.reads
    whole = moments.rows[reads.hashed[moments.rows]]
    every = [np.arange(history.observed_tail[row]) for row in whole.tolist()]  # a whole read returned everything
    position = np.concatenate((reads.seq_num[found.record], *every))
    reader = np.concatenate((np.repeat(found.rows, found.count), np.repeat(whole, [len(one) for one in every])))
    below = position < high.max()
    position, reader = position[below], reader[below]
    gone = _first_missed(history.returned[row], low, high, position)
    back = gone < history.invoked[reader]
    if back.any():
        refute(history, int(reader[np.argmax(back)]), "returned a record that an earlier read had found gone")
    same_instant = {(int(history.process[r]), int(history.returned[r])): [] for r in row.tolist()}  # type: ignore[var-annotated]
    for r, start, end in zip(row.tolist(), low.tolist(), high.tolist(), strict=True):
        same_instant[int(history.process[r]), int(history.returned[r])].append((r, start, end))
    for at in np.flatnonzero(np.isin(history.invoked[reader], history.returned[row])).tolist():
        who, where = int(reader[at]), int(position[at])
        for r, start, end in same_instant.get((int(history.process[who]), int(history.invoked[who])), ()):
            if r < who and start <= where < end:
                refute(history, who, "returned a record that its process had just found gone")


def _gaps(moments: Moments, found: Answers) -> tuple[Int64s, Int64s, Int64s]:
    """Rows, and the positions ``[low, high)`` that each left out before or between its records."""
    reads = moments.history.reads
    given = reads.from_seq_num[found.rows]
    led = (given != NONE) & (found.count > 0) & (found.first > given)
    seq_num = reads.seq_num[found.record]
    of = np.repeat(np.arange(len(found.rows)), found.count)
    jumps = np.flatnonzero((of[1:] == of[:-1]) & (seq_num[1:] > seq_num[:-1] + 1))
    return (
        np.concatenate((found.rows[led], found.rows[of[jumps]])),
        np.concatenate((given[led], seq_num[jumps] + 1)),
        np.concatenate((found.first[led], seq_num[jumps + 1])),
    )


def _first_missed(time: Int64s, low: Int64s, high: Int64s, position: Int64s) -> Int64s:
    """For each position the least time of the intervals that hold it; the greatest integer if none does."""
    edges = np.unique(np.concatenate((low, high)))
    least = np.full(len(edges), np.iinfo(np.int64).max, dtype=np.int64)
    following = list(range(len(edges) + 1))  # of each edge, the first from it on that has no time yet
    order = np.argsort(time, kind="stable")
    for i, first, last in zip(
        order.tolist(), np.searchsorted(edges, low[order]).tolist(), np.searchsorted(edges, high[order]).tolist(),
        strict=True,
    ):  # fmt: skip
        at = _root(following, first)
        while at < last:
            least[at] = time[i]
            following[at] = at + 1
            at = _root(following, at)
    at_edge = np.searchsorted(edges, position, side="right") - 1
    return np.where(at_edge >= 0, least[np.maximum(at_edge, 0)], np.iinfo(np.int64).max)


def _root(following: list[int], at: int) -> int:
    while following[at] != at:
        following[at] = following[following[at]]
        at = following[at]
    return at
