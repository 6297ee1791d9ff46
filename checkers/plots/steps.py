"""The staircase in detail: every append as a box, the time it took by the records it wrote."""

from __future__ import annotations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from fencepost.harness.history.history import History

from .placed import Placed, Refused, look_of
from .style import BLACK, GREY, SEQ_NUM_MISMATCH, TOKEN_MISMATCH, WRITERS, Look
from .timeline import Timeline


def draw_steps(axes: Axes, history: History, chain: Placed, timeline: Timeline) -> None:
    """Draw the appends. Those never acknowledged are dashed."""
    left, right = timeline.at(history.invoked[chain.rows]), timeline.ends(history.ended[chain.rows])
    corners = np.stack(
        (
            np.stack((left, chain.start), -1),
            np.stack((right, chain.start), -1),
            np.stack((right, chain.end), -1),
            np.stack((left, chain.end), -1),
        ),
        axis=1,
    )
    for index, look in enumerate(WRITERS):
        ours = chain.writer % len(WRITERS) == index
        for unacknowledged in (False, True):
            some = ours & (chain.found == unacknowledged)
            if not some.any():
                continue
            boxes = PolyCollection(
                corners[some],
                facecolors=look.colour,
                edgecolors=look.colour if not unacknowledged else BLACK,
                linestyles="--" if unacknowledged else "-",
                linewidths=0.9,
                alpha=0.55,
                zorder=2,
            )
            boxes.set_gid(f"appends {'found' if unacknowledged else 'acknowledged'}")
            axes.add_collection(boxes)
        if ours.any():
            axes.scatter(
                right[ours], chain.end[ours], s=14, c=look.colour, marker=look.mark, ec="white", lw=0.4, zorder=3
            )


def draw_refusals(axes: Axes, history: History, refusals: Refused, timeline: Timeline) -> None:
    """Draw every refused append where its answer came."""
    for rows, at, look, size in (
        (refusals.by_token, refusals.tail, TOKEN_MISMATCH, 34),
        (refusals.by_position, refusals.reported, SEQ_NUM_MISMATCH, 22),
    ):
        marks = axes.scatter(
            timeline.at(history.ended[rows]), at, s=size, c=look.colour, marker=look.mark, lw=1.1, zorder=4
        )
        marks.set_gid(look.label.split(" (")[0])


def step_handles(chain: Placed, refusals: Refused, alone: bool) -> list[Artist]:
    """The legend: the writers if each has a look of its own (tokens only if the stream is ``alone``), and the marks."""
    handles: list[Artist] = []
    if len(chain.names) <= len(WRITERS) and (alone or not chain.by_token):
        handles += [_writer(look_of(index), name) for index, name in enumerate(chain.names)]
    else:
        noun = "token" if chain.by_token else "thread"
        handles.append(Patch(facecolor=GREY, alpha=0.55, label=f"append; one colour and mark a {noun}, in turn"))
    if chain.found.any():
        handles.append(
            Patch(
                facecolor="white",
                edgecolor=BLACK,
                ls="--",
                label="indefinite, found by a read",
            )
        )
    for rows, look in ((refusals.by_position, SEQ_NUM_MISMATCH), (refusals.by_token, TOKEN_MISMATCH)):
        if len(rows):
            handles.append(
                Line2D(
                    [],
                    [],
                    ls="",
                    marker=look.mark,
                    color=look.colour,
                    ms=6,
                    mew=1.2,
                    label=look.label,
                )
            )
    return handles


def _writer(look: Look, name: str) -> Line2D:
    return Line2D(
        [], [], color=look.colour, lw=6, alpha=0.6, marker=look.mark, ms=5, mec="white", mfc=look.colour, label=name
    )
