"""The plot ``latency``: how long operations took, raw and as quantiles over time, one panel a kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from fencepost.harness.history.history import FOREVER, NONE, History, Int64s, Kind, Outcome
from fencepost.harness.verdict import Verdict

from .bands import draw_faults, fault_bands
from .marked import headline
from .picture import Picture
from .style import BLACK, BLUE, GREEN, OUTCOMES, VERMILION, Look, blank, headed
from .text import duration, number
from .timeline import Bins, Timeline, count

ONE_BY_ONE: Final = 5000
"""Operations drawn as points; of more, how dense they lie is drawn."""

_COLUMNS: Final = 200
_ROWS: Final = 44
_CELL: Final = 60
"""Operations for each column of cells: of fewer, there are fewer columns."""

_LIGHTEST, _DARKEST = 0.25, 0.58
"""Shades of grey (0 white, 1 black) of one operation and of the fullest cell."""

_ENOUGH: Final = 20_000
"""Operations from which on a stretch of time holds enough for a 99th percentile."""

_HALO: Final = withStroke(linewidth=3.2, foreground="white")

QUANTILES: Final[dict[float, Look]] = {
    0.5: Look("p50", BLUE, "", line="-"),
    0.9: Look("p90", GREEN, "", line="--"),
    0.99: Look("p99", VERMILION, "", line="-."),
    1.0: Look("max", BLACK, "", line=":"),
}


class Latency(Picture):
    """Latency over time on a log scale, from the intended start; quantiles are of operations that got an answer.

    Up to 5,000 operations are points by outcome; of more, shades of grey tell how many there were. Indefinite
    operations are drawn where their client gave up; those that never ended are not drawn.
    """

    name = "latency"
    summary = "latency over time, raw and as quantiles, by kind of operation, with faults"

    def compose(self, history: History, verdict: Verdict) -> Figure:
        """See :meth:`.picture.Picture.compose`."""
        return _figure(history, verdict)


def _figure(history: History, verdict: Verdict) -> Figure:
    timeline = Timeline.of(history)
    ended = history.ended != FOREVER
    kinds = [kind for kind in Kind if (ended & (history.kind == kind)).any()] or [Kind.APPEND]
    figure = blank(2.1 * len(kinds) + 1.5)
    panels: list[Axes] = list(figure.subplots(len(kinds), 1, sharex=True, sharey=True, squeeze=False)[:, 0])
    # A latency of zero (a coarse clock) has no place on a log scale.
    latency = np.maximum(np.where(ended, history.ended - history.intended, 1), 1) / 1e6
    dense = len(history) > ONE_BY_ONE
    for panel, kind in zip(panels, kinds, strict=True):
        rows = np.flatnonzero(ended & (history.kind == kind))
        if dense:
            _draw_density(panel, history, rows, latency[rows], timeline)
        else:
            _draw_points(panel, history, rows, latency[rows], timeline)
        answered = rows[(history.outcome[rows] == Outcome.OK) | (history.status[rows] != NONE)]
        answered = answered[history.outcome[answered] != Outcome.INDEFINITE]
        width = _draw_quantiles(panel, history, answered, latency[answered], timeline)
        panel.set_ylabel("latency")
        panel.set_title(f"{kind.label} ({len(rows):,})", loc="right", pad=3)
        panel.grid(True, which="major", axis="y")
    _fit(panels, latency[ended])
    timeline.fit(panels[-1])
    handles = draw_faults(panels, fault_bands(history), timeline)
    raw = "grey: how many operations" if dense else "a mark is an operation"
    subtitle = f"Latency from the intended start; {raw}; lines: quantiles of those answered, in {width}"
    headed(figure, panels[0], headline(history, verdict), subtitle, [*_handles(history, dense), *handles])
    return figure


def _draw_points(panel: Axes, history: History, rows: Int64s, latency: Any, timeline: Timeline) -> None:
    for outcome, look in OUTCOMES.items():
        some = history.outcome[rows] == outcome
        points = panel.scatter(
            timeline.at(history.invoked[rows[some]]),
            latency[some],
            s=9,
            c=look.colour,
            marker=look.mark,
            linewidths=0.8 if look.mark == "x" else 0,
            alpha=0.7,
            rasterized=True,
            zorder=2,
        )
        points.set_gid(f"raw {outcome.name.lower()}")


def _draw_density(panel: Axes, history: History, rows: Int64s, latency: Any, timeline: Timeline) -> None:
    """Counts in cells of time × log latency, on a log scale of grey: one operation can be seen, thousands too."""
    bins = Bins.over(timeline, int(np.clip(len(history) // _CELL, 40, _COLUMNS)))
    low, high = np.log10(latency.min()), np.log10(latency.max())
    edges = np.linspace(low, max(high, low + 0.1) + 1e-9, _ROWS + 1)
    row = np.clip(np.searchsorted(edges, np.log10(latency), side="right") - 1, 0, _ROWS - 1)
    counts = count(row, (_ROWS, bins.number), bins.index(history.invoked[rows]))
    mesh = panel.pcolormesh(
        bins.edges(timeline),
        10**edges,
        np.ma.masked_equal(counts, 0),
        cmap="Greys",
        norm=_norm(int(counts.max())),
        rasterized=True,
        zorder=1,
    )
    mesh.set_gid("density")


def _norm(most: int) -> LogNorm:
    """Light enough for lines to stand out: the darkest cell is a middle grey, and one operation can still be seen."""
    span = np.log(max(most, 2)) / (_DARKEST - _LIGHTEST)
    return LogNorm(vmin=float(np.exp(-_LIGHTEST * span)), vmax=float(np.exp((1 - _LIGHTEST) * span)))


def _draw_quantiles(panel: Axes, history: History, rows: Int64s, latency: Any, timeline: Timeline) -> str:
    """Steps of the quantiles of each bin that holds any; the width of a bin in words."""
    bins = Bins.over(timeline, int(np.clip(len(history) // 100, 12, 100)))
    if not len(rows):
        return bins.label
    index = bins.index(history.invoked[rows])
    order = np.lexsort((latency, index))
    index, latency = index[order], latency[order]
    present, first, size = np.unique(index, return_index=True, return_counts=True)
    edges = bins.edges(timeline)
    for quantile, look in _drawn(history).items():
        values = np.full(bins.number, np.nan)
        values[present] = latency[first + np.maximum(np.ceil(quantile * size).astype(np.int64) - 1, 0)]
        line = panel.stairs(values, edges, baseline=None, color=look.colour, ls=look.line, lw=1.6, zorder=4)
        line.set_path_effects([_HALO])
        line.set_gid(f"quantile {look.label}")
    return bins.label


def _drawn(history: History) -> dict[float, Look]:
    """The quantiles to draw: of few operations, the highest are much the same."""
    return {quantile: look for quantile, look in QUANTILES.items() if len(history) >= _ENOUGH or quantile != 0.99}


def _fit(panels: Sequence[Axes], latency: Any) -> None:
    low, high = (float(latency.min()), float(latency.max())) if len(latency) else (1.0, 10.0)
    for panel in panels:
        panel.set_yscale("log")
        panel.set_ylim(low / 1.4, high * 1.6)
        panel.yaxis.set_major_locator(LogLocator(10, subs=(1.0,) if high / low > 1000 else (1.0, 2.0, 5.0)))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: duration(value * 1e6)))
        panel.yaxis.set_minor_formatter(NullFormatter())


def _handles(history: History, dense: bool) -> list[Artist]:
    if dense:
        raw: list[Artist] = [Patch(facecolor="#AAAAAA", label=number(len(history), "operation"))]
    else:
        raw = [
            Line2D([], [], ls="", marker=look.mark, color=look.colour, ms=5, label=look.label)
            for look in OUTCOMES.values()
        ]
    lines = [
        Line2D([], [], color=look.colour, ls=look.line, lw=1.6, label=look.label) for look in _drawn(history).values()
    ]
    return [*raw, *lines]
