"""The chained hash, backwards: for a given record each step is a bijection, so what was before it can be recomputed.

Nothing rests on this inversion: what it finds is folded forwards again, and counts only if that gives the hash.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .hashes import fold

_ALL: Final = 2**64 - 1
_KEY: Final = 0x1CAD21F72C81017C ^ 0xDB979083E96DD4DE
_FACTOR: Final = pow(0x9FB21C651E98DF25, -1, 2**64)


def before(chained: int, digests: Sequence[int]) -> int | None:
    """The hash before these records, after which it is ``chained``; None if that cannot be told."""
    value = chained
    for digest in reversed(digests):
        value = _step_back(value, digest)
    return value if fold(digests, value) == chained else None


def _step_back(h: int, digest: int) -> int:
    h = _unshift(h, 28)
    h = h * _FACTOR & _ALL
    low = h
    for _ in range(2):  # h = x ^ ((x >> 35) + 8): the upper bits of x are found first, then all
        low = h ^ ((low >> 35) + 8)
    h = low * _FACTOR & _ALL
    h = _unspin(h)
    h ^= _turn(digest, 32)
    mixed = (_KEY - h) & _ALL
    # mixed = seed ^ (byteswap(low half of seed) << 32): the low half is as it was.
    return mixed ^ (int.from_bytes((mixed & 0xFFFFFFFF).to_bytes(4, "little"), "big") << 32)


def _unshift(h: int, by: int) -> int:
    """The x with h = x ^ (x >> by)."""
    x = h
    for _ in range(64 // by):
        x = h ^ (x >> by)
    return x


def _turn(x: int, by: int) -> int:
    return ((x << by) | (x >> (64 - by))) & _ALL


def _unspin(h: int) -> int:
    """The x with h = x ^ rotl(x, 49) ^ rotl(x, 24): that map, applied 64 times, is the identity."""
    for _ in range(63):
        h ^= _turn(h, 49) ^ _turn(h, 24)
    return h
