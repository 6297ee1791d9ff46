"""Subset sums: can some batches have filled a stretch of the stream, by their sizes alone?"""

from __future__ import annotations

from typing import Final

from fencepost.harness.history.history import Int64s

_BITS: Final = 1 << 20


def sums_to(sizes: Int64s, length: int, or_more: bool = False) -> bool:
    """Do some of the sizes add up to the length? Not decided (True) for very long ones."""
    if int(sizes.sum()) < length:
        return False
    if length > _BITS or or_more or not length:
        return True
    sums, mask = 1, (1 << (length + 1)) - 1
    for size in sizes.tolist():
        sums |= (sums << size) & mask
        if sums >> length & 1:
            return True
    return False
