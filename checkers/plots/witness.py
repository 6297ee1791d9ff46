"""The plot ``witness``: for each violation the few operations that prove it, to scale, and why they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fencepost.harness.history import describe
from fencepost.harness.history.history import NONE, History, Operation, Outcome
from fencepost.harness.verdict import Explained, Violation

from .arrows import Arrows
from .bands import fault_bands
from .cuts import CutTime
from .marked import known
from .picture import PictureOfViolation
from .reached import REACHED, draw_time
from .style import BLACK, GREY, LARGE, NORMAL, OUTCOMES, SMALL, WIDTH, blank, edge_look, fault_look
from .text import duration, fitted, number, plain, short, width, wrapped

MOST_OPERATIONS: Final = 14
"""Operations in one picture: all that prove the violation come before any that are context."""

_LANE: Final = 0.84
_LINE: Final = 0.185
_CHARACTERS: Final = 160
_BAR: Final = 0.28
_LEFT, _RIGHT = 0.115, 0.988
_ROOM: Final = WIDTH * 72 * (_RIGHT - _LEFT)
"""Points between the edges of the lanes."""


class Witness(PictureOfViolation):
    """One picture for each of the first five violations: ``witness-1`` and so on; nothing for a valid history.

    A bar is an operation, from invocation to end; an indefinite one may take effect at any later time. Arrows are
    the edges of the proof, and the sentences below say it in words. Stretches of time in which nothing begins or
    ends are cut where they are long, and marked. A line marks the time up to which an order explains the answers.
    """

    name = "witness"
    summary = "for each violation, the operations that prove it, to scale, with arrows and the sentences"

    def compose(self, history: History, violation: Violation, explained: Explained | None) -> Figure:
        """See :meth:`.picture.PictureOfViolation.compose`."""
        return _figure(history, violation, explained)


@dataclass(frozen=True, slots=True)
class _Bar:
    """An operation, its lane, and the places (0–1) of its invocation and its end."""

    operation: Operation
    lane: int
    left: float
    right: float
    proves: bool


def _figure(history: History, violation: Violation, explained: Explained | None) -> Figure:
    proof = known(history, violation.operations)[:MOST_OPERATIONS]
    context = [row for row in known(history, violation.context) if row not in proof]
    rows = [*proof, *context[: MOST_OPERATIONS - len(proof)]]
    operations = _in_lanes([history.operation(row) for row in rows])
    time = CutTime(_moments(operations))
    bars = [
        _Bar(o, lane, time(o.invoked), 1.0 if o.outcome is Outcome.INDEFINITE else time(o.ended or 0), o.row in proof)
        for lane, o in enumerate(operations)
    ]
    promise = wrapped(f"The promise that is broken: “{violation.promise}”", _CHARACTERS)
    words = "\n".join(wrapped(sentence, _CHARACTERS) for sentence in violation.sentences)
    reached = None if explained is None else time(explained.until)
    reached = reached if reached is not None and 0 < reached < 1 else None
    legend = _legend(violation, any(not bar.proves for bar in bars), reached is not None)
    above = 0.5 + _LINE * (promise.count("\n") + 1) + 0.2
    below = 0.62 + _LINE * (words.count("\n") + 1) + 0.38
    lanes = _LANE * max(len(bars), 1)
    height = above + lanes + below
    figure = blank(height, layout=None)
    figure.text(0.012, 1 - 0.12 / height, _title(violation), fontsize=LARGE, weight="bold", va="top")
    figure.text(0.012, 1 - 0.45 / height, promise, fontsize=NORMAL, color="#444444", va="top", linespacing=1.3)
    figure.text(0.012, (below - 0.58) / height, words, fontsize=NORMAL, va="top", linespacing=1.35).set_gid("sentences")
    figure.text(0.012, 0.12 / height, legend, fontsize=SMALL + 0.5, color="#555555", va="bottom")
    axes = figure.add_axes((_LEFT, below / height, _RIGHT - _LEFT, lanes / height))
    _draw_background(axes, bars, history, time)
    for bar in bars:
        _draw_bar(axes, bar)
    if reached is not None:
        draw_time(axes, reached, 2.5)
    _draw_edges(axes, violation, {bar.operation.id: bar for bar in bars})
    return figure


def _title(violation: Violation) -> str:
    where = f" at position {violation.position:,}" if violation.position is not None else ""
    more = f", and {number(violation.count - 1, 'more violation')} like it" if violation.count > 1 else ""
    return plain(f"{violation.anomaly} on {short(violation.stream, 40)}{where}{more}")


def _legend(violation: Violation, with_context: bool, with_line: bool) -> str:
    kinds = [plain(edge_look(kind).label) for kind in dict.fromkeys(edge.kind for edge in violation.edges)]
    boxes = ["solid box: proves it", "dashed and pale: context"] if with_context else []
    line = [f"green dashes: {REACHED.label}"] if with_line else []
    return "  ·  ".join([*(["arrows – " + ",  ".join(kinds)] if kinds else []), *boxes, *line])


def _in_lanes(operations: Sequence[Operation]) -> list[Operation]:
    """Processes in the order of their first operation here, and each one's operations in theirs."""
    first: dict[int, int] = {}
    for operation in sorted(operations, key=lambda o: (o.invoked, o.id)):
        first.setdefault(operation.process, operation.invoked)
    return sorted(operations, key=lambda o: (first[o.process], o.process, o.invoked, o.id))


def _moments(operations: Sequence[Operation]) -> list[int]:
    invoked = [operation.invoked for operation in operations]
    return invoked + [operation.ended for operation in operations if operation.ended is not None] or [0]


