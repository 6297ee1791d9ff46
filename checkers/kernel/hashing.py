"""The chained hash of a stream, compiled: h ← XXH3-64(digest as 8 little-endian bytes; seed h), record by record.

XXH3 treats an input of 4 to 8 bytes by itself, with a few multiplications; that path is written out here for 8. The
constants are from its specification (Yann Collet, https://github.com/Cyan4973/xxHash, ``XXH3_len_4to8_64b``).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from fencepost.harness.history.chain_hash import signed_link
from fencepost.harness.loops.loop import Integer, compiled
from fencepost.harness.loops.made_of import compiled_instead_of

_FLIP: Final = np.uint64(0x1CAD21F72C81017C ^ 0xDB979083E96DD4DE)
_PRIME: Final = np.uint64(0x9FB21C651E98DF25)
_LENGTH: Final = np.uint64(8)
_LOW: Final = np.uint64(0xFFFFFFFF)
_ODD_BYTES: Final = np.uint64(0x00FF00FF)
_8, _15, _16, _24, _28, _32, _35, _40, _49 = (np.uint64(bits) for bits in (8, 15, 16, 24, 28, 32, 35, 40, 49))


@compiled("uint64(uint64, uint64)")
def folded(stream_hash: np.uint64, digest: np.uint64) -> np.uint64:
    """The chained hash of a stream after one more record."""
    low = stream_hash & _LOW
    swapped = ((low >> _8) & _ODD_BYTES) | ((low & _ODD_BYTES) << _8)
    swapped = (swapped >> _16) | ((swapped << _16) & _LOW)
    seed = stream_hash ^ (swapped << _32)
    keyed = ((digest << _32) | (digest >> _32)) ^ (_FLIP - seed)
    keyed ^= ((keyed << _49) | (keyed >> _15)) ^ ((keyed << _24) | (keyed >> _40))
    keyed *= _PRIME
    keyed ^= (keyed >> _35) + _LENGTH
    keyed *= _PRIME
    return np.uint64(keyed ^ (keyed >> _28))


@compiled_instead_of(signed_link)
def signed_folded(stream_hash: Integer, digest: Integer) -> Integer:
    """The same of hashes as signed integers."""
    return np.int64(folded(np.uint64(stream_hash), np.uint64(digest)))
