"""Bands behind a picture: when faults were in force, and which fencing token was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch

from fencepost.harness.history.history import NONE, History, Kind, Outcome

from ..closing import is_closing
from .style import GREY, PALE, SMALL, WIDTH, Look, fault_look
from .text import fitted, plain, token
from .timeline import Bins, Timeline, count

MOST_EPOCHS: Final = 150
"""Fence epochs drawn one by one; of more, only how many began is drawn."""


@dataclass(frozen=True, slots=True)
class FaultBand:
    """A fault in force from ``start`` to ``end`` (ns); ``failed`` if it could not be started or healed."""

    name: str
    start: int
    end: int
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Epoch:
    """The time (ns) in which a token was in force, as far as acknowledged fences tell."""

    token: str
    start: int
    end: int


def fault_bands(history: History) -> list[FaultBand]:
    """The faults of a history. One that was never healed lasts to the end; a start that failed has no length."""
    bands: list[FaultBand] = []
    since: dict[str, int] = {}
    for event in sorted(history.faults, key=lambda event: event.time):
        if event.phase == "start":
            since.setdefault(event.name, event.time)
        else:
            start = since.pop(event.name, event.time)
            bands.append(FaultBand(event.name, start, event.time, event.phase == "failure"))
    bands += [FaultBand(name, start, history.duration) for name, start in since.items()]
    return sorted(bands, key=lambda band: (band.start, band.name))


def draw_faults(axes: Iterable[Axes], bands: list[FaultBand], timeline: Timeline) -> list[Patch]:
    """Draw the bands over the whole height of the axes; handles for the legend, one a fault."""
    handles = []
    axes = list(axes)
    for index, name in enumerate(sorted({band.name for band in bands})):
        look = fault_look(name, index)
        ours = [band for band in bands if band.name == name]
        within = [band for band in ours if band.end >= timeline.start and band.start <= timeline.end]
        spans = [(timeline.at(b.start), timeline.at(b.end) - timeline.at(b.start)) for b in within]
        for each in axes:
            collection = each.broken_barh(
                spans,
                (0, 1),
                transform=each.get_xaxis_transform(),
                facecolor=(*_rgb(look), 0.14),
                edgecolor=(*_rgb(look), 0.55),
                hatch=look.hatch,
                linewidth=0.7,
                zorder=0.4,
            )
            collection.set_gid(f"fault {name}")
        failed = sum(band.failed for band in ours)
        label = f"{plain(look.label)} (×{len(ours)}{f', {failed} failed' if failed else ''})"
        handles.append(
            Patch(facecolor=(*_rgb(look), 0.14), edgecolor=(*_rgb(look), 0.55), hatch=look.hatch, label=label)
        )
    return handles


def fence_epochs(history: History, stream: int) -> list[Epoch]:
    """The epochs of one stream (its index), in stream order; each begins when its fence was acknowledged.

    Where acknowledgements overtook each other, an epoch that another had ended before it began has no length
    and is left out.
    """
    appends = history.appends
    rows = np.flatnonzero(
        (history.stream == stream)
        & (history.kind == Kind.APPEND)
        & (history.outcome == Outcome.OK)
        & (appends.last_fence != NONE)
    )
    if not len(rows):
        return []
    rows = rows[np.argsort(appends.start[rows], kind="stable")]
    # From the end: an epoch is over no later than the next one begins.
    starts = np.minimum.accumulate(history.ended[rows][::-1])[::-1]
    ends = np.append(starts[1:], history.duration)
    first = history.header.streams[stream].fencing_token
    epochs = [Epoch(first, 0, int(starts[0]))] if first is not None else []
    epochs += [
        Epoch(history.tokens[int(index)], int(start), int(end))
        for index, start, end in zip(appends.last_fence[rows], starts, ends, strict=True)
    ]
    return [epoch for epoch in epochs if epoch.end > epoch.start]


def is_fenced(history: History, stream: int) -> bool:
    """Whether any client set a token on the stream (its index)."""
    fences = (history.stream == stream) & (history.appends.last_fence != NONE)
    return bool((fences & ~is_closing(history)).any())


def draw_epochs(
    strip: Axes,
    epochs: list[Epoch],
    timeline: Timeline,
    label: str,
    behind: Axes | None = None,
    looks: Sequence[Look | None] = (),
    inches: float = WIDTH - 1,
) -> None:
    """Draw epochs into a low axes of their own, and if they are few, as faint bands ``behind`` another one.

    ``looks`` has the look of each epoch's writer; without, epochs are grey by turns. ``inches`` is about how wide
    the strip is.
    """
    strip.set_yticks([])
    strip.set_ylim(0, 1)
    strip.tick_params(labelbottom=False, bottom=False)
    for side in ("left", "bottom"):
        strip.spines[side].set_visible(False)
    if len(epochs) > MOST_EPOCHS:
        _draw_density(strip, epochs, timeline, label)
        return
    strip.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=SMALL)
    for shade, ours in enumerate((epochs[::2], epochs[1::2])):
        spans = [(timeline.at(e.start), timeline.at(e.end) - timeline.at(e.start)) for e in ours]
        colour = PALE if shade else "#BBBBBB"
        colours = [colour if look is None else (*_rgb(look), 0.55) for look in looks[shade::2]] or colour
        strip.broken_barh(spans, (0, 1), facecolor=colours, edgecolor="white", linewidth=0.5).set_gid("epochs")
        if behind is not None and shade == 0:
            behind.broken_barh(
                spans, (0, 1), transform=behind.get_xaxis_transform(), facecolor="#F4F4F4", zorder=0.2
            ).set_gid("epochs behind")
    for epoch in epochs:
        start, end = max(epoch.start, timeline.start), min(epoch.end, timeline.end)
        room = (end - start) / (timeline.end - timeline.start) * inches * 72 - 6
        text = fitted(token(epoch.token, 40), room, SMALL)
        if len(text) > 2 or text == token(epoch.token, 40):
            middle = (timeline.at(start) + timeline.at(end)) / 2
            strip.text(middle, 0.48, text, fontsize=SMALL, ha="center", va="center", clip_on=True)


def _draw_density(strip: Axes, epochs: list[Epoch], timeline: Timeline, label: str) -> None:
    bins = Bins.over(timeline, 200)
    began = count(bins.index(np.array([epoch.start for epoch in epochs])), (bins.number,))
    strip.stairs(began / began.max(), bins.edges(timeline), fill=True, color=GREY).set_gid("epoch density")
    strip.set_ylabel(
        f"{label}\n{len(epochs):,}, ≤ {began.max():,} in {bins.label}",
        rotation=0,
        ha="right",
        va="center",
        fontsize=SMALL,
    )


def _rgb(look: Look) -> Any:
    return to_rgb(look.colour)
