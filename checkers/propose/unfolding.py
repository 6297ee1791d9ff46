"""The chained hash of a stream's contents, taken back.

A step of :func:`fencepost.harness.history.chain_hash.fold` is, for a given digest, a bijection of the hash, so it can
be undone: from the hash at a tail and the records below it follows the hash before them. The steps of XXH3 for inputs
of 4 to 8 bytes are those of xxHash's specification (Cyan4973/xxHash, doc/xxhash_spec.md, "XXH3 4-8").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_WORD: Final = (1 << 64) - 1
_PRIME: Final = 0x9FB21C651E98DF25
_UNPRIME: Final = pow(_PRIME, -1, 1 << 64)
_SECRET: Final = 0x1CAD21F72C81017C ^ 0xDB979083E96DD4DE
_LENGTH: Final = 8
_ROTATIONS: Final = tuple(((49 << k) % 64, (24 << k) % 64) for k in range(6))
"""The powers 1, 2, 4 … 32 of x ↦ x ⊕ rotl(x, 49) ⊕ rotl(x, 24), whose 64th is the identity."""


def unfolded(chained: int, digests: Sequence[int]) -> int:
    """The hash before these records, of which ``chained`` is the one after."""
    for digest in reversed(digests):
        chained = _undone(chained, digest)
    return chained


def _undone(h: int, digest: int) -> int:
    h ^= h >> 28 ^ h >> 56
    h = h * _UNPRIME & _WORD
    h ^= (h >> 35) + _LENGTH
    h = h * _UNPRIME & _WORD
    for one, other in _ROTATIONS:
        h ^= (h << one | h >> (64 - one)) & _WORD ^ (h << other | h >> (64 - other)) & _WORD
    swapped = digest >> 32 | (digest & 0xFFFFFFFF) << 32
    seed = (_SECRET - (h ^ swapped)) & _WORD
    return seed ^ int.from_bytes((seed & 0xFFFFFFFF).to_bytes(4, "little"), "big") << 32
