"""Arrows for the edges of a proof, each with its kind beside it."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

from .style import SMALL, edge_look
from .text import short

Point = tuple[float, float]


def draw_arrow(
    axes: Axes,
    start: Point,
    end: Point,
    kind: str,
    bend: float,
    *,
    strong: bool = True,
    patches: tuple[Any, Any] = (None, None),
) -> FancyArrowPatch:
    """An arrow between two points (data coordinates), bent to its left by ``bend`` of its length.

    ``patches`` are what it begins and ends at the border of. Needs the final extent of the axes.
    """
    look = edge_look(kind)
    arrow = FancyArrowPatch(
        start,
        end,
        arrowstyle="-|>",
        connectionstyle=f"arc3,rad={bend}",
        mutation_scale=15 if strong else 9,
        color=look.colour,
        linestyle=look.line,
        linewidth=2.0 if strong else 0.9,
        alpha=1.0 if strong else 0.6,
        patchA=patches[0],
        patchB=patches[1],
        shrinkA=0,
        shrinkB=0,
        zorder=6 if strong else 2,
    )
    arrow.set_gid(f"edge {kind}")
    axes.add_patch(arrow)
    # matplotlib's arc3: a quadratic Bézier curve whose control point lies bend × length beside the middle.
    (x0, y0), (x1, y1) = axes.transData.transform([start, end])
    control = (x0 + x1) / 2 + bend * (y1 - y0), (y0 + y1) / 2 - bend * (x1 - x0)
    middle = (x0 + 2 * control[0] + x1) / 4, (y0 + 2 * control[1] + y1) / 4
    axes.text(
        *axes.transData.inverted().transform(middle),
        short(kind, 12),
        fontsize=SMALL + (0.5 if strong else -1),
        weight="bold" if strong else "normal",
        color=look.colour,
        ha="center",
        va="center",
        zorder=8 if strong else 2.5,
        gid="kind",
        bbox={
            "boxstyle": "round,pad=0.15",
            "fc": "white",
            "ec": look.colour,
            "lw": 0.8 if strong else 0,
            "alpha": 0.95,
        },
    )
    return arrow
