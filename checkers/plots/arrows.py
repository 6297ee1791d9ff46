"""Arrows for the edges of a proof, each with its kind beside it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch
from numpy.typing import NDArray

from .style import SMALL, Look, edge_look
from .text import short

Point: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[float, float, float, float]
Pixels: TypeAlias = NDArray[np.float64]

_SAMPLES: Final = 41
_CLEARANCE: Final = 5.0
"""Pixels that an arrow keeps from a box."""

_APART: Final = 24.0
"""Pixels between the labels of two arrows."""

_INNER: Final = slice(_SAMPLES // 4, -_SAMPLES // 4)

_LABELLED: Final = (_SAMPLES // 2, _SAMPLES // 3, _SAMPLES * 2 // 3)
"""Samples of an arrow's curve at which its label may be."""

_BENDS: Final = (0.0, 12.0, 22.0, 45.0, 65.0, 85.0)
"""Pixels beyond the least by which an arrow may be bent, to keep clear."""


class Weight(Enum):
    """How much an arrow matters; the width of its line in points."""

    STRONG = 2.2
    MEDIUM = 1.4
    FAINT = 0.9


class Arrows:
    """Draws the arrows of one axes, whose extent must be final, so that they keep clear of boxes and of each other.

    ``boxes`` are ``(left, bottom, right, top)`` in data coordinates.
    """

    def __init__(self, axes: Axes, boxes: Sequence[Box]) -> None:
        self._axes = axes
        corners = np.array([[[x0, y0], [x1, y1]] for x0, y0, x1, y1 in boxes], dtype=float).reshape(-1, 2)
        pixels = axes.transData.transform(corners).reshape(-1, 2, 2)
        self._low, self._high = pixels.min(axis=1) - _CLEARANCE, pixels.max(axis=1) + _CLEARANCE
        self._labels: list[Pixels] = []
        self._curves: list[Pixels] = []

    def draw(
        self,
        start: Point,
        end: Point,
        kind: str,
        *,
        least: float = 12.0,
        weight: Weight = Weight.STRONG,
        patches: tuple[Any, Any] = (None, None),
    ) -> FancyArrowPatch:
        """An arrow between two points (data coordinates), bent by at least so many pixels, and its kind beside it.

        ``patches`` are what it begins and ends at the border of.
        """
        look = edge_look(kind)
        first, last = self._axes.transData.transform([start, end])
        bend, at = self._clear(first, last, least)
        strong = weight is not Weight.FAINT
        arrow = FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            connectionstyle=f"arc3,rad={2 * bend / max(float(np.hypot(*(last - first))), 1.0)}",
            mutation_scale=15 if strong else 9,
            color=look.colour,
            linestyle=look.line,
            linewidth=weight.value,
            alpha=1.0 if strong else 0.6,
            patchA=patches[0],
            patchB=patches[1],
            shrinkA=0,
            shrinkB=0,
            zorder=6 if strong else 2,
            clip_on=False,
        )
        arrow.set_gid(f"edge {kind}")
        self._axes.add_patch(arrow)
        curve = _curve(first, last, bend)
        self._curves.append(curve)
        self._label(curve[at], kind, look, strong)
        return arrow

    def _clear(self, first: Pixels, last: Pixels, least: float) -> tuple[float, int]:
        """The bend (pixels to the right of the way), and the sample of the curve that bears the label.

        Those with which the least of the arrow is in boxes, and its label not near another.
        """

        best: tuple[float, float, float, int] | None = None
        for bend in (sign * (least + more) for more in _BENDS for sign in (1, -1)):
            curve = _curve(first, last, bend)
            hit = ((curve[:, None] > self._low) & (curve[:, None] < self._high)).all(axis=2)
            # The boxes that it joins do not count.
            hit &= ~(hit[0] | hit[-1])
            along = int(hit.sum()) + 4 * self._beside(curve)
            for at in _LABELLED:
                cost = along + 4 * self._near(curve[at]) + 8 * bool(hit[at].any())
                here = cost, abs(bend) + abs(at - _SAMPLES // 2), bend, at
                best = here if best is None or here[:2] < best[:2] else best
            if best is not None and best[0] == 0:
                break
        assert best is not None
        return best[2:]

    def _near(self, place: Pixels) -> int:
        """How many labels are so near to a place that one there would cover them."""
        return sum(bool(np.hypot(*(place - label)) < _APART) for label in self._labels)

    def _beside(self, curve: Pixels) -> int:
        """How many arrows run so close to a curve, in either direction, that they look like one."""
        if not self._curves:
            return 0
        curves = np.stack(self._curves)[:, _INNER]
        either = [np.hypot(*np.moveaxis(curves - way[_INNER], -1, 0)) for way in (curve, curve[::-1])]
        return int(sum((distance < 2 * _CLEARANCE).all(axis=1) for distance in either).sum())

    def _label(self, place: Pixels, kind: str, look: Look, strong: bool) -> None:
        self._labels.append(place)
        x, y = self._axes.transData.inverted().transform(place)
        text = self._axes.text(x, y, short(kind, 12), gid="kind")
        text.set(fontsize=SMALL + (0.5 if strong else -1), weight="bold" if strong else "normal", color=look.colour)
        text.set(ha="center", va="center", zorder=8 if strong else 2.5)
        text.set_bbox({"boxstyle": "round,pad=0.15", "fc": "white", "ec": look.colour, "lw": 0.8 if strong else 0})


def _curve(first: Pixels, last: Pixels, bend: float) -> Pixels:
    """Points along the quadratic Bézier curve that matplotlib's ``arc3`` draws, shape (samples, 2)."""
    along = last - first
    across = np.array([along[1], -along[0]]) / max(float(np.hypot(*along)), 1.0)
    control = (first + last) / 2 + 2 * bend * across
    t = np.linspace(0, 1, _SAMPLES)[:, None]
    return np.asarray((1 - t) ** 2 * first + 2 * t * (1 - t) * control + t**2 * last)
