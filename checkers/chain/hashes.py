"""The chained hash of a stream's contents: one number that tells everything from position 0 on."""

from __future__ import annotations

from collections.abc import Iterable

import xxhash


def folded(chained: int, digests: Iterable[int]) -> int:
    """The hash after some more records: ``h ← XXH3-64(digest as 8 little-endian bytes; seed h)`` for each."""
    for digest in digests:
        chained = xxhash.xxh3_64_intdigest(digest.to_bytes(8, "little"), chained)
    return chained
