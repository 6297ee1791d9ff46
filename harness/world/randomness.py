"""Randomness: one seed per run, and an independent stream of it for every consumer."""

from __future__ import annotations

import os
from hashlib import blake2b
from random import Random
from typing import Protocol


class Randomness(Protocol):
    """A source of repeatable random streams, and of bytes that differ between runs."""

    def stream(self, *names: str | int) -> Random:
        """Return the random stream that belongs to these names, from its beginning.

        The same seed and names give the same stream in every process and on every machine. Other names give an
        independent stream. Keep the returned stream: another call starts it again.
        """
        ...

    def fresh(self, count: int) -> bytes:
        """Return ``count`` bytes for something that must differ between runs, such as a run id or a file's salt."""
        ...


class SeededRandomness:
    """Randomness that is entirely determined by its seed, the fresh bytes included."""

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
    """Seeded streams, with fresh bytes from the operating system."""

    def fresh(self, count: int) -> bytes:
        """See :class:`Randomness`."""
        return os.urandom(count)


def _stream(*names: str | int) -> Random:
    # Python's hash() of a string differs between processes. repr() distinguishes 1 from "1", ("a", "b") from ("a,b").
    return Random(int.from_bytes(blake2b(repr(names).encode(), digest_size=32).digest(), "big"))
