"""The hash of a whole stream: a fold over the digests of its records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import xxhash

EMPTY: Final = 0
"""The hash of a stream without records."""

_ALL: Final = 2**64 - 1


def chain_hash(stream_hash: int, record_hash: int) -> int:
    """The hash of a stream to which one record was added: XXH3-64 of its hash (8 bytes, little-endian), so seeded."""
    return xxhash.xxh3_64_intdigest(record_hash.to_bytes(8, "little"), seed=stream_hash)


def fold(record_hashes: Iterable[int], stream_hash: int = EMPTY) -> int:
    """The hash of a stream to which records were added, one after another."""
    for record_hash in record_hashes:
        stream_hash = chain_hash(stream_hash, record_hash)
    return stream_hash


def signed_link(stream_hash: int, record_hash: int) -> int:
    """The same as :func:`chain_hash` of hashes as signed integers of 64 bits, as columns of int64 hold them."""
    linked = chain_hash(stream_hash & _ALL, record_hash & _ALL)
    return linked - (_ALL + 1) if linked > _ALL >> 1 else linked
