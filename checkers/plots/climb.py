"""The staircase of many appends: the tail as a line, records by thread as shades, refusals as counts."""

from __future__ import annotations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fencepost.harness.history.history import FOREVER, History

from .lanes import lanes
from .placed import Placed, Refused
from .style import BLACK, SEQ_NUM_MISMATCH, SMALL, TOKEN_MISMATCH
from .timeline import Bins, Timeline, count

_BINS = 200


def draw_tail(axes: Axes, history: History, chain: Placed, timeline: Timeline) -> None:
    """The tail, as far as answers had told, at the end of each of 200 or so bins."""
    bins = Bins.over(timeline, _BINS)
    moments = np.minimum(bins.start + np.arange(bins.number + 1) * bins.width, timeline.end)
    tail = chain.tail_at(history, moments)
    axes.plot(timeline.at(moments), tail, color=BLACK, lw=1.6, zorder=3, gid="tail")
    axes.fill_between(timeline.at(moments), tail, float(tail.min()), color="#DDDDDD", lw=0, zorder=1)


def draw_authors(axes: Axes, history: History, chain: Placed, timeline: Timeline) -> str:
    """How many records each thread wrote in each bin; in words, what the darkest shade says."""
    bins, rows = Bins.over(timeline, _BINS), lanes(history)
    shape = (len(rows), bins.number)
    ended = np.where(history.ended[chain.rows] == FOREVER, timeline.end, history.ended[chain.rows])
    cells = np.ravel_multi_index((rows.of[chain.rows], bins.index(ended)), shape)
    records = np.bincount(cells, weights=chain.end - chain.start, minlength=shape[0] * shape[1]).reshape(shape)
    mesh = axes.pcolormesh(
        bins.edges(timeline),
        np.arange(shape[0] + 1) - 0.5,
        np.ma.masked_equal(records, 0),
        cmap="Greys",
        vmin=-0.15 * records.max(),
        vmax=max(float(records.max()), 1),
        rasterized=True,
    )
    mesh.set_gid("authors")
    axes.set_ylim(shape[0] - 0.5, -0.5)
    step = -(-shape[0] // 10)
    axes.set_yticks(range(0, shape[0], step), rows.labels[::step])
    axes.tick_params(axis="y", length=0, labelsize=6.5)
    axes.set_ylabel(f"written by\n{rows.noun}")
    return f"darkest: {records.max():,.0f} records in {bins.label}"


def draw_refusal_rate(axes: Axes, history: History, refusals: Refused, timeline: Timeline) -> None:
    """Refusals in each bin, by position at the bottom and by token stacked on them."""
    bins = Bins.over(timeline, _BINS)
    edges, base = bins.edges(timeline), np.zeros(bins.number)
    for rows, look, hatch in (
        (refusals.by_position, SEQ_NUM_MISMATCH, "////"),
        (refusals.by_token, TOKEN_MISMATCH, ""),
    ):
        top = base + count(bins.index(history.ended[rows]), (bins.number,))
        stack = axes.stairs(top, edges, baseline=base, fill=True, fc=look.colour, ec="white", hatch=hatch, lw=0)
        stack.set_gid(look.label.split(" (")[0])
        base = top
    axes.set_ylim(0, max(float(base.max()) * 1.1, 1))
    axes.set_ylabel(f"refused\nin {bins.label}")
    numbers = f"{len(refusals.by_position):,} by match_seq_num, {len(refusals.by_token):,} by fencing token"
    axes.set_title(numbers, loc="right", fontsize=SMALL, pad=2)
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def climb_handles(refusals: Refused) -> list[Artist]:
    """The legend; of the kinds of refusal, those that there are."""
    handles: list[Artist] = [Line2D([], [], color=BLACK, lw=1.6, label="tail")]
    for rows, name, look, hatch in (
        (refusals.by_position, "match_seq_num", SEQ_NUM_MISMATCH, "////"),
        (refusals.by_token, "fencing token", TOKEN_MISMATCH, ""),
    ):
        if len(rows):
            handles.append(Patch(fc=look.colour, ec="white", hatch=hatch, label=f"refused: {name}, counted"))
    return handles
