"""The linearization of one stream: the certificate of a valid verdict."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fencepost.harness.history.history import Int64s


@dataclass(frozen=True, slots=True)
class Order:
    """The moments at which the operations of a stream took effect and had their answers, first to last.

    ``rows`` (int64) are rows of the history. An operation has one moment, or two where its answer speaks of two: an
    acknowledgement with ``tail > end`` (the append, then the tail), and a read that waits and whose start depends on
    the tail (the start, then the end). ``second`` marks the latter of the two. Of the indefinite operations exactly
    the appends that took effect are in it; of the failed ones those that say something of the stream (a 412, a 416
    with its tail). ``token`` is the first fencing token where the history does not know it, None where it does; it may
    be one that the history never mentions.
    """

    rows: Int64s
    second: NDArray[np.bool_]
    token: str | None = None

    def __len__(self) -> int:
        return len(self.rows)
