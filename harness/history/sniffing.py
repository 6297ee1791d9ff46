"""Recognises the format of a history by how it begins."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class Format(StrEnum):
    """The formats of a history file."""

    JSONL = "jsonl"
    S2_PORCUPINE = "s2-porcupine"
    PARQUET = "parquet"


_PARQUET: Final = b"PAR1"
LOOKED_AT: Final = 4096
"""Bytes at the beginning that are looked at."""

_LINE_OF_S2_PORCUPINE: Final = re.compile(rb'\s*\{\s*"(?:event|client_id|op_id)"\s*:')


def format_of(data: bytes) -> Format:
    """Return the format of these bytes. Anything unknown counts as a journal, whose reader says what is wrong."""
    if data.startswith(_PARQUET):
        return Format.PARQUET
    if _LINE_OF_S2_PORCUPINE.match(data.removeprefix(b"\xef\xbb\xbf")[:LOOKED_AT]):
        return Format.S2_PORCUPINE
    return Format.JSONL
