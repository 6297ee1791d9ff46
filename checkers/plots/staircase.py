"""The plot ``staircase``: the position of each stream over time, who wrote each record, where writers were refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fencepost.harness.history.history import FOREVER, History, Int64s
from fencepost.harness.verdict import Explained, Verdict

from . import labels
from .bands import Epoch, FaultBand, draw_epochs, draw_faults, fault_bands, fence_epochs
from .climb import climb_handles, draw_authors, draw_refusal_rate, draw_tail
from .marked import headline, known, marked_rows
from .picture import Picture
from .placed import Bools, Placed, Refused, look_of, placed, position_of, refused
from .reached import draw_corner
from .steps import draw_refusals, draw_steps, step_handles
from .style import BLACK, BLUE, SMALL, VIOLATION, WIDTH, blank, headed
from .text import number, short, token
from .timeline import Timeline

ONE_BY_ONE: Final = 1200
"""Appends (with the refused) of a stream that are all drawn one by one."""

LEGIBLE: Final = 150
"""Of more, a close-up is drawn too."""

MOST_STREAMS: Final = 4

_NEIGHBOURS: Final = 12
"""Appends on either side of what a close-up is about."""


class Staircase(Picture):
    """Stream position over time, one panel a stream: the four with most appends.

    Up to 1,200 appends are boxes, the time that each took by the records that it wrote, in the look of its fencing
    token (of its thread where nothing is fenced); refusals are marks. Of more, the tail is a line, with records by
    thread and refusals over time below it. Of more than 150, a close-up shows those around the first violation. Lines
    mark the time and the tail up to which an order explains the answers of a stream that is not valid.
    """

    name = "staircase"
    summary = "stream position over time: who wrote each record, and where writers were refused"

    def compose(self, history: History, verdict: Verdict) -> Figure:
        """See :meth:`.picture.Picture.compose`."""
        return _figure(history, verdict)


@dataclass(frozen=True, slots=True)
class _Stream:
    """What is drawn of one stream. ``label`` names its positions.

    ``marked`` are the rows that prove violations on it, ``first`` the last one of those that prove the first.
    ``explained`` is how far an order explains it, if it is not valid.
    """

    label: str
    chain: Placed
    refusals: Refused
    epochs: list[Epoch]
    marked: list[int]
    first: int | None
    explained: Explained | None

    @property
    def size(self) -> int:
        return len(self.chain) + len(self.refusals.by_position) + len(self.refusals.by_token)


@dataclass(frozen=True, slots=True)
class _Drawing:
    """One figure in the making. ``handles`` grow with it; ``stars`` are labelled once everything has its place."""

    history: History
    figure: Figure
    faults: list[FaultBand]
    handles: list[Artist] = field(default_factory=list)
    stars: list[tuple[Axes, Timeline, _Stream]] = field(default_factory=list)


def _figure(history: History, verdict: Verdict) -> Figure:
    streams, left_out = _streams(history, verdict)
    heights = [_height(stream) for stream in streams] or [3.0]
    drawing = _Drawing(history, blank(sum(heights) + 1.2), fault_bands(history))
    outer = drawing.figure.add_gridspec(len(heights), 1, height_ratios=heights)
    tops = []
    for row, stream in enumerate(streams):
        draw = _detailed if stream.size <= ONE_BY_ONE else _aggregated
        tops.append(draw(drawing, outer[row], stream))
    if not tops:
        tops.append(drawing.figure.add_subplot())
        Timeline.of(history).fit(tops[0])
    if drawing.stars:
        look: dict[str, Any] = {"marker": VIOLATION.mark, "mfc": VIOLATION.colour, "mec": BLACK}
        drawing.handles.append(Line2D([], [], ls="", ms=11, label=VIOLATION.label, **look))
    also = f"; {number(left_out, 'more stream')} not drawn" if left_out else ""
    subtitle = f"Stream position over time: who wrote each record, and where writers were refused{also}"
    headed(drawing.figure, tops[0], headline(history, verdict), subtitle, _once(drawing.handles), columns=4)
    for axes, timeline, stream in drawing.stars:
        _name(drawing, axes, timeline, stream)
    return drawing.figure


def _streams(history: History, verdict: Verdict) -> tuple[list[_Stream], int]:
    """The streams to draw, those with a violation first, then by size; and how many are left out."""
    marked = marked_rows(history, verdict)
    streams, explained = [], {one.stream: one for one in verdict.explained}
    for index, state in enumerate(history.header.streams):
        chain = placed(history, index)
        ours = [row for row in marked if history.stream[row] == index]
        proofs = [known(history, violation.operations) for violation in verdict.violations]
        first = next((max(proof) for proof in proofs if proof and history.stream[proof[0]] == index), None)
        refusals, epochs = refused(history, index, chain), fence_epochs(history, index)
        label = "stream" if len(history.header.streams) == 1 else f"{short(state.name, 28)}\n"
        streams.append(
            _Stream(f"{label} position (records)", chain, refusals, epochs, ours, first, explained.get(state.name))
        )
    streams.sort(key=lambda stream: (not stream.marked, -stream.size))
    return streams[:MOST_STREAMS], len(streams[MOST_STREAMS:])


def _height(stream: _Stream) -> float:
    if stream.size > ONE_BY_ONE:
        return 5.2
    return 3.8 if stream.size <= LEGIBLE else 7.6


def _detailed(drawing: _Drawing, place: SubplotSpec, stream: _Stream) -> Axes:
    timeline = Timeline.of(drawing.history)
    if stream.size <= LEGIBLE:
        top, _ = _steps(drawing, place, stream, stream.chain, stream.refusals, timeline)
    else:
        grid = place.subgridspec(2, 1, height_ratios=[1.1, 1])
        top, steps = _steps(drawing, grid[0], stream, stream.chain, stream.refusals, timeline)
        window = _draw_close_up(drawing, grid[1], stream)
        steps.axvspan(timeline.at(window.start), timeline.at(window.end), color=BLUE, alpha=0.12, lw=0, zorder=0.1)
    return top


def _steps(
    drawing: _Drawing,
    place: SubplotSpec,
    stream: _Stream,
    chain: Placed,
    refusals: Refused,
    timeline: Timeline,
    inches: float = WIDTH - 1,
) -> tuple[Axes, Axes]:
    """Part of a stream in detail, with its fence epochs above; the uppermost axes and those of the steps."""
    history = drawing.history
    epochs = [epoch for epoch in stream.epochs if epoch.end > timeline.start and epoch.start < timeline.end]
    fenced = len(epochs) > 1
    grid = place.subgridspec(2 if fenced else 1, 1, height_ratios=[0.07, 1] if fenced else None, hspace=0)
    axes = drawing.figure.add_subplot(grid[-1])
    draw_steps(axes, history, chain, timeline)
    draw_refusals(axes, history, refusals, timeline)
    drawing.handles.extend(step_handles(chain, refusals, len(history.header.streams) == 1))
    drawing.handles.extend(draw_faults([axes], drawing.faults, timeline))
    _fit(axes, chain, stream.label)
    timeline.fit(axes)
    _draw_reached(drawing, axes, timeline, stream)
    if stream.marked:
        drawing.stars.append((axes, timeline, stream))
    if not fenced:
        return axes, axes
    strip = drawing.figure.add_subplot(grid[0], sharex=axes)
    writers = {name: index for index, name in enumerate(chain.names)}
    looks = [look_of(writers[name]) if (name := f"token {token(epoch.token)}") in writers else None for epoch in epochs]
    draw_epochs(strip, epochs, timeline, "in force", looks=looks, inches=inches)
    return strip, axes


def _aggregated(drawing: _Drawing, place: SubplotSpec, stream: _Stream) -> Axes:
    history, timeline = drawing.history, Timeline.of(drawing.history)
    halves = place.subgridspec(1, 2, width_ratios=[1.15, 1], wspace=0.04)
    rows = halves[0].subgridspec(3, 1, height_ratios=[1, 0.55, 0.3])
    climb = drawing.figure.add_subplot(rows[0])
    draw_tail(climb, history, stream.chain, timeline)
    authors = drawing.figure.add_subplot(rows[1], sharex=climb)
    darkest = draw_authors(authors, history, stream.chain, timeline)
    authors.set_title(darkest, loc="right", fontsize=SMALL, pad=2)
    rate = drawing.figure.add_subplot(rows[2], sharex=climb)
    draw_refusal_rate(rate, history, stream.refusals, timeline)
    _fit(climb, stream.chain, stream.label)
    for panel in (climb, authors):
        panel.tick_params(labelbottom=False)
    timeline.fit(rate)
    _draw_reached(drawing, climb, timeline, stream)
    if stream.marked:
        drawing.stars.append((climb, timeline, stream))
    window = _draw_close_up(drawing, halves[1], stream, WIDTH / 2 - 1)
    climb.axvspan(timeline.at(window.start), timeline.at(window.end), color=BLUE, alpha=0.3, lw=1.5, zorder=2)
    drawing.handles.extend(climb_handles(stream.refusals))
    drawing.handles.extend(draw_faults([climb, authors, rate], drawing.faults, timeline))
    return climb


def _draw_reached(drawing: _Drawing, axes: Axes, timeline: Timeline, stream: _Stream) -> None:
    if stream.explained is not None:
        drawing.handles.extend(draw_corner(axes, timeline, stream.explained))


def _draw_close_up(drawing: _Drawing, place: SubplotSpec, stream: _Stream, inches: float = WIDTH - 1) -> Timeline:
    """Draw the close-up of a stream; the time it shows."""
    chain, refusals = _close_up(drawing.history, stream)
    window = _extent(drawing.history, chain)
    top, _ = _steps(drawing, place, stream, chain, refusals, window, inches)
    why = "around the first violation" if stream.first is not None else "from the middle of the run"
    drawing.handles.append(Patch(facecolor=BLUE, alpha=0.2, label="time of the close-up"))
    top.set_title(f"Close-up of {number(len(chain), 'append')} {why}", loc="left", color="#444444", pad=5)
    return window


def _close_up(history: History, stream: _Stream) -> tuple[Placed, Refused]:
    """The appends around what a close-up is about, and those refused in their time."""
    chain, refusals = stream.chain, stream.refusals
    middle = len(chain) // 2
    if stream.first is not None:
        middle = int(np.searchsorted(chain.start, position_of(history, stream.first, chain)))
    part = chain.part(max(middle - _NEIGHBOURS, 0), middle + _NEIGHBOURS)
    window = _extent(history, part)

    def within(rows: Int64s) -> Bools:
        return np.asarray((history.ended[rows] >= window.start) & (history.ended[rows] <= window.end))

    by_position, by_token = within(refusals.by_position), within(refusals.by_token)
    near = Refused(
        refusals.by_position[by_position],
        refusals.reported[by_position],
        refusals.by_token[by_token],
        refusals.tail[by_token],
    )
    return part, near


def _extent(history: History, chain: Placed) -> Timeline:
    if not len(chain):
        return Timeline.of(history)
    ended = history.ended[chain.rows]
    last = int(ended[ended != FOREVER].max(initial=int(history.invoked[chain.rows].max())))
    return Timeline.between(int(history.invoked[chain.rows].min()), last)


def _fit(axes: Axes, chain: Placed, label: str) -> None:
    low, high = (int(chain.start.min()), int(chain.end.max())) if len(chain) else (0, 1)
    # Beyond 2⁵³ half a record is lost in a float.
    margin = max((high - low) * 0.05, 0.5, high * 1e-9)
    axes.set_ylim(low - margin, high + margin)
    axes.set_ylabel(label)
    axes.yaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(True, axis="y")


def _name(drawing: _Drawing, axes: Axes, timeline: Timeline, stream: _Stream) -> None:
    """Mark the violation's operations in one panel, those that are within it, and name them."""
    history = drawing.history
    low, high = axes.get_ylim()
    inside = []
    for row in stream.marked:
        position = position_of(history, row, stream.chain)
        time = int(min(history.ended[row], history.duration))
        if timeline.start <= time <= timeline.end and low <= position <= high:
            inside.append((row, (float(timeline.at(time)), float(position))))
    if not inside:
        return
    points = axes.scatter(
        [x for _, (x, _) in inside],
        [y for _, (_, y) in inside],
        s=110,
        c=VIOLATION.colour,
        ec=BLACK,
        lw=1,
        marker=VIOLATION.mark,
        zorder=8,
    )
    points.set_gid("violation")
    labels.place(axes, [point for _, point in inside], [f"#{history.id[row]}" for row, _ in inside])


def _once(handles: Sequence[Artist]) -> list[Artist]:
    """The handles without those whose label another one has."""
    return list({str(handle.get_label()): handle for handle in reversed(handles)}.values())[::-1]
