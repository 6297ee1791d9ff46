"""Reads of the whole stream of which only a hash was kept: the fold of h ← XXH3-64(digest; seed h) over all records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final

import numpy as np

from fencepost.harness.history.history import Kind, Outcome, UInt64s

from .log import Log
from .moments import Moments
from .refutation import refute

MANY: Final = 50_000
"""Records from which on it pays to fold them with compiled code."""


def check(moments: Moments, log: Log) -> None:
    """Raises Refuted where a hash is not that of the log up to the tail of the read.

    Where the stream had records before its history, nobody knows their hash: the first read tells it, or stands for it.
    """
    history, rows = moments.history, moments.rows
    reads = history.reads
    chosen = (history.kind[rows] == Kind.READ) & (history.outcome[rows] == Outcome.OK) & reads.hashed[rows]
    rows = rows[chosen]
    if not len(rows):
        return
    rows = rows[np.argsort(history.observed_tail[rows], kind="stable")]
    at = log.start
    value: int | None = None if log.start else 0
    for row, tail in zip(rows.tolist(), history.observed_tail[rows].tolist(), strict=True):
        claimed = int(reads.stream_hash[row])
        if value is None:
            value = claimed
        elif tail > at:
            value = folded(log.digest[at - log.start : tail - log.start], value)
        at = tail
        if value != claimed:
            refute(history, row, f"read another hash than that of the {tail} records below its tail")


def folded(digests: UInt64s, seed: int = 0) -> int:
    """The hash of some records, after others of the hash ``seed``."""
    return compiled()(digests, seed) if len(digests) >= MANY else _plain(digests, seed)


def _plain(digests: UInt64s, seed: int) -> int:
    return fold(digests.tolist(), seed)


def fold(digests: Iterable[int], seed: int) -> int:
    """The same of plain integers, one after another."""
    from xxhash import xxh3_64_intdigest

    for digest in digests:
        seed = xxh3_64_intdigest(digest.to_bytes(8, "little"), seed)
    return seed


@cache
def compiled() -> Callable[[UInt64s, int], int]:
    """The same in compiled code: XXH3-64 of 8 bytes, as its specification defines it for inputs of 4 to 8 bytes.

    It is compiled once, and kept beside this file.
    """
    import numba

    secret = np.uint64(0x1CAD21F72C81017C ^ 0xDB979083E96DD4DE)
    prime = np.uint64(0x9FB21C651E98DF25)
    u = np.uint64

    read = numba.types.Array(numba.uint64, 1, "C", readonly=True)

    @numba.njit(numba.uint64(read, numba.uint64), cache=True)  # type: ignore[untyped-decorator, unused-ignore]
    def fold(digests: Any, seed: Any) -> Any:
        h = seed
        for digest in digests:
            low = h & u(0xFFFFFFFF)
            swapped = (
                ((low & u(0xFF)) << u(24)) | ((low & u(0xFF00)) << u(8)) | ((low >> u(8)) & u(0xFF00)) | (low >> u(24))
            )
            keyed = ((digest >> u(32)) | (digest << u(32))) ^ (secret - (h ^ (swapped << u(32))))
            keyed ^= ((keyed << u(49)) | (keyed >> u(15))) ^ ((keyed << u(24)) | (keyed >> u(40)))
            keyed *= prime
            keyed ^= (keyed >> u(35)) + u(8)
            keyed *= prime
            h = keyed ^ (keyed >> u(28))
        return h

    return lambda digests, seed: int(fold(np.ascontiguousarray(digests), u(seed)))
