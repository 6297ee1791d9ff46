"""How far an order explains a stream that is not valid: a line in a picture where that order ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.transforms import Transform

from fencepost.harness.verdict import Explained

from .style import GREEN, SMALL, Look
from .text import short
from .timeline import Timeline

REACHED: Final = Look("an order explains the answers up to here", GREEN, "", line="--")

MOST: Final = 4
"""Streams of which it is drawn in one panel."""


def draw_times(axes: Axes, timeline: Timeline, found: Sequence[Explained], *, named: bool) -> list[Artist]:
    """Draw the time at which the order of each stream ends, with the stream's name; the handle for the legend."""
    for one in found[:MOST]:
        x = float(timeline.at(one.until))
        draw_time(axes, x, 6.5)
        if named:
            name = axes.text(x, 0.5, short(one.stream, 28), transform=axes.get_xaxis_transform(), rotation=90)
            name.set(ha="right", va="center", fontsize=SMALL, color=REACHED.colour, zorder=7)
            name.set_path_effects([withStroke(linewidth=3, foreground="white")])
    return _handles(len(found))


def draw_corner(axes: Axes, timeline: Timeline, one: Explained) -> list[Artist]:
    """Draw the time and the tail at which an order ends; the handle. The axes have their extent, of time and position.

    Nothing is drawn of what is outside of it.
    """
    low, high = axes.get_ylim()
    if not (timeline.start <= one.until <= timeline.end and low <= one.tail <= high):
        return []
    x, left = float(timeline.at(one.until)), axes.get_xlim()[0]
    _draw(axes, [left, x, x], [one.tail, one.tail, low], axes.transData, 6.5)
    return _handles(1)


def draw_time(axes: Axes, x: float, zorder: float) -> None:
    """Draw an upright line over the whole height."""
    _draw(axes, [x, x], [0.0, 1.0], axes.get_xaxis_transform(), zorder)


def _draw(axes: Axes, x: Sequence[float], y: Sequence[float], transform: Transform, zorder: float) -> None:
    (line,) = axes.plot(x, y, color=REACHED.colour, ls=REACHED.line, lw=1.6, transform=transform, zorder=zorder)
    line.set(gid="reached", path_effects=[withStroke(linewidth=3.5, foreground="white")])


def _handles(number: int) -> list[Artist]:
    return [Line2D([], [], color=REACHED.colour, ls=REACHED.line, lw=1.6, label=REACHED.label)] if number else []
