"""What may have vanished, by the tail: the trim point in force.

A trim takes effect with its batch, clamped to its own seq_num + 1. Records below the point in force may be missing
from an answer, those at or above it may not. Of what was there before the history began everything may be missing.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from fencepost.harness.history.history import FOREVER

from .chain import Chain
from .unplaced import Unplaced

NEVER: Final = FOREVER
"""Stands for a tail that is never reached."""


class TrimPoints:
    """The trim points of one stream: from the tail ``ends[i]`` on, ``points[i]`` or more is in force (both ascend).

    With ``unplaced``, those count too that an append of unknown outcome may have set.
    """

    def __init__(self, chain: Chain, unplaced: Unplaced | None) -> None:
        stream = chain.stream
        steps = [(stream.tail, stream.tail), *_placed(chain)]
        own = len(steps)
        if unplaced is not None:
            appends = stream.history.appends
            # A trim reaches no further than its own record, wherever that is: after all the others at the latest.
            most = stream.tail + int((appends.offset[stream.rows + 1] - appends.offset[stream.rows]).sum())
            for row, tail in unplaced.earliest().items():
                if appends.trims.get(row):
                    steps.append((tail, min(max(appends.trims[row].values()), most)))
        self.asked = own > 1 or len(steps) > own
        steps.sort()
        self.ends = np.array([end for end, _ in steps], dtype=np.int64)
        self.points = np.maximum.accumulate(np.array([point for _, point in steps], dtype=np.int64))

    @property
    def greatest(self) -> int:
        """The greatest trim point that there ever may be."""
        return int(self.points[-1])

    def at(self, tail: int) -> int:
        """The trim point in force at a tail."""
        at = int(np.searchsorted(self.ends, tail, side="right")) - 1
        return int(self.points[at]) if at >= 0 else 0

    def reached(self, point: int) -> int:
        """The least tail at which the trim point is ``point`` or more; NEVER if it never is."""
        at = int(np.searchsorted(self.points, point))
        return int(self.ends[at]) if at < len(self.ends) else NEVER

    def emptied(self, low: int, high: int) -> list[tuple[int, int]]:
        """Ranges of tails strictly between at which everything may be missing, first and last."""
        whole = (self.points >= self.ends) & (self.ends < high) & (self.points > low)
        pairs = zip(self.ends[whole].tolist(), self.points[whole].tolist(), strict=True)
        return [(max(end, low + 1), min(point, high - 1)) for end, point in pairs]


def _placed(chain: Chain) -> list[tuple[int, int]]:
    trims, batches = chain.stream.history.appends.trims, chain.batches
    if not trims:
        return []
    found = []
    for row, start, end in zip(batches.row.tolist(), batches.start.tolist(), batches.end.tolist(), strict=True):
        if row in trims:
            found.append((end, max(min(seq_num, start + index + 1) for index, seq_num in trims[row].items())))
    return found
