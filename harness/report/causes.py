"""Count the causes of indefinite outcomes in a history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import numpy as np

from ..history.history import NONE, History, Kind, Outcome

MOST: Final = 3
"""Number of causes that are listed. The others are only counted."""


def cause_lines(history: History) -> Iterator[str]:
    """Yield the number of indefinite operations and their most frequent causes, or nothing if there are none.

    A cause is the kind of the operation and its reason up to the first colon, because the rest differs from answer to
    answer. Each cause is shown in its most frequent wording.
    """
    operations = history.part_of == NONE
    rows = np.flatnonzero(operations & (history.outcome == Outcome.INDEFINITE))
    if not len(rows):
        return
    pairs, numbers = np.unique(np.stack((history.kind[rows], history.code[rows])), axis=1, return_counts=True)
    causes: dict[tuple[int, str], Counter[str]] = {}
    for (kind, code), count in zip(pairs.T.tolist(), numbers.tolist(), strict=True):
        reason = "never returned" if code == NONE else history.codes[code] or "no reason is recorded"
        causes.setdefault((kind, reason.partition(":")[0]), Counter())[reason] += count
    frequent = sorted(causes.items(), key=lambda cause: -cause[1].total())
    yield (
        f"indefinite: {len(rows):,} of {int(operations.sum()):,} operations may or may not have taken effect; "
        "the most frequent causes:"
    )
    for (kind, _), wordings in frequent[:MOST]:
        yield f"  {wordings.total():,} × {Kind(kind).label}: {wordings.most_common(1)[0][0]}"
    others = sum(wordings.total() for _, wordings in frequent[MOST:])
    if others:
        yield f"  {others:,} × other causes (--json lists them)"
