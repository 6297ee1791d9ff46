"""The dependency graph of one violation, and the shortest cycle in it: the contradiction.

Nodes are operation ids, edges the reasons why one operation came before another. Such a graph holds the witness and
the appends that define its positions: a handful of nodes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from fencepost.harness.verdict import Edge, Violation

from .sentences import Link

A = TypeVar("A", bound=Edge | Link)


def shortest_cycle(edges: Sequence[A]) -> list[A]:
    """The edges of a shortest cycle, in order; the first of several by the order of ``edges``. Empty if there is none.

    One breadth-first search an edge (from its target back to its source), O(E·(V + E)). It is written out, since every
    contradiction that is told needs it, and to load networkx takes longer than to judge a hundred thousand operations.
    """
    following: dict[int, list[int]] = {}
    for edge in edges:
        following.setdefault(edge.source, []).append(edge.target)
    first = {(edge.source, edge.target): edge for edge in reversed(edges)}
    best: list[A] = []
    for edge in edges:
        path = _shortest_path(following, edge.target, edge.source)
        if path and (not best or len(path) < len(best)):
            best = [edge, *(first[step] for step in pairwise(path))]
    return best


def _shortest_path(following: dict[int, list[int]], start: int, end: int) -> list[int]:
    """The nodes of a shortest path, both ends included; empty if there is none."""
    came_from: dict[int, int | None] = {start: None}
    waiting = deque([start])
    while waiting and end not in came_from:
        node = waiting.popleft()
        for other in following.get(node, ()):
            if other not in came_from:
                came_from[other] = node
                waiting.append(other)
    path: list[int] = []
    at: int | None = end if end in came_from else None
    while at is not None:
        path.append(at)
        at = came_from[at]
    return path[::-1]


def cycle_of(violation: Violation) -> list[Edge]:
    """The contradiction of a violation, empty where it is not a cycle but a broken invariant."""
    return shortest_cycle(violation.edges)
