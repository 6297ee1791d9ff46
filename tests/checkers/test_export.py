"""The graph of a violation as a file, and how long proofs are kept short."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import networkx as nx
import pytest

from fencepost.checkers.explanation.elision import ELIDED, MOST, elided, ends_of, more_of_the_same, shortened
from fencepost.checkers.explanation.export import content
from fencepost.checkers.explanation.graph import cycle_of
from fencepost.checkers.linearizability import Linearizability
from fencepost.harness.failure import UsageFailure
from fencepost.harness.history.history import History
from fencepost.harness.report.graph import GRAPHS, writer_for
from fencepost.harness.report.text import violation_lines
from fencepost.harness.verdict import Edge, Violation
from fencepost.testing import append, check_tail, history, read


@cache
def stale() -> tuple[History, Violation]:
    """Two observations that contradict each other, and the append between them."""
    judged = history(append(0, 1, 90, 'a fence="x\\y"', ack=0), check_tail(1, 10, 11, 2), check_tail(2, 20, 21, 0))
    (violation,) = Linearizability().check(judged).violations
    return judged, violation


@cache
def alternating() -> tuple[History, Violation]:
    """A hundred refusals, each forced one slot further by the one before."""
    number = 100
    fences = [append(i, 1, 10**6, f"fence={'xy'[i % 2]}", ack=i) for i in range(number + 2)]
    refusals = [append(1000 + i, 10 * i + 10, 10 * i + 11, "q", token="w", fence="yx"[i % 2]) for i in range(number)]
    first, last = check_tail(2000, 2, 3, 1), check_tail(2001, 10_000, 10_001, number)
    judged = history(*fences, first, *refusals, last)
    (violation,) = Linearizability().check(judged).violations
    return judged, violation


def written(tmp_path: Path, ending: str, judged: History, violation: Violation) -> Path:
    path = tmp_path / f"graph.{ending}"
    writer_for(path)(judged, violation, path)
    return path


def test_json_has_the_operations_and_why_one_comes_before_another(tmp_path: Path) -> None:
    judged, violation = stale()
    graph = json.loads(written(tmp_path, "json", judged, violation).read_bytes())
    assert graph == content(judged, violation)
    assert graph["anomaly"] == "nonmonotonic-read"
    assert {node["op"]: node["role"] for node in graph["nodes"]} == {0: "context", 1: "proof", 2: "proof"}
    node = next(node for node in graph["nodes"] if node["op"] == 1)
    assert (node["kind"], node["process"], node["invoked"], node["ended"]) == ("check-tail", 1, 10, 11)
    assert node["answered"] == "the tail is 2"
    told = [(edge["source"], edge["target"], edge["kind"], edge["because"]) for edge in graph["edges"]]
    assert told == [(edge.source, edge.target, edge.kind, edge.because) for edge in violation.edges]
    assert all(edge["cycle"] for edge in graph["edges"])
    assert graph["elided"] == 0


def test_graphml_can_be_read_by_others(tmp_path: Path) -> None:
    judged, violation = stale()
    graph = nx.read_graphml(written(tmp_path, "graphml", judged, violation), node_type=int, force_multigraph=True)
    assert graph.graph["anomaly"] == "nonmonotonic-read"
    assert graph.nodes[0]["asked"] == 'append 2 records, fence "x\\\\y"'
    assert {(s, t, d["kind"]) for s, t, d in graph.edges(data=True)} == {(1, 2, "rt"), (2, 0, "rw"), (0, 1, "wr")}


def test_graphml_leaves_out_what_there_is_not(tmp_path: Path) -> None:
    judged = history(append(0, 0, None, "a b"), append(1, 2, 3, "c", ack=1), read(2, 4, 5, 0, saw="a c"))
    violation, _ = Linearizability().check(judged).violations
    assert violation.anomaly == "torn-batch"
    graph = nx.read_graphml(written(tmp_path, "graphml", judged, violation), node_type=int)
    assert "ended" not in graph.nodes[0]


def test_dot_is_quoted_as_graphviz_wants_it(tmp_path: Path) -> None:
    judged, violation = stale()
    text = written(tmp_path, "dot", judged, violation).read_text()
    assert text.startswith("digraph violation {")
    assert re.search(
        r'^  1 -> 2 \[label="rt", tooltip="check-tail #1 returned at .*", style=dotted', text, re.MULTILINE
    )
    # Quotes and backslashes of the token are escaped once more than they are told.
    assert r"fence \"x\\\\y\"" in text
    strings = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    assert '"' not in strings
    assert strings.count("{") == strings.count("}") == 1


def test_svg_is_drawn(tmp_path: Path) -> None:
    judged, violation = stale()
    root = ElementTree.fromstring(written(tmp_path, "svg", judged, violation).read_text())
    assert root.tag.endswith("svg")
    names = [element.get("id") or "" for element in root.iter()]
    assert sum(name.startswith("node proof") for name in names) == 2


@pytest.mark.parametrize("name", ["graph.png", "graph", "graph.JPEG"])
def test_an_ending_that_nothing_writes_names_those_that_do(name: str) -> None:
    with pytest.raises(UsageFailure, match=r"the endings are: dot, graphml, json, svg$"):
        writer_for(Path(name))


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "graph.json"
    with pytest.raises(UsageFailure, match="cannot be written"):
        writer_for(path)(*stale(), path)


def test_every_format_says_what_it_is() -> None:
    assert all(GRAPHS.make(name).summary for name in GRAPHS.names())


# -- long proofs


def test_the_ends_of_what_is_long() -> None:
    assert ends_of([1, 2, 3], 3) == ([1, 2, 3], [])
    assert ends_of([1, 2, 3, 4, 5, 6], 3) == ([1, 2], [6])
    assert elided(["a", "b", "c", "d"], 4, more_of_the_same) == ["a", "b", "c", "d"]
    assert elided([str(i) for i in range(40)], 3, more_of_the_same) == ["0", "1", "… 37 more of the same …", "39"]


def test_a_long_proof_is_whole_but_shown_by_its_ends() -> None:
    judged, violation = alternating()
    assert len(violation.operations) == 101
    short = shortened(violation)
    nodes = {op for edge in short.edges for op in (edge.source, edge.target)}
    assert nodes | {*short.operations, *short.context} == nodes
    assert len(nodes) == MOST
    (bridge,) = (edge for edge in short.edges if edge.kind == ELIDED)
    left_out = set(violation.operations) - set(short.operations)
    assert bridge.because == f"… {len(left_out)} more of the same …"
    assert violation.operations.index(bridge.target) - violation.operations.index(bridge.source) == len(left_out) + 1
    assert {edge.kind for edge in cycle_of(short)} == {edge.kind for edge in cycle_of(violation)}
    graph = content(judged, violation)
    assert len(graph["nodes"]) == MOST
    assert graph["elided"] == len({*violation.operations, *violation.context}) - MOST


def test_a_long_proof_is_told_in_few_lines() -> None:
    judged, violation = alternating()
    lines = list(violation_lines(judged, violation))
    assert len(lines) < 150
    assert sum("more of the same" in line for line in lines) == 4
    assert sum("more operations" in line for line in lines) == 1


def test_a_cycle_that_is_long_itself_is_bridged() -> None:
    edges = tuple(Edge(i, (i + 1) % 60, "rt", "") for i in range(60))
    short = shortened(Violation("stale-read", "s", "", tuple(range(60)), edges, ()), 10)
    assert len(short.operations) == 10
    assert [edge.kind for edge in cycle_of(short)].count(ELIDED) == 1


def test_a_proof_without_edges_is_shortened_too() -> None:
    short = shortened(Violation("bad-ack", "s", "", tuple(range(100)), (), ()), 10)
    assert len({*short.operations}) <= 10
    assert short.operations[0] == 0
    assert short.operations[-1] == 99
