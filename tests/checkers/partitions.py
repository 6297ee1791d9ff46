"""Histories that are instances of 3-PARTITION: deciding them is as hard as it gets."""

from __future__ import annotations

from random import Random

from fencepost.testing import Op, append


def three_partition(sizes: list[int], holes: int) -> list[Op]:
    """Holes of equal length between acknowledged single records; one lost append of each size."""
    length = sum(sizes) // holes
    lost = [append(i, 0, None, " ".join(f"r{i}.{k}" for k in range(size)), gave_up=1) for i, size in enumerate(sizes)]
    starts = [length + hole * (length + 1) for hole in range(holes)]
    acked = [append(1000, 10 + 2 * i, 11 + 2 * i, f"z{i}", ack=start) for i, start in enumerate(starts)]
    return [*lost, *acked]


def triples(random: Random, holes: int, length: int) -> list[int]:
    """Sizes between a quarter and half of the length, each one more than a multiple of four, in triples of it."""
    sizes: list[int] = []
    while len(sizes) < 3 * holes:
        two = [4 * random.randint(length // 16 + 1, length // 8 - 1) + 1 for _ in range(2)]
        if length / 4 < length - sum(two) < length / 2:
            sizes += [*two, length - sum(two)]
    return sizes


def spoiled(sizes: list[int]) -> list[int]:
    """The same sum, and no partition: by fours each hole has a rest of 3, which takes all of the four that changed."""
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    changed = list(sizes)
    for at in order[:3]:
        changed[at] += 1
    changed[order[-1]] -= 3
    return changed


def hard() -> list[Op]:
    """Many holes, many sizes, no solution: nobody finds that out quickly."""
    return three_partition(spoiled(triples(Random(7), 12, 403)), 12)
