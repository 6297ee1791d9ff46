"""Keeps long proofs short for the eye: the beginning and the end are shown, and how much was left out between them.

The proof itself is not shortened: :class:`~fencepost.harness.verdict.Violation` has all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from fencepost.harness.verdict import Edge, Violation

from .claims import Claims, Said
from .graph import cycle_of

T = TypeVar("T")

MOST: Final = 50
"""Operations in a drawn graph."""

TOLD: Final = 20
"""Sentences of one kind."""

ELIDED: Final = "elided"
"""The kind of an edge that stands for operations left out."""


def ends_of(items: Sequence[T], most: int) -> tuple[list[T], list[T]]:
    """The first and the last of some items, ``most`` in all; all are first where they are no more than that."""
    if len(items) <= most:
        return list(items), []
    last = most // 2
    return list(items[: most - last]), list(items[len(items) - last :])


def elided(items: Sequence[T], most: int, more: Callable[[int], T]) -> list[T]:
    """Some items of one kind, ``most`` of them; of more the middle is left out, and ``more`` says of how many."""
    first, last = ends_of(items, most)
    left_out = len(items) - len(first) - len(last)
    return [*first, *([more(left_out)] if left_out else []), *last]


def few(sentences: Sequence[Said]) -> list[Said]:
    """Some sentences of one kind; of many the middle is left out."""
    return elided(sentences, TOLD, lambda left_out: (Claims.ELIDED(count=left_out),))


def more_of_the_same(left_out: int) -> str:
    """What is said where so many were left out."""
    return str(Claims.ELIDED.value).format(count=left_out)


def shortened(violation: Violation, most: int = MOST) -> Violation:
    """The violation with at most ``most`` operations: those of its cycle, the first and the last others, what is near.

    An edge of the kind :data:`ELIDED` leads over each stretch of operations that was left out.
    """
    nodes = dict.fromkeys((*violation.operations, *_ends(violation.edges), *violation.context))
    if len(nodes) <= most:
        return violation
    cycle = dict.fromkeys(_ends(cycle_of(violation)))
    first, last = ends_of(list(cycle), most)
    kept = {*first, *last}
    proof = [op for op in violation.operations if op not in cycle]
    first, last = ends_of(proof, (most - len(kept) + 1) // 2)
    kept |= {*first, *last}
    # Of what explains them, what is next to what is kept.
    beside = dict.fromkeys(op for edge in violation.edges for op in (edge.source, edge.target) if op not in kept)
    near = [op for op in beside if op not in proof and _touches(violation, op, kept)]
    kept |= set(near[: most - len(kept)])
    edges = [edge for edge in violation.edges if edge.source in kept and edge.target in kept]
    edges += _bridges(list(violation.operations), kept) or _bridges([*cycle, *list(cycle)[:1]], kept)
    return replace(
        violation,
        operations=tuple(op for op in violation.operations if op in kept),
        context=tuple(op for op in nodes if op in kept and op not in violation.operations),
        edges=tuple(edges),
    )


def _touches(violation: Violation, op: int, kept: set[int]) -> bool:
    pairs = ((edge.source, edge.target) for edge in violation.edges)
    return any((one == op and other in kept) or (other == op and one in kept) for one, other in pairs)


def _ends(edges: Sequence[Edge]) -> list[int]:
    return [op for edge in edges for op in (edge.source, edge.target)]


def _bridges(order: list[int], kept: set[int]) -> list[Edge]:
    """An edge over each stretch of an order that was left out, from what is kept before it to what is kept after."""
    edges, before, left_out = [], None, 0
    for op in order:
        if op not in kept:
            left_out += 1
            continue
        if before is not None and left_out:
            edges.append(Edge(before, op, ELIDED, more_of_the_same(left_out)))
        before, left_out = op, 0
    return edges
