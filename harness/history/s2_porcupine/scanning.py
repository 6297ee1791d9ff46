"""Decides whether a file is worth the compiled scanner, which takes longer to load than a small file to read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from ..history import History
from ..progress import Progress
from ..sources import STDIN

WORTHWHILE: Final = 12_000_000
"""Bytes from which on the scanner wins, where it has to be loaded first: some 60,000 operations."""

_BEGINNING: Final = b'{"event":{'


def scanned(source: Path | bytes, progress: Progress | None = None) -> History | None:
    """Return the history in a file or its bytes if it is large and exactly what the collector writes, else None.

    The careful reader says what is wrong with a file.
    """
    loaded = "numba" in sys.modules
    if isinstance(source, bytes):
        if not source.startswith(_BEGINNING) or (len(source) < WORTHWHILE and not loaded):
            return None
        from .scanner import scan_bytes

        return scan_bytes(source, progress)
    try:
        if source == STDIN or not source.is_file() or (source.stat().st_size < WORTHWHILE and not loaded):
            return None
        with source.open("rb") as file:
            if file.read(len(_BEGINNING)) != _BEGINNING:
                return None
        from .scanner import scan

        return scan(source, progress)
    except OSError:
        return None
