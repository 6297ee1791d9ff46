"""Many operations: in the lane of each thread, how many began in each bin of time, stacked by outcome."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Patch

from fencepost.harness.history.history import History

from .lanes import Lanes
from .style import OUTCOMES
from .timeline import Bins, Timeline, count

_BINS: Final = 240
_HEIGHT: Final = 0.86
"""Of a lane, that its fullest bin fills."""


def draw_ridges(axes: Axes, history: History, rows: Lanes, timeline: Timeline) -> tuple[list[Artist], str]:
    """Draw the counts; handles for the legend, and in words what the height says. Shares one scale over all lanes."""
    bins = Bins.over(timeline, _BINS)
    shape = (len(rows), len(OUTCOMES), bins.number)
    counts = count(rows.of, shape, history.outcome.astype(np.int64), bins.index(history.invoked))
    most = int(counts.sum(axis=1).max())
    edges = np.repeat(bins.edges(timeline), 2)[1:-1]
    # Indefinite ones are few and matter: at the bottom, where they can be seen.
    order = sorted(OUTCOMES, reverse=True)
    base = np.zeros((len(rows), bins.number))
    handles: list[Artist] = []
    for outcome in order:
        look = OUTCOMES[outcome]
        top = base + counts[:, outcome] / most * _HEIGHT
        polygons = [_polygon(edges, lane, base[lane], top[lane]) for lane in range(len(rows))]
        hatch = look.hatch or None
        face = PolyCollection(polygons, facecolor=look.colour, edgecolor=look.colour, lw=0.2, zorder=2)
        face.set_gid(f"counts {outcome.name.lower()}")
        axes.add_collection(face)
        base = top
        total = int(counts[:, outcome].sum())
        handles.insert(0, Patch(facecolor=look.colour, hatch=hatch and hatch[:0], label=f"{look.label} ({total:,})"))
    return handles, f"height: operations begun in {bins.label}, a full lane is {most:,}"


def _polygon(edges: np.ndarray, lane: int, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    floor = lane + _HEIGHT / 2
    bottom, top = floor - np.repeat(low, 2), floor - np.repeat(high, 2)
    return np.column_stack((np.concatenate((edges, edges[::-1])), np.concatenate((top, bottom[::-1]))))
