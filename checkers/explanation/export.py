"""The dependency graph of a violation as a file: drawn (SVG), for Graphviz, as GraphML, as JSON.

Nodes are operations, at most :data:`~.elision.MOST` of them, edges say why one came before another.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fencepost.harness.history import describe
from fencepost.harness.history.history import History, Operation
from fencepost.harness.printable import printable, printable_json
from fencepost.harness.verdict import Violation

from .elision import shortened
from .graph import cycle_of

if TYPE_CHECKING:
    import networkx as nx

_STYLES: Final = {"rt": "dotted", "process": "dotted", "rw": "dashed", "tr": "dashed", "elided": "dotted"}


class Svg:
    """See :class:`~fencepost.harness.verdict.GraphWriter`."""

    summary = "a drawing"

    def write(self, history: History, violation: Violation, path: Path) -> None:
        """See :class:`~fencepost.harness.verdict.GraphWriter`."""
        from ..plots.dependencies import Dependencies
        from ..plots.picture import write

        write(Dependencies().figure(history, shortened(violation)), path, "svg")


class Dot:
    """See :class:`~fencepost.harness.verdict.GraphWriter`."""

    summary = "for Graphviz"

    def write(self, history: History, violation: Violation, path: Path) -> None:
        """See :class:`~fencepost.harness.verdict.GraphWriter`."""
        path.write_text("\n".join(_dot(content(history, violation))) + "\n", encoding="utf-8")


class GraphMl:
    """See :class:`~fencepost.harness.verdict.GraphWriter`."""

    summary = "for graph tools, such as Gephi, yEd or networkx"

    def write(self, history: History, violation: Violation, path: Path) -> None:
        """See :class:`~fencepost.harness.verdict.GraphWriter`."""
        import networkx as nx

        nx.write_graphml(_graph(content(history, violation)), path, encoding="utf-8", named_key_ids=True)


class Json:
    """See :class:`~fencepost.harness.verdict.GraphWriter`."""

    summary = "for scripts"

    def write(self, history: History, violation: Violation, path: Path) -> None:
        """See :class:`~fencepost.harness.verdict.GraphWriter`."""
        written = msgspec.json.format(msgspec.json.encode(content(history, violation)), indent=2)
        path.write_bytes(printable_json(written) + b"\n")


def content(history: History, violation: Violation) -> dict[str, Any]:
    """The graph as plain values, ready for JSON.

    Times are ns since the start of the run, None where there is none. The ``role`` of a node is ``proof`` (relax it,
    and the rest is consistent) or ``context``. ``cycle`` marks the edges of the shortest cycle.
    """
    short = shortened(violation)
    cycle = {(edge.source, edge.target, edge.kind) for edge in cycle_of(violation)}
    ends = (op for edge in short.edges for op in (edge.source, edge.target))
    nodes = dict.fromkeys((*short.operations, *short.context, *ends))
    everything = {*violation.operations, *violation.context, *(e.source for e in violation.edges)}
    return {
        "anomaly": violation.anomaly,
        "also": list(violation.also),
        "stream": violation.stream,
        "promise": violation.promise,
        "position": violation.position,
        "count": violation.count,
        "elided": len(everything | {e.target for e in violation.edges}) - len(nodes),
        "nodes": [_node(history.operation(history.row_of(op)), op in violation.operations) for op in nodes],
        "edges": [
            {
                "source": edge.source,
                "target": edge.target,
                "kind": edge.kind,
                "because": edge.because,
                "cycle": (edge.source, edge.target, edge.kind) in cycle,
            }
            for edge in short.edges
        ],
    }


def _node(operation: Operation, proves: bool) -> dict[str, Any]:
    return {
        "op": operation.id,
        "role": "proof" if proves else "context",
        "kind": operation.kind.label,
        "outcome": operation.outcome.name.lower(),
        "process": operation.process,
        "purpose": operation.purpose,
        "invoked": operation.invoked,
        "ended": operation.ended,
        "asked": describe.request(operation),
        "answered": describe.answer(operation),
    }


def _graph(graph: dict[str, Any]) -> nx.MultiDiGraph[int]:
    """GraphML knows neither null nor control characters: what is not there has no attribute, texts are printable."""
    import networkx as nx

    def known(values: dict[str, Any]) -> dict[str, Any]:
        return {
            name: printable(value) if isinstance(value, str) else value
            for name, value in values.items()
            if value is not None
        }

    head = {name: ", ".join(value) if name == "also" else value for name, value in graph.items()}
    made: nx.MultiDiGraph[int] = nx.MultiDiGraph(
        **known({name: value for name, value in head.items() if name not in ("nodes", "edges")})
    )
    for node in graph["nodes"]:
        made.add_node(node["op"], **known({name: value for name, value in node.items() if name != "op"}))
    for edge in graph["edges"]:
        rest = {name: value for name, value in edge.items() if name not in ("source", "target")}
        made.add_edge(edge["source"], edge["target"], **known(rest))
    return made


def _dot(graph: dict[str, Any]) -> Iterator[str]:
    yield "digraph violation {"
    yield f"  graph [rankdir=LR, labelloc=t, label={_quoted(graph['anomaly'] + ' on ' + graph['stream'])}];"
    yield '  node [shape=box, style="rounded,filled", fillcolor=white, fontname="sans-serif", fontsize=10];'
    yield '  edge [fontname="sans-serif", fontsize=9];'
    for node in graph["nodes"]:
        name = f"{node['kind']} #{node['op']} of process {node['process']}"
        look = ", fillcolor=lightyellow, penwidth=2" if node["role"] == "proof" else ""
        yield f"  {node['op']} [label={_quoted(name, node['asked'], node['answered'])}{look}];"
    for edge in graph["edges"]:
        label = edge["because"] if edge["kind"] == "elided" else edge["kind"]
        look = f"style={_STYLES.get(edge['kind'], 'solid')}" + (", penwidth=2" if edge["cycle"] else "")
        ends = f"{edge['source']} -> {edge['target']}"
        yield f"  {ends} [label={_quoted(label)}, tooltip={_quoted(edge['because'])}, {look}];"
    yield "}"


def _quoted(*lines: str) -> str:
    """Lines of a label, of which each stays one whatever it holds."""
    return '"' + "\\n".join(printable(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines) + '"'
