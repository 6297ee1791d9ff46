"""Random numbers that depend only on the seed, the thread and the number of the thread's operation.

The scheduler may ask a generator twice and discard an answer. The numbers must therefore depend on the position in the
run, not on how often the generator was asked. :class:`Draws` is a **counter-based** generator (Salmon, Moraes, Dror and
Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011): number ``j`` of turn ``n`` is a keyed hash of ``(n, j)``.
Moving to another turn costs a fraction of a microsecond, whereas seeding a Mersenne Twister costs six microseconds.
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
    """The random numbers of one thread, divided into independent turns.

    The numbers of a turn do not depend on how many numbers other turns draw. All methods of :class:`random.Random` work
    except ``seed``, ``getstate`` and ``setstate``, which raise NotImplementedError. ``random()`` returns a multiple of
    2⁻³², which is fine enough for choices and gaps and costs half as much. ``source`` supplies the key of 256 bits.
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
        """Return a number in [0, 1)."""
        # An instance attribute hides the method of the class, so every later draw is a single call into C.
        draw = chain.from_iterable(map(self._block, count())).__next__
        self.random = draw  # type: ignore[method-assign]
        return draw()

    def _block(self, number: int) -> map[float]:
        """Return an iterator over the sixteen numbers of a block of this turn."""
        return map(_scale, _WORDS(blake2b(_POSITION(self._key, self._turn, number)).digest()))

    def gauss(self, mu: float = 0.0, sigma: float = 1.0) -> float:
        """Return a normally distributed number. (The base class would keep a second one, which is hidden state.)"""
        return self.normalvariate(mu, sigma)

    def getrandbits(self, k: int, /) -> int:
        """Return an integer of ``k`` random bits."""
        if k < 0:
            raise ValueError(f"{k} random bits: it cannot be negative")
        bits = 0
        for taken in range(0, k, _BITS):
            width = min(_BITS, k - taken)
            bits = bits << width | int(ldexp(self.random(), width))
        return bits

    def seed(self, *args: Any, **given: Any) -> None:
        """Raise NotImplementedError. The base class seeds itself without a call to this method."""
        raise NotImplementedError("draws follow from a key and a turn; they cannot be seeded anew")

    def getstate(self) -> NoReturn:
        """Not supported."""
        raise NotImplementedError("draws follow from a key and a turn; they have no other state")

    def setstate(self, state: Any) -> NoReturn:
        """Not supported."""
        raise NotImplementedError("draws follow from a key and a turn; they have no other state")
