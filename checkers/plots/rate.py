"""The plot ``rate``: how many operations ended a second, by kind and outcome."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fencepost.harness.history.history import FOREVER, History, Kind, Outcome
from fencepost.harness.verdict import Verdict

from .bands import draw_faults, fault_bands
from .marked import headline
from .picture import Picture
from .style import OUTCOMES, blank, headed
from .timeline import Bins, Timeline, count

_BINS = 120


class Rate(Picture):
    """Operations that ended, a second, over time: one panel a kind, stacked by outcome; faults as bands."""

    name = "rate"
    summary = "operations a second over time, by kind and outcome, with faults"

    def compose(self, history: History, verdict: Verdict) -> Figure:
        """See :meth:`.picture.Picture.compose`."""
        return _figure(history, verdict)


def _figure(history: History, verdict: Verdict) -> Figure:
    timeline = Timeline.of(history)
    bins = Bins.over(timeline, _BINS)
    ended = history.ended != FOREVER
    kinds = [kind for kind in Kind if (ended & (history.kind == kind)).any()] or [Kind.APPEND]
    figure = blank(1.8 * len(kinds) + 1.5)
    panels: list[Axes] = list(figure.subplots(len(kinds), 1, sharex=True, squeeze=False)[:, 0])
    for panel, kind in zip(panels, kinds, strict=True):
        rows = np.flatnonzero(ended & (history.kind == kind))
        _draw(panel, history, rows, bins, timeline)
        panel.set_title(f"{kind.label} ({len(rows):,})", loc="right", pad=3)
        panel.set_ylabel("operations a second")
        panel.grid(True, axis="y")
        panel.yaxis.set_major_locator(MaxNLocator(4))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    figure.align_ylabels(panels)
    timeline.fit(panels[-1])
    handles = [_handle(history, outcome) for outcome in OUTCOMES]
    handles += draw_faults(panels, fault_bands(history), timeline)
    subtitle = f"Operations that ended, a second, counted in {bins.label}; outcomes are stacked"
    headed(figure, panels[0], headline(history, verdict), subtitle, handles)
    return figure


def _draw(panel: Axes, history: History, rows: np.ndarray, bins: Bins, timeline: Timeline) -> None:
    outcome = history.outcome[rows].astype(np.int64)
    counts = count(outcome, (len(OUTCOMES), bins.number), bins.index(history.ended[rows])) / (bins.width / 1e9)
    edges = bins.edges(timeline)
    base = np.zeros(bins.number)
    # The rare ones at the bottom, where their height can be read.
    for each in sorted(OUTCOMES, reverse=True):
        look = OUTCOMES[each]
        top = base + counts[each]
        stack = panel.stairs(
            top, edges, baseline=base, fill=True, facecolor=look.colour, ec="white", hatch=look.hatch, lw=0
        )
        stack.set_gid(f"rate {each.name.lower()}")
        panel.stairs(top, edges, baseline=None, color="black", lw=0.7)
        base = top
    panel.set_ylim(0, max(float(base.max()) * 1.1, 1e-9))


def _handle(history: History, outcome: Outcome) -> Patch:
    look = OUTCOMES[outcome]
    total = int((history.outcome == outcome).sum())
    return Patch(facecolor=look.colour, edgecolor="white", hatch=look.hatch, label=f"{look.label} ({total:,})")
