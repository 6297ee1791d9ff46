"""Reads a history in any format, which it recognises by the content."""

from __future__ import annotations

import os
from pathlib import Path

from .deletions import with_deletions
from .history import History
from .journal import read_journal
from .progress import Progress
from .s2_porcupine.described import Failures
from .s2_porcupine.scanning import scanned
from .sniffing import Format, format_of
from .sources import name_of, read_bytes


def read_history(
    path: str | os.PathLike[str], progress: Progress | None = None, failures: Failures = Failures.ANY
) -> History:
    """Return the history in a file, or in standard input for ``-``; either may be compressed (gzip, Zstandard).

    ``failures`` says what definite failures of appends mean in a format that does not say so (s2-porcupine's). Raises
    :class:`~.failure.HistoryFailure` if the file cannot be read or makes no sense.
    """
    path = Path(path)
    if failures is Failures.ANY and (found := scanned(path, progress)) is not None:
        return found
    return parse_history(read_bytes(path), name_of(path), progress, failures)


def parse_history(
    data: bytes, name: str, progress: Progress | None = None, failures: Failures = Failures.ANY
) -> History:
    """Return the history in these bytes, as :func:`read_history` does; errors refer to them as ``name``."""
    found = format_of(data)
    if found is Format.S2_PORCUPINE:
        if failures is Failures.ANY and (history := scanned(data, progress)) is not None:
            return history
        from .s2_porcupine.reader import read_s2_porcupine

        return read_s2_porcupine(data, name, progress, failures)
    if found is Format.PARQUET:
        from .parquet.reader import read_parquet

        return with_deletions(read_parquet(data, name))
    return with_deletions(read_journal(data, name, progress))
