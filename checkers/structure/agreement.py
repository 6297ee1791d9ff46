"""Do all sources agree, whoever wrote what they tell of?"""

from __future__ import annotations

from typing import Final

import numpy as np

from fencepost.harness.history.history import NONE

from ..judgement import Judgement

_WHOEVER: Final = frozenset({"nonmonotonic-timestamp", "nonmonotonic-poll", "resurrected-record", "garbage-read"})
"""Anomalies that are seen without knowing who wrote a record that several may have written."""


def agrees(judgement: Judgement) -> bool:
    """Whether nothing is wrong that does not depend on which of several batches wrote what was read.

    Then what else was found rests on a guess, and only a search can tell.
    """
    history, chain = judgement.history, judgement.chain
    source, held = chain.source, chain.contents
    if (history.reads.digest[source.read_record] != held.digest[held.read_at]).any():
        return False
    if (history.appends.digest[source.acked_record] != held.digest[held.acked_at]).any():
        return False
    if len(source.impossible) or _overlapping(judgement):
        return False
    at, inside = held.axis.find(judgement.claims.position)
    if held.axis.size and (inside & (held.timestamp[at] != judgement.claims.timestamp)).any():
        return False
    return all(_WHOEVER.isdisjoint(violation.names) for violation in judgement.findings.violations())


def _overlapping(judgement: Judgement) -> bool:
    """Do acknowledgements contradict each other, themselves, or their own conditions?"""
    appends, rows = judgement.history.appends, judgement.chain.source.acked
    rows = rows[np.argsort(appends.start[rows], kind="stable")]
    start, end, match = appends.start[rows], appends.end[rows], appends.match_seq_num[rows]
    wrong = (appends.tail[rows] < end) | ((match != NONE) & (match != start))
    return bool(wrong.any() or (end[:-1] > start[1:]).any())
