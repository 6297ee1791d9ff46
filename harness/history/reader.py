"""Reads a history in any format, which it recognises by the content."""

from __future__ import annotations

import os
from pathlib import Path

from .content import Content
from .deletions import with_deletions
from .history import History
from .journal import read_journal
from .progress import Progress
from .s2_porcupine.described import Failures
from .sniffing import LOOKED_AT, Format, format_of
from .sources import opened


def read_history(
    path: str | os.PathLike[str], progress: Progress | None = None, failures: Failures = Failures.ANY
) -> History:
    """Return the history in a file, or in standard input for ``-``; either may be compressed (gzip, Zstandard).

    ``failures`` says what definite failures of appends mean in a format that does not say so (s2-porcupine's). Raises
    :class:`~.failure.HistoryFailure` if the file cannot be read or makes no sense.
    """
    with opened(Path(path)) as content:
        return _read(content, progress, failures)


def parse_history(
    data: bytes, name: str, progress: Progress | None = None, failures: Failures = Failures.ANY
) -> History:
    """Return the history in these bytes, as :func:`read_history` does; errors refer to them as ``name``."""
    return _read(Content(data, name), progress, failures)


def _read(content: Content, progress: Progress | None, failures: Failures) -> History:
    found = format_of(content.part(0, LOOKED_AT))
    if found is Format.S2_PORCUPINE:
        from .s2_porcupine.reader import read_s2_porcupine

        return read_s2_porcupine(content, progress, failures)
    if found is Format.PARQUET:
        from .parquet.reader import read_parquet

        return with_deletions(read_parquet(content.whole(), content.name))
    return with_deletions(read_journal(content, progress))
