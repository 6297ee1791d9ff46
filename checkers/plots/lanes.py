"""The rows of a picture by process: one for each thread where threads were recorded, else one for each process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from fencepost.harness.history.history import NONE, History, Int64s

MOST: Final = 40
"""Lanes in a picture; of more threads, neighbours share one."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """``of`` holds the lane of each operation, shape (n,); ``labels`` one text a lane; ``noun`` what a lane is.

    ``shared`` tells that a lane holds several threads or processes.
    """

    of: Int64s
    labels: list[str]
    noun: str
    shared: bool

    def __len__(self) -> int:
        return len(self.labels)


def lanes(history: History) -> Lanes:
    """The lanes of a history, ascending. What ran on no thread (the closing of a run) has the last one."""
    threaded = bool((history.thread != NONE).any())
    column = history.thread if threaded else history.process
    some = column != NONE
    values, of = np.unique(column[some], return_inverse=True)
    size = -(-len(values) // MOST) if len(values) else 1
    groups = [values[start : start + size] for start in range(0, len(values), size)]
    labels = [str(group[0]) if len(group) == 1 else f"{group[0]}–{group[-1]}" for group in groups]
    found = np.full(len(history), len(groups), dtype=np.int64)
    found[some] = of // size
    if not some.all():
        labels.append("closing")
    return Lanes(found, labels or ["none"], "thread" if threaded else "process", size > 1)
