"""Where chance comes from: one seed for the whole run, and an independent stream of it for everything that draws."""

from __future__ import annotations

import os
from hashlib import blake2b
from random import Random
from typing import Protocol


class Randomness(Protocol):
    """Repeatable chance, and bytes that no other run has."""

    def stream(self, *names: str | int) -> Random:
        """Return the stream of these names, from its beginning.

        The same seed and names give the same stream in every process and on every machine; other names give an
        independent one. Keep what you were given: asking again starts again.
        """
        ...

    def fresh(self, count: int) -> bytes:
        """Return ``count`` bytes for something that must differ between runs: a run's id, a file's salt."""
        ...


class SeededRandomness:
    """Chance of which nothing differs between two runs of one seed: the fresh bytes come from it too."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._fresh = _stream(seed, "fresh")

    def stream(self, *names: str | int) -> Random:
        """See :class:`Randomness`."""
        return _stream(self._seed, "stream", *names)

    def fresh(self, count: int) -> bytes:
        """See :class:`Randomness`."""
        return self._fresh.randbytes(count)


class SystemRandomness(SeededRandomness):
    """The same streams, with fresh bytes from the operating system."""

    def fresh(self, count: int) -> bytes:
        """See :class:`Randomness`."""
        return os.urandom(count)


def _stream(*names: str | int) -> Random:
    # Python's hash() of a text differs from process to process. repr() keeps 1 and "1", ("a", "b") and ("a,b") apart.
    return Random(int.from_bytes(blake2b(repr(names).encode(), digest_size=32).digest(), "big"))
