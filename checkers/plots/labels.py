"""Labels beside points, placed so that they do not cover each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.text import Annotation

from .style import BLACK, SMALL

MOST: Final = 16
"""Labels in one picture; more would only cover it."""

_MARK: Final = 10.0
"""Pixels on each side of a point that its mark covers."""

_GLYPH: Final = 0.62
"""Mean width of a glyph of our font, in sizes of the font."""

_OFFSETS: Final = tuple(
    (dx, dy) for dy in (14, -18, 28, -32, 42, -46, 56, -60) for dx in (8, -8, 60, -60) if (abs(dy) < 40 or abs(dx) < 60)
)


def place(axes: Axes, points: Sequence[tuple[float, float]], texts: Sequence[str]) -> list[Annotation]:
    """Label the first of the points. Call it last: it needs the final place and extent of the axes."""
    figure = axes.figure
    assert figure is not None
    pixels = figure.dpi / 72
    bounds = axes.get_window_extent()
    marks = [axes.transData.transform(point) for point in points]
    taken = [(x - _MARK, y - _MARK, x + _MARK, y + _MARK) for x, y in marks]
    made = []
    for point, text in list(zip(points, texts, strict=True))[:MOST]:
        x, y = axes.transData.transform(point)
        width, height = (len(text) + 1.5) * SMALL * _GLYPH * pixels, SMALL * 2 * pixels

        def box(offset: tuple[float, float], x: float = x, y: float = y, w: float = width, h: float = height) -> Any:
            left = x + offset[0] * pixels - (w if offset[0] < 0 else 0)
            bottom = y + offset[1] * pixels - h / 2
            return left, bottom, left + w, bottom + h

        def cost(offset: tuple[float, float]) -> float:
            left, bottom, right, top = box(offset)
            out: float = max(0.0, bounds.x0 - left, right - bounds.x1, bounds.y0 - bottom, top - bounds.y1)
            return 10 * out + 1000 * sum(_overlap((left, bottom, right, top), other) for other in taken)

        best = min(_OFFSETS, key=cost)
        taken.append(box(best))
        annotation = axes.annotate(
            text,
            point,
            xytext=best,
            textcoords="offset points",
            fontsize=SMALL,
            ha="left" if best[0] > 0 else "right",
            va="center",
            zorder=10,
            bbox={"boxstyle": "round,pad=0.2", "fc": "white", "ec": BLACK, "lw": 0.6},
            arrowprops={"arrowstyle": "-", "lw": 0.8, "color": BLACK, "shrinkB": 4},
        )
        annotation.set_in_layout(False)
        made.append(annotation)
    return made


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
