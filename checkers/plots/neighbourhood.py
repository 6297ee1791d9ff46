"""The dependency graph around a violation: its proof, and what the history itself says of the operations near it."""

from __future__ import annotations

from itertools import pairwise
from typing import Final, TypeAlias

import networkx as nx
import numpy as np

from fencepost.harness.history.history import History, Kind
from fencepost.harness.verdict import Violation

from .marked import known
from .placed import Placed, placed

MOST: Final = 50
"""Operations in a graph."""

Graph: TypeAlias = "nx.MultiDiGraph[int]"
"""Nodes are rows of the history, with ``role`` proof, context or near. Edges have ``kind`` and ``proof`` (bool)."""


def neighbourhood(history: History, violation: Violation) -> Graph:
    """The graph of a violation: its operations, its context, and the appends next to each of them, at most 50.

    Edges of the violation have ``proof`` set. The others are read off the history: ``ww`` between appends that
    follow one another, ``wr`` from the append that ends at the tail an operation saw, ``rw`` to the one that
    begins there.
    """
    graph: Graph = nx.MultiDiGraph()
    for edge in violation.edges:
        for row in known(history, (edge.source, edge.target)):
            _add(graph, row, "proof" if int(history.id[row]) in violation.operations else "context")
    for row in known(history, violation.operations):
        _add(graph, row, "proof")
    for row in known(history, violation.context):
        _add(graph, row, "context")
    for edge in violation.edges:
        ends = known(history, (edge.source, edge.target))
        if len(ends) == 2 and all(row in graph for row in ends):
            graph.add_edge(*ends, kind=edge.kind, proof=True)
    for index, state in enumerate(history.header.streams):
        if state.name == violation.stream:
            _surround(graph, history, placed(history, index))
    return graph


def cycle(graph: Graph) -> list[tuple[int, int, str]]:
    """The edges of one cycle of the proof; empty where the proof is no cycle."""
    proof: Graph = nx.MultiDiGraph()
    edges = graph.edges(keys=True, data=True)
    proof.add_edges_from((source, target, key) for source, target, key, data in edges if data["proof"])
    try:
        found = nx.find_cycle(proof)
    except nx.NetworkXNoCycle:
        return []
    return [(source, target, key) for source, target, key in found]


def _add(graph: Graph, row: int, role: str) -> None:
    if row not in graph and len(graph) < MOST:
        graph.add_node(row, role=role)


def _surround(graph: Graph, history: History, chain: Placed) -> None:
    for row in list(graph):
        for before, after, kind in _next_to(history, chain, row):
            for near in (before, after):
                _add(graph, near, "near")
            if before in graph and after in graph:
                _link(graph, before, after, kind)
    # Appends that follow one another directly, whatever brought them in.
    present = [index for index, row in enumerate(chain.rows.tolist()) if row in graph] if len(chain) else []
    for first, second in pairwise(present):
        if second == first + 1:
            _link(graph, int(chain.rows[first]), int(chain.rows[second]), "ww")


def _link(graph: Graph, before: int, after: int, kind: str) -> None:
    kinds = {data["kind"] for data in (graph.get_edge_data(before, after) or {}).values()}
    if before != after and kind not in kinds:
        graph.add_edge(before, after, kind=kind, proof=False)


def _next_to(history: History, chain: Placed, row: int) -> list[tuple[int, int, str]]:
    """``(before, after, kind)`` for an operation and its neighbours in the stream."""
    if not len(chain):
        return []
    at = np.flatnonzero(chain.rows == row)
    if len(at):
        index = int(at[0])
        around = chain.rows[max(index - 1, 0) : index + 2].tolist()
        return [(before, after, "ww") for before, after in pairwise(around)]
    tail = tail_seen(history, row)
    if tail is None:
        return []
    index = int(np.searchsorted(chain.start, tail, side="left"))
    found = []
    if index and chain.end[index - 1] == tail:
        found.append((int(chain.rows[index - 1]), row, "wr"))
    if index < len(chain) and chain.start[index] == tail:
        found.append((row, int(chain.rows[index]), "rw"))
    return found


def tail_seen(history: History, row: int) -> int | None:
    """The tail that an operation saw: exactly, or at least, as a read does. None where it saw none."""
    operation = history.operation(row)
    for seen in (operation.seq_num_mismatch, operation.observed_tail):
        if seen is not None:
            return seen
    if operation.kind is Kind.READ and operation.seq_nums:
        return operation.seq_nums[-1] + 1
    return None
