"""Checks that each row has the one answer that its operation can have: a wide row could say several, or none."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..evidence import MISMATCHES
from ..history import NONE, History, Kind, Outcome
from .wrong import Wrong


def check_answers(history: History) -> None:
    """Raise :class:`.wrong.Wrong` unless operations that succeeded, and only they, have the answer of their kind."""
    appends, reads, rows = history.appends, history.reads, np.arange(len(history))
    ok, kind = history.outcome == Outcome.OK, history.kind
    status = history.status
    _none(rows, (status != NONE) & ((status < 100) | (status > 999)), "status", "it is not from 100 to 999")
    acked = ok & (kind == Kind.APPEND)
    for name in ("start", "end", "tail"):
        there = getattr(appends, name) != NONE
        _none(rows, there != acked, f"append_{name}", "appends that succeeded have one, and nothing else does")
    failed = history.outcome == Outcome.FAILED
    for one in MISMATCHES:
        wrong = (getattr(history, one.column) != NONE) & ~(failed & (history.status == one.status))
        _none(rows, wrong, "status", f"it is not {one.status}, yet there is a mismatch")
    told = history.observed_tail != NONE
    must = ok & (((kind != Kind.APPEND) & (kind != Kind.READ)) | reads.hashed)
    may = must | (failed & (history.status == 416))
    _none(
        rows,
        (told & ~may) | (must & ~told),
        "observed_tail",
        "what was answered with an exact tail has one, nothing else",
    )
    _none(rows, reads.hashed & ~(ok & (kind == Kind.READ)), "read_stream_hash", "only reads that succeeded have one")
    _none(
        rows,
        (np.diff(reads.offset) > 0) & ~(ok & (kind == Kind.READ) & ~reads.hashed),
        "read_seq_nums",
        "only reads that succeeded have any",
    )
    _none(rows, (np.diff(appends.offset) > 0) & (kind != Kind.APPEND), "append_digests", "only appends have any")


def _none(rows: Any, wrong: Any, column: str, text: str) -> None:
    """Raise :class:`Wrong` for the first of these rows."""
    found = rows[wrong]
    if len(found):
        raise Wrong(column, text, int(found.min()))
