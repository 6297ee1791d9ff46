"""The loops of :mod:`.loops`, compiled for columns."""

from __future__ import annotations

from typing import Final

from fencepost.harness.compiling import Integer, compiled, translated
from fencepost.harness.history.history import Int32s, Int64s, UInt64s

from ..kernel.hashing import folded
from . import loops

chain: Final = translated(
    loops.chain,
    "boolean(i8s, i8s, i8s, i8s, i8s, i8s, i4s, i4s, int64, int64, int32[::1], int32[::1])",
)
sweep: Final = translated(
    loops.sweep,
    "boolean(i8s, i8s, i4s, i8s, i8s, i4s, int64, i8s, i4s, i4s, int64[::1])",
)
ordered: Final = translated(loops.ordered, "void(i8s, i8s, int64, int64[::1], int64[::1])")


@compiled("void(i4s, i8s, u8s, uint64, uint64[::1])")
def chained(batch: Int32s, offset: Int64s, digest: UInt64s, stream_hash: Integer, hashes: UInt64s) -> None:
    """See :func:`.loops.chained`."""
    low, last = 0, len(batch) - 1
    while low < last:
        hashes[low] = stream_hash
        row = batch[low] - 1
        for record in range(offset[row], offset[row + 1]):
            stream_hash = folded(stream_hash, digest[record])
        low += offset[row + 1] - offset[row]
    hashes[last] = stream_hash
