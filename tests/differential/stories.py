"""The histories that are compared: small, random, of a seed; half of them damaged."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from fencepost.harness import s2
from tests.checkers import random_histories
from tests.checkers.damage import damaged
from tests.checkers.random_histories import random_story
from tests.checkers.stories import ALL, Features, Story

EXPRESSIBLE = Features(hashes=True, repeats=True)
"""What the format knows beyond single operations: reads that kept a hash, and records that are not unique."""


def story_of(seed: int) -> Story:
    """The story of a seed.

    Of four one is any sound story and one a damaged one, with all that the format cannot express; the other two, sound
    and damaged, keep to what it can: every read reads everything, nothing is trimmed, the stream begins empty.
    """
    random = Random(seed)
    origin = f"seed {seed}:"
    if seed & 2:
        features = EXPRESSIBLE
        story = _Expressible(random, features).run(random.choice((3, 4, 4, 5, 5, 6, 7)), origin)
    else:
        features = ALL
        story = random_story(random, origin, features)
        while not story.ops:  # cut before the first: a file without a line is of no format
            story = random_story(random, origin, features)
    return damaged(random, story, features) if seed & 1 else story


class _Expressible(random_histories._Simulation):
    """A stream whose clients do what s2-porcupine's collector can write down."""

    def __init__(self, random: Random, features: Features) -> None:
        super().__init__(random, features)
        self._trims = 0.0

    def _begin(self) -> None:
        """A new stream."""

    def _query(self) -> s2.Read:
        return s2.Read(seq_num=0)


def stories(number: int, first: int) -> Iterator[Story]:
    """So many, from a seed on."""
    return (story_of(seed) for seed in range(first, first + number))
