"""Random numbers with an address: the same thread of the same run draws the same for its n-th operation.

A generator may be asked twice and its answer thrown away, so what it draws must follow from where it is, not from how
often it was asked. :class:`Draws` is a *counter-based* generator (Salmon, Moraes, Dror and Shaw, "Parallel random
numbers: as easy as 1, 2, 3", SC 2011): number ``j`` of turn ``n`` is a keyed hash of ``(n, j)``. Going to a turn costs
a fraction of a microsecond, where seeding a Mersenne Twister costs six.
"""

from __future__ import annotations

from hashlib import blake2b
from itertools import chain, count
from math import ldexp
from random import Random
from struct import Struct
from typing import Any, Final, NoReturn

_POSITION: Final = Struct("<32sqq").pack
_WORDS: Final = Struct("<16I").unpack
_BITS: Final = 32
_scale = (2.0**-_BITS).__mul__


class Draws(Random):
    """The random numbers of one thread, in turns that are independent of each other and of how much each draws.

    All methods of :class:`random.Random` work; ``seed``, ``getstate`` and ``setstate`` raise NotImplementedError.
    ``random()`` is a multiple of 2⁻³², which is plenty for choices and gaps and halves the price. ``source`` gives the
    key, 256 bits.
    """

    def __init__(self, source: Random) -> None:
        self._key = source.getrandbits(256).to_bytes(32, "little")
        self._turn = 0
        self.rewind()

    def rewind(self) -> None:
        """Go back to the beginning of this turn."""
        self.__dict__.pop("random", None)

    def advance(self) -> None:
        """Go to the beginning of the next turn."""
        self._turn += 1
        self.rewind()

    def random(self) -> float:
        """A number from 0 up to, but not including, 1."""
        # An attribute of the object comes before the method of its class: every later draw is one call into C.
        draw = chain.from_iterable(map(self._block, count())).__next__
        self.random = draw  # type: ignore[method-assign]
        return draw()

    def _block(self, number: int) -> map[float]:
        """Sixteen numbers."""
        return map(_scale, _WORDS(blake2b(_POSITION(self._key, self._turn, number)).digest()))

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        """A number of the normal distribution. (The method of the base class keeps a second one back.)"""
        return self.normalvariate(mu, sigma)

    def getrandbits(self, k: int, /) -> int:
        """An integer of ``k`` random bits."""
        if k < 0:
            raise ValueError(f"{k} random bits: it cannot be negative")
        bits = 0
        for taken in range(0, k, _BITS):
            width = min(_BITS, k - taken)
            bits = bits << width | int(ldexp(self.random(), width))
        return bits

    def seed(self, *args: Any, **given: Any) -> None:
        """Not supported, but for the call that the base class makes itself."""
        raise NotImplementedError("draws follow from a key and a turn; they cannot be seeded anew")

    def getstate(self) -> NoReturn:
        """Not supported."""
        raise NotImplementedError("draws follow from a key and a turn; they have no other state")

    def setstate(self, state: Any) -> NoReturn:
        """Not supported."""
        raise NotImplementedError("draws follow from a key and a turn; they have no other state")
