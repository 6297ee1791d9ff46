"""What may have vanished: the greatest trim point that may be in force at a moment."""

from __future__ import annotations

import numpy as np

from fencepost.harness.history.history import Int64s

from .chain import Chain


class TrimPoints:
    """Trims by the time of their invocation.

    A trim is clamped to its own seq_num + 1. One that was never seen counts as asked for, since it may have
    been applied. Records that were there before the history began may have been trimmed before it began.
    """

    def __init__(self, chain: Chain) -> None:
        stream = chain.stream
        history = stream.history
        places = dict(zip(chain.batches.row.tolist(), chain.batches.start.tolist(), strict=True)) if _any(chain) else {}
        failed = set(stream.failed.tolist()) if places else set()
        found = []
        for row, by_index in history.appends.trims.items():
            if history.stream[row] != stream.index or (row in failed and row not in places):
                continue
            start = places.get(row)
            for index, seq_num in by_index.items():
                point = seq_num if start is None else min(seq_num, start + index + 1)
                found.append((int(history.invoked[row]), point))
        found.sort()
        self._times = np.array([time for time, _ in found], dtype=np.int64)
        points = [stream.tail, *(point for _, point in found)]
        self._points = np.maximum.accumulate(np.array(points, dtype=np.int64))

    def by(self, times: Int64s) -> Int64s:
        """The greatest point that a trim invoked by each time may have set."""
        return np.asarray(self._points[np.searchsorted(self._times, times, side="right")], dtype=np.int64)

    @property
    def any(self) -> bool:
        """Did anybody trim?"""
        return len(self._times) > 0


def _any(chain: Chain) -> bool:
    return bool(chain.stream.history.appends.trims)
