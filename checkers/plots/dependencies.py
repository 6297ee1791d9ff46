"""The plot ``dependencies``: the graph of what came before what, around each violation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import networkx as nx
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from fencepost.harness.history import describe
from fencepost.harness.history.history import History, Operation, Outcome
from fencepost.harness.verdict import Explained, Violation

from .arrows import Arrows, Weight
from .neighbourhood import Graph, cycle, neighbourhood, tail_seen
from .picture import PictureOfViolation
from .placed import placed, position_of
from .style import BLACK, GREY, LARGE, NORMAL, OUTCOMES, SMALL, YELLOW, blank, edge_look
from .text import fitted, number, plain, short, token

Place: TypeAlias = tuple[float, float]

_BOX: Final = (1.5, 0.62)
_CELL: Final = (2.15, 1.1)
"""Inches of a node and of its cell."""

_ABOVE: Final = 0.7
_BELOW: Final = 0.4

_COLUMNS: Final = 8
"""Columns side by side; further ones follow below."""


class Dependencies(PictureOfViolation):
    """One graph for each of the first five violations: ``dependencies-1`` and so on; nothing for a valid history.

    Nodes are operations, at most 50: those of the proof, those beside them in the stream. Time runs to the right,
    so that the arrow that contradicts points to the left. The cycle is drawn thick.
    """

    name = "dependencies"
    summary = "for each violation, the dependency graph around it, with the cycle"

    def compose(self, history: History, violation: Violation, explained: Explained | None) -> Figure:
        """See :meth:`.picture.PictureOfViolation.compose`."""
        return _figure(history, violation)


def _figure(history: History, violation: Violation) -> Figure:
    graph = neighbourhood(history, violation)
    places = _layout(graph, history, violation)
    columns = 1 + max((x for x, _ in places.values()), default=0)
    lines = 1 + max((y for _, y in places.values()), default=0)
    width, room = max(columns * _CELL[0], 9.5), lines * _CELL[1] + 1.5
    height = room + _ABOVE + _BELOW
    figure = blank(height, layout=None, width=width)
    axes = figure.add_axes((0, _BELOW / height, 1, room / height))
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(room, 0)
    left, top = (width - columns * _CELL[0]) / 2, (room - lines * _CELL[1]) / 2
    boxes = {}
    for row, (x, y) in places.items():
        centre = left + (x + 0.5) * _CELL[0], top + (y + 0.5) * _CELL[1]
        boxes[row] = _draw_node(axes, history.operation(row), centre, graph.nodes[row]["role"])
    strong = _draw_edges(axes, graph, boxes, places)
    thick = f"thick: a cycle of {number(strong, 'edge')}, so no order satisfies them" if strong else "thick: the proof"
    title = f"{violation.anomaly} on {short(violation.stream, 40)}: what came before what"
    subtitle = f"{number(len(graph), 'operation')}, in stream order from left to right; yellow: they prove it; {thick}"
    kinds = dict.fromkeys(data["kind"] for *_, data in graph.edges(data=True))
    legend = "  ·  ".join(plain(edge_look(kind).label) for kind in kinds)
    x = 0.12 / width
    figure.text(x, 1 - 0.12 / height, plain(title), fontsize=LARGE, weight="bold", va="top")
    figure.text(x, 1 - 0.42 / height, subtitle, fontsize=NORMAL, color="#444444", va="top")
    figure.text(x, 0.12 / height, legend, fontsize=SMALL + 0.5, color="#555555", va="bottom")
    return figure


def _layout(graph: Graph, history: History, violation: Violation) -> dict[int, Place]:
    """Column and line of every node.

    Edges that lead on in the order of the stream place their target to the right of their source: the column is
    the longest such path to a node. In a column, nodes are ordered by process.
    """
    order = _order(graph, history, violation)
    onward: nx.DiGraph[int] = nx.DiGraph()
    onward.add_nodes_from(graph)
    onward.add_edges_from((source, target) for source, target in graph.edges() if order[source] < order[target])
    column: dict[int, int] = {}
    for row in sorted(graph, key=order.__getitem__):
        before = [column[source] + 1 for source in onward.predecessors(row)]
        # One that nothing leads to stands below those that are just as far along.
        column[row] = max(before) if before else max(column.values(), default=0)
    columns: list[list[int]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for row in sorted(graph, key=lambda row: (int(history.process[row]), order[row])):
        columns[column[row]].append(row)
    places: dict[int, Place] = {}
    top = 0.0
    for start in range(0, len(columns), _COLUMNS):
        band = columns[start : start + _COLUMNS]
        tallest = max(len(column) for column in band)
        for x, rows in enumerate(band):
            for y, row in enumerate(rows):
                places[row] = float(x), top + y + (tallest - len(rows)) / 2
        top += tallest
    return places


def _order(graph: Graph, history: History, violation: Violation) -> dict[int, tuple[int, int, int]]:
    """Where each operation stands in the stream; observers of a tail come before the append that begins there.

    One that saw no position comes after those that the proof puts before it, or else where the tail was when it
    was invoked.
    """
    names = [state.name for state in history.header.streams]
    if violation.stream not in names:
        return {row: (0, 0, int(history.invoked[row])) for row in graph}
    chain = placed(history, names.index(violation.stream))
    writes = set(chain.rows.tolist())

    def stands(row: int) -> int:
        if row not in writes and tail_seen(history, row) is None:
            before = [source for source in graph.predecessors(row) if source in writes]
            if before:
                return max(position_of(history, source, chain) for source in before)
        return position_of(history, row, chain)

    def rank(row: int) -> int:
        return int(row in writes or tail_seen(history, row) is None)

    return {row: (stands(row), rank(row), int(history.invoked[row])) for row in graph}


def _draw_node(axes: Axes, operation: Operation, centre: Place, role: str) -> FancyBboxPatch:
    """A box that says which operation, whose, and what came of it."""
    look = OUTCOMES[operation.outcome]
    proves = role == "proof"
    box = FancyBboxPatch(
        (centre[0] - _BOX[0] / 2, centre[1] - _BOX[1] / 2),
        *_BOX,
        boxstyle="round,pad=0,rounding_size=0.08",
        fc=YELLOW if proves else "white",
        ec=BLACK if proves else GREY,
        lw=1.8 if proves else 0.8,
        ls="-" if operation.outcome is Outcome.OK else "--",
        zorder=4,
    )
    box.set_gid(f"node {role}")
    axes.add_patch(box)
    lines = [
        f"#{operation.id} {operation.kind.label}",
        _token_of(operation) or f"process {operation.process}",
        describe.answer(operation),
    ]
    lines = [fitted(line, _BOX[0] * 72 - 10, SMALL) for line in lines]
    axes.text(*centre, "\n".join(lines), fontsize=SMALL, ha="center", va="center", zorder=5, linespacing=1.25)
    axes.plot(centre[0] - _BOX[0] / 2, centre[1] - _BOX[1] / 2, look.mark, color=look.colour, ms=6, zorder=6)
    return box


def _token_of(operation: Operation) -> str | None:
    if operation.last_fence is not None:
        return f"fence {token(operation.last_fence, 40)}"
    return None if operation.fencing_token is None else f"token {token(operation.fencing_token, 40)}"


def _draw_edges(axes: Axes, graph: Graph, boxes: Mapping[int, FancyBboxPatch], places: Mapping[int, Place]) -> int:
    """Draw every edge; how many there are in the cycle."""
    strong = set(cycle(graph))
    arrows = Arrows(axes, [(*box.get_bbox().min, *box.get_bbox().max) for box in boxes.values()])
    for source, target, key, data in sorted(graph.edges(keys=True, data=True), key=lambda edge: not edge[3]["proof"]):
        arrows.draw(
            _centre(boxes[source]),
            _centre(boxes[target]),
            data["kind"],
            least=40.0 if places[target][0] <= places[source][0] else 6.0,
            weight=_weight((source, target, key) in strong or not strong, data["proof"]),
            patches=(boxes[source], boxes[target]),
        )
    return len(strong)


def _weight(in_cycle: bool, proof: bool) -> Weight:
    if not proof:
        return Weight.FAINT
    return Weight.STRONG if in_cycle else Weight.MEDIUM


def _centre(box: FancyBboxPatch) -> Place:
    return box.get_x() + box.get_width() / 2, box.get_y() + box.get_height() / 2
