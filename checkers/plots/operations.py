"""The plot ``operations``: who did what when, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fencepost.harness.history.history import History
from fencepost.harness.verdict import Verdict

from . import labels
from .bands import draw_epochs, draw_faults, fault_bands, fence_epochs, is_fenced
from .intervals import draw_intervals
from .lanes import Lanes, lanes
from .marked import headline, marked_rows
from .picture import Picture
from .reached import draw_times
from .ridges import draw_ridges
from .style import BLACK, PALE, VIOLATION, blank, headed
from .text import short
from .timeline import Timeline

ONE_BY_ONE: Final = 2500
"""Operations drawn one by one; more are counted in bins of time."""

_STRIPS: Final = 4


class Operations(Picture):
    """Operations by thread (or process) over time, coloured by outcome; faults and fence epochs as bands.

    Up to 2,500 are drawn as intervals; of more, each lane shows how many began in each bin of time, stacked by
    outcome. Operations that prove a violation are marked and named by id. A line marks the time up to which an order
    explains the answers of a stream that is not valid.
    """

    name = "operations"
    summary = "operations by process over time, by outcome, with faults, fence epochs and the anomaly's operations"

    def compose(self, history: History, verdict: Verdict) -> Figure:
        """See :meth:`.picture.Picture.compose`."""
        return _figure(history, verdict)


def _figure(history: History, verdict: Verdict) -> Figure:
    rows, timeline = lanes(history), Timeline.of(history)
    names = [state.name for state in history.header.streams]
    epochs = [(name, fence_epochs(history, index)) for index, name in enumerate(names) if is_fenced(history, index)]
    epochs = [(name, found) for name, found in epochs if found][:_STRIPS]
    main = max(2.2, (0.36 if len(rows) <= 16 else 0.25) * len(rows) + 0.4)
    figure = blank(main + 0.3 * len(epochs) + 1.6)
    grid = figure.add_gridspec(len(epochs) + 1, 1, height_ratios=[*[0.24] * len(epochs), main])
    axes = figure.add_subplot(grid[-1])
    alone = len(names) == 1
    for index, (name, found) in enumerate(epochs):
        strip = figure.add_subplot(grid[index], sharex=axes)
        label = "fence epochs" if alone else f"fences of\n{short(name, 18)}"
        draw_epochs(strip, found, timeline, label, axes if alone else None)
    handles: list[Artist] = [*draw_faults([axes], fault_bands(history), timeline)]
    if len(history) <= ONE_BY_ONE:
        handles = [*draw_intervals(axes, history, rows, timeline), *handles]
        what = "a bar lasts from invocation to answer"
    else:
        ridges, what = draw_ridges(axes, history, rows, timeline)
        handles = [*ridges, *handles]
    marked = marked_rows(history, verdict)
    handles += _mark(axes, history, marked, rows, timeline)
    timeline.fit(axes)
    _fit_lanes(axes, rows)
    handles += draw_times(axes, timeline, verdict.explained, named=not alone)
    top = figure.axes[1] if epochs else axes
    headed(figure, top, headline(history, verdict), f"Operations by {rows.noun}; {what}", handles)
    points = [(float(timeline.at(history.invoked[row])), float(rows.of[row])) for row in marked]
    labels.place(axes, points, [f"#{history.id[row]}" for row in marked])
    return figure


def _mark(axes: Axes, history: History, marked: Sequence[int], rows: Lanes, timeline: Timeline) -> list[Artist]:
    """Mark these rows at their invocation; the handle for the legend if there are any."""
    if not marked:
        return []
    at = np.array(marked)
    points = axes.scatter(
        timeline.at(history.invoked[at]),
        rows.of[at],
        s=150,
        c=VIOLATION.colour,
        edgecolors=BLACK,
        linewidths=1.0,
        marker=VIOLATION.mark,
        zorder=8,
        clip_on=False,
    )
    points.set_gid("violation")
    label = f"{VIOLATION.label} ({len(marked)})"
    return [Line2D([], [], ls="", marker=VIOLATION.mark, ms=11, mfc=VIOLATION.colour, mec=BLACK, label=label)]


def _fit_lanes(axes: Axes, rows: Lanes) -> None:
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), rows.labels)
    axes.set_ylabel(f"{rows.noun}s" if rows.shared else rows.noun)
    axes.tick_params(axis="y", length=0)
    axes.hlines(np.arange(len(rows)) + 0.5, 0, 1, transform=axes.get_yaxis_transform(), color=PALE, lw=0.6, zorder=0.1)
