"""The dependency graph of one violation, and the shortest cycle in it: the contradiction.

Nodes are operation ids, edges the reasons why one operation came before another. Such a graph holds the witness and
the appends that define its positions: a handful of nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from fencepost.harness.verdict import Edge, Violation

if TYPE_CHECKING:
    import networkx as nx


def graph_of(edges: Sequence[Edge]) -> nx.MultiDiGraph[int]:
    """The graph of some edges; each edge carries its ``kind`` and ``because``."""
    import networkx as nx  # most histories are valid and need no graph

    graph: nx.MultiDiGraph[int] = nx.MultiDiGraph()
    for edge in edges:
        graph.add_edge(edge.source, edge.target, kind=edge.kind, because=edge.because)
    return graph


def shortest_cycle(edges: Sequence[Edge]) -> list[Edge]:
    """The edges of a shortest cycle, in order; the first of several by the order of ``edges``. Empty if there is none.

    One breadth-first search an edge (from its target back to its source), O(E·(V + E)).
    """
    import networkx as nx

    graph = graph_of(edges)
    first = {(edge.source, edge.target): edge for edge in reversed(edges)}
    best: list[Edge] = []
    for edge in edges:
        try:
            path = nx.shortest_path(graph, edge.target, edge.source)
        except nx.NetworkXNoPath:
            continue
        if not best or len(path) < len(best):
            best = [edge, *(first[step] for step in pairwise(path))]
    return best


def cycle_of(violation: Violation) -> list[Edge]:
    """The contradiction of a violation, empty where it is not a cycle but a broken invariant."""
    return shortest_cycle(violation.edges)
