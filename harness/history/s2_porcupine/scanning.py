"""Whether a file is worth the compiled scanner: loading that takes longer than reading a small file with care."""

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
    """The history in a file, or in the bytes of one, if that is large and just what the collector writes; else None.

    Whatever is wrong with a file is for the careful reader to say.
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
