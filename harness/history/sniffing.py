"""Tells the format of a history by how it begins."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class Format(StrEnum):
    """The formats in which a history can be written down."""

    JSONL = "jsonl"
    S2_PORCUPINE = "s2-porcupine"
    PARQUET = "parquet"


_PARQUET: Final = b"PAR1"
_LOOKED_AT: Final = 4096
"""Bytes at the beginning that are looked at."""

_LINE_OF_S2_PORCUPINE: Final = re.compile(rb'\s*\{\s*"(?:event|client_id|op_id)"\s*:')


def format_of(data: bytes) -> Format:
    """The format of the history in these bytes; what looks like none is taken for a journal, whose reader says so."""
    if data.startswith(_PARQUET):
        return Format.PARQUET
    if _LINE_OF_S2_PORCUPINE.match(data.removeprefix(b"\xef\xbb\xbf")[:_LOOKED_AT]):
        return Format.S2_PORCUPINE
    return Format.JSONL
