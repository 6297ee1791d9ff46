"""Reads a history, whatever its format."""

from __future__ import annotations

from pathlib import Path

from .history import History
from .journal import read_journal
from .progress import Progress
from .sources import name_of, read_bytes


def read_history(path: Path, progress: Progress | None = None) -> History:
    """The history in a file, or in standard input for ``-``; either may be compressed (gzip, Zstandard).

    Raises :class:`~.failure.HistoryFailure` where it cannot be read or makes no sense.
    """
    return read_journal(read_bytes(path), name_of(path), progress)
