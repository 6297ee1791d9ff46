"""Reads a history, whatever its format."""

from __future__ import annotations

from pathlib import Path

from .failure import HistoryFailure
from .history import History
from .journal import read_journal
from .progress import Progress


def read_history(path: Path, progress: Progress | None = None) -> History:
    """The history in a file. Raises :class:`HistoryFailure` where it cannot be read or makes no sense."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise HistoryFailure(f"{path}: cannot be read: {error.strerror}") from error
    return read_journal(data, str(path), progress)
