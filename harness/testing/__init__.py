"""Histories written by hand, one line per operation, for tests of code that reads histories.

fencepost's own tests use the same language. The conformance suites, which every implementation
of one of fencepost's seams must pass, are modules of this package too.
"""

from __future__ import annotations

from .encoding import by_invocation, header, history, journal, jsonl
from .language import append, check_tail, part, position, read, recs, stream_hash, stream_hash_after, whole
from .operations import Op, Rec
from .showing import show

__all__ = [
    "Op",
    "Rec",
    "append",
    "by_invocation",
    "check_tail",
    "header",
    "history",
    "journal",
    "jsonl",
    "part",
    "position",
    "read",
    "recs",
    "show",
    "stream_hash",
    "stream_hash_after",
    "whole",
]
