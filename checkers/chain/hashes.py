"""The chained hash of a stream's contents, of all its prefixes."""

from __future__ import annotations

import sys
from typing import Final

import numpy as np

from fencepost.harness.history.chain_hash import chain_hash
from fencepost.harness.history.history import UInt64s

COMPILED_FROM: Final = 100_000
"""Records from which on it pays to load a compiled loop."""


def of_prefixes(digests: UInt64s, chained: int = 0) -> UInt64s:
    """The hash after the first 0, 1, … of these records, and after all: one more than there are."""
    found = np.full(len(digests) + 1, chained, dtype=np.uint64)
    if len(digests) >= COMPILED_FROM or "numba" in sys.modules:
        from ..kernel.hashing import fold_all

        fold_all(digests, 0, len(digests), found[1:], np.uint64(chained))
        return found
    hashes = [chained]
    for digest in digests.tolist():
        chained = chain_hash(chained, digest)
        hashes.append(chained)
    return np.array(hashes, dtype=np.uint64)
