"""Operations one by one: a bar from invocation to end in the lane of its thread, and a mark for how it ended."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from fencepost.harness.history.history import FOREVER, History, Kind, Outcome

from .lanes import Lanes
from .style import GREY, OUTCOMES, THICKNESS
from .timeline import Timeline


def draw_intervals(axes: Axes, history: History, rows: Lanes, timeline: Timeline) -> list[Artist]:
    """Draw every operation; handles for the legend. One that never returned reaches to the end of the picture."""
    starts, ends = timeline.at(history.invoked), timeline.ends(history.ended)
    handles: list[Artist] = []
    for outcome, look in OUTCOMES.items():
        ours = history.outcome == outcome
        for kind, width in THICKNESS.items():
            some = ours & (history.kind == kind)
            at = rows.of[some]
            bars = LineCollection(
                list(np.stack((np.stack((starts[some], at), -1), np.stack((ends[some], at), -1)), 1)),
                colors=look.colour,
                linewidths=width,
                capstyle="butt",
                zorder=2,
            )
            bars.set_gid(f"intervals {outcome.name.lower()} {kind.label}")
            axes.add_collection(bars)
        edge: dict[str, Any] = {} if look.mark == "x" else {"edgecolors": "white", "linewidths": 0.4}
        marks = axes.scatter(
            ends[ours], rows.of[ours], s=16, c=look.colour, marker=look.mark, zorder=3 + outcome * 0.1, **edge
        )
        marks.set_gid(f"ends {outcome.name.lower()}")
        handles.append(_handle(outcome, int(ours.sum())))
    never = (history.ended == FOREVER).nonzero()[0]
    if len(never):
        axes.scatter(ends[never], rows.of[never], s=26, c=OUTCOMES[Outcome.INDEFINITE].colour, marker=">", zorder=4)
        handles.append(Line2D([], [], ls="", marker=">", color="black", ms=5, label=f"never returned ({len(never):,})"))
    handles += [Line2D([], [], color=GREY, lw=width, label=kind.label) for kind, width in _present(history)]
    return handles


def _handle(outcome: Outcome, number: int) -> Line2D:
    look = OUTCOMES[outcome]
    return Line2D(
        [],
        [],
        color=look.colour,
        lw=4,
        alpha=0.75,
        marker=look.mark,
        ms=5,
        mec=look.colour if look.mark == "x" else "white",
        mfc=look.colour,
        label=f"{look.label} ({number:,})",
    )


def _present(history: History) -> list[tuple[Kind, float]]:
    return [(kind, width) for kind, width in THICKNESS.items() if (history.kind == kind).any()]
