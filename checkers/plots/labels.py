"""Labels beside points, placed so that they do not cover each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from matplotlib.axes import Axes
from matplotlib.text import Annotation

from .style import BLACK, SMALL
from .text import width

MOST: Final = 16
"""Labels in one picture; more would only cover it."""

_NAMED: Final = 3
"""Points that one label names; of more beside each other it tells the number."""

_NEAR: Final = 26.0
"""Pixels within which points share a label."""

_MARK: Final = 10.0
"""Pixels on each side of a point that its mark covers."""

_OFFSETS: Final = tuple(
    (dx, dy) for dy in (14, -18, 28, -32, 42, -46, 60, -64) for dx in (8, -8, 60, -60) if (abs(dy) < 40 or abs(dx) < 60)
)

Point: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[float, float, float, float]


def place(axes: Axes, points: Sequence[Point], texts: Sequence[str]) -> list[Annotation]:
    """Label the points; those beside each other get one label. Needs the final place and extent of the axes."""
    figure = axes.figure
    assert figure is not None
    pixels = figure.dpi / 72
    marks: list[Point] = [tuple(axes.transData.transform(point)) for point in points]
    taken: list[Box] = [(x - _MARK, y - _MARK, x + _MARK, y + _MARK) for x, y in marks]
    bounds = axes.get_window_extent()
    made = []
    for group in _groups(marks)[:MOST]:
        text = ", ".join(texts[index] for index in group[:_NAMED])
        text += f" +{len(group) - _NAMED}" if len(group) > _NAMED else ""
        size = (width(text, SMALL) + 8) * pixels, SMALL * 2 * pixels
        offset, box = _place(marks[group[0]], size, pixels, (bounds.x0, bounds.y0, bounds.x1, bounds.y1), taken)
        taken.append(box)
        annotation = axes.annotate(
            text,
            points[group[0]],
            xytext=offset,
            textcoords="offset points",
            fontsize=SMALL,
            ha="left" if offset[0] > 0 else "right",
            va="center",
            zorder=10,
            bbox={"boxstyle": "round,pad=0.2", "fc": "white", "ec": BLACK, "lw": 0.6},
            arrowprops={"arrowstyle": "-", "lw": 0.8, "color": BLACK, "shrinkB": 4},
        )
        annotation.set_in_layout(False)
        made.append(annotation)
    return made


def _groups(marks: Sequence[Point]) -> list[list[int]]:
    """The indices of points beside each other: each is near the first of its group."""
    groups: list[list[int]] = []
    for index, (x, y) in enumerate(marks):
        for group in groups:
            first = marks[group[0]]
            if abs(first[0] - x) < _NEAR and abs(first[1] - y) < _NEAR:
                group.append(index)
                break
        else:
            groups.append([index])
    return groups


def _place(
    mark: Point, size: tuple[float, float], pixels: float, bounds: Box, taken: Sequence[Box]
) -> tuple[Point, Box]:
    """The offset (points) and the box (pixels) of a label that covers least of what is taken, within the bounds."""

    def box(offset: Point) -> Box:
        left = mark[0] + offset[0] * pixels - (size[0] if offset[0] < 0 else 0)
        bottom = mark[1] + offset[1] * pixels - size[1] / 2
        return left, bottom, left + size[0], bottom + size[1]

    def cost(offset: Point) -> float:
        here = box(offset)
        out = max(0.0, bounds[0] - here[0], here[2] - bounds[2], bounds[1] - here[1], here[3] - bounds[3])
        return 100 * out + 1000 * sum(_overlap(here, other) for other in taken)

    best = min(_OFFSETS, key=cost)
    return best, box(best)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