def _draw_background(axes: Axes, bars: Sequence[_Bar], history: History, time: CutTime) -> None:
    """Lanes, time axis, cuts and faults."""
    axes.set_xlim(0, 1)
    axes.set_ylim(max(len(bars), 1) - 0.5, -0.5)
    groups = [index for index in range(len(bars)) if _process(bars, index) != _process(bars, index - 1) or not index]
    for shade, (start, end) in enumerate(pairwise([*groups, len(bars)])):
        if shade % 2:
            axes.axhspan(start - 0.5, end - 0.5, color="#F6F6F6", lw=0, zorder=0)
        thread = int(history.thread[bars[start].operation.row])
        label = f"process {_process(bars, start)}" + (f"\nthread {thread}" if thread != NONE else "")
        axes.text(-0.008, (start + end - 1) / 2, label, ha="right", va="center", transform=axes.get_yaxis_transform())
    axes.set_yticks([])
    ticks = time.ticks()
    axes.set_xticks([place for place, _ in ticks], [text for _, text in ticks])
    if bars:
        gaps = "; cut at //" if time.cuts else ""
        first = min((bar.operation for bar in bars), key=lambda operation: operation.invoked)
        at = f"{duration(first.invoked)} into the run{gaps}"
        axes.set_xlabel(f"time since {describe.name(first)} was invoked, {at}", labelpad=2)
    for cut in time.cuts:
        axes.axvspan(cut.place - 0.004, cut.place + 0.004, fc="white", ec=GREY, ls=(0, (2, 2)), lw=0.7, zorder=5)
        text = axes.text(cut.place, 1.01, f"// {duration(cut.length)}", transform=axes.get_xaxis_transform())
        text.set(fontsize=SMALL, ha="center", va="bottom", color="#444444", gid="cut")
    _draw_faults(axes, history, time)


def _draw_faults(axes: Axes, history: History, time: CutTime) -> None:
    bands = fault_bands(history)
    names = sorted({band.name for band in bands})
    for band in bands:
        left, right = time(band.start), time(band.end)
        if right <= 0 or left >= 1:
            continue
        look = fault_look(band.name, names.index(band.name))
        span = axes.axvspan(left, right, fc=look.colour, ec=look.colour, alpha=0.15, hatch=look.hatch, lw=0, zorder=0.1)
        span.set_gid("fault")
        text = axes.text((left + right) / 2, 0.006, plain(look.label), transform=axes.get_xaxis_transform())
        text.set(fontsize=SMALL, ha="center", va="bottom", color="#444444")


def _process(bars: Sequence[_Bar], index: int) -> int:
    return bars[index].operation.process


def _draw_bar(axes: Axes, bar: _Bar) -> None:
    """The bar, above it what was asked and what was answered; paler where it is only context."""
    operation, look = bar.operation, OUTCOMES[bar.operation.outcome]
    width = max(bar.right - bar.left, 0.003)
    box = Rectangle(
        (bar.left, bar.lane - _BAR / 2),
        width,
        _BAR,
        fc=look.colour,
        ec=BLACK,
        lw=1.4 if bar.proves else 0.6,
        ls="-" if bar.proves else "--",
        alpha=1.0 if bar.proves else 0.4,
        hatch=look.hatch,
        zorder=3,
    )
    box.set_gid("operation" if bar.proves else "context")
    axes.add_patch(box)
    if operation.outcome is Outcome.INDEFINITE:
        box.set(fc="#BBBBBB", hatch="...")
        axes.plot([1.0], [bar.lane], marker=">", color=BLACK, ms=9, clip_on=False, zorder=4)
    purpose = f"   ({short(operation.purpose, 24)})" if operation.purpose else ""
    _write(axes, bar, f"#{operation.id}  {plain(describe.request(operation))}{purpose}", -0.05 - _BAR / 2, "bottom")
    _write(axes, bar, f"→ {plain(describe.answer(operation))}", 0.05 + _BAR / 2, "top")


def _write(axes: Axes, bar: _Bar, words: str, offset: float, side: Literal["bottom", "top"]) -> None:
    """A line that starts with its bar, but not so far to the right that it would leave the picture."""
    words = fitted(words, _ROOM * 0.99, SMALL + 1)
    left = min(bar.left, max(0.0, 0.995 - width(words, SMALL + 1) / _ROOM))
    text = axes.text(left, bar.lane + offset, words, fontsize=SMALL + 1, va=side, zorder=5.5, gid="words")
    text.set_color(BLACK if bar.proves else "#555555")
    text.set_bbox({"fc": "white", "ec": "none", "alpha": 0.75, "pad": 0.8})


def _draw_edges(axes: Axes, violation: Violation, bars: Mapping[int, _Bar]) -> None:
    """Arrows between the bars; those of real time from an end to a beginning."""
    arrows = Arrows(axes, [(bar.left, bar.lane - _BAR / 2, bar.right, bar.lane + _BAR / 2) for bar in bars.values()])
    for edge in violation.edges:
        if edge.source not in bars or edge.target not in bars or edge.source == edge.target:
            continue
        source, target = bars[edge.source], bars[edge.target]
        down = _BAR / 2 if target.lane > source.lane else -_BAR / 2
        start, end = (source.right, target.left) if edge.kind == "rt" else _nearest(source, target)
        arrows.draw((min(start, 0.99), source.lane + down), (min(end, 0.99), target.lane - down), edge.kind)


def _nearest(source: _Bar, target: _Bar) -> tuple[float, float]:
    """From where on one bar to where on the other an arrow is shortest; it keeps off their corners."""
    left, right = max(source.left, target.left), min(source.right, target.right)
    if left <= right:
        return (left + right) / 2, (left + right) / 2

    def inset(bar: _Bar) -> float:
        return min(0.012, (bar.right - bar.left) / 4)

    if source.right < target.left:
        return source.right - inset(source), target.left + inset(target)
    return source.left + inset(source), target.right - inset(target)
