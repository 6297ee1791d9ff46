"""How the pictures look: one place for colours, marks, sizes and fonts.

Colours are those of Okabe and Ito, "Color Universal Design" (2008), which the colour-blind can tell apart. None
means anything alone: a mark, a hatch or a line style always says the same, so that a grey print is as good.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fencepost.harness.failure import UsageFailure
from fencepost.harness.history.history import Kind, Outcome
from fencepost.harness.registry import Registry

from .text import plain

BLACK: Final = "#000000"
ORANGE: Final = "#E69F00"
SKY: Final = "#56B4E9"
PALE_SKY: Final = "#8CCDF2"
GREEN: Final = "#009E73"
YELLOW: Final = "#F0E442"
BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
GREY: Final = "#777777"
PALE: Final = "#EEEEEE"

WIDTH: Final = 12.0
"""Width of a picture, inches."""

DPI: Final = 110
SMALL: Final = 7.5
NORMAL: Final = 9.0
LARGE: Final = 12.5


@dataclass(frozen=True, slots=True)
class Look:
    """How one thing looks wherever it is drawn. ``label`` is its name in legends."""

    label: str
    colour: str
    mark: str
    hatch: str = ""
    line: str = "-"


OUTCOMES: Final[dict[Outcome, Look]] = {
    Outcome.OK: Look("ok", PALE_SKY, "o"),
    Outcome.FAILED: Look("failed (no effect)", VERMILION, "x", hatch="////", line="--"),
    Outcome.INDEFINITE: Look("indefinite", BLACK, "D", line=":"),
}

THICKNESS: Final[dict[Kind, float]] = dict.fromkeys(Kind, 1.2) | {Kind.APPEND: 6.0, Kind.READ: 3.0}
"""Line widths (points) of the bars of operations, by kind."""

VIOLATION: Final = Look("part of a violation", YELLOW, "*")
SEQ_NUM_MISMATCH: Final = Look("refused: match_seq_num (at the tail reported)", VERMILION, "x")
TOKEN_MISMATCH: Final = Look("refused: fencing token (at the tail of that moment)", PURPLE, "1")

WRITERS: Final[tuple[Look, ...]] = (
    Look("", BLUE, "o"),
    Look("", ORANGE, "s"),
    Look("", GREEN, "^"),
    Look("", PURPLE, "D"),
    Look("", SKY, "v"),
    Look("", VERMILION, "P"),
    Look("", YELLOW, "h"),
    Look("", BLACK, "X"),
    Look("", "#AAAAAA", "<"),
    Look("", "#7A5100", ">"),
    Look("", "#00392A", "p"),
    Look("", "#73335A", "d"),
)
"""Writers get these in turn; after the eight colours of the palette, shades of some with marks of their own."""

EDGES: Final[dict[str, Look]] = {
    "ww": Look("ww: stream order", BLACK, "", line="-"),
    "wr": Look("wr: append, then its observer", GREEN, "", line="-"),
    "rw": Look("rw: observer, then the next append", VERMILION, "", line="--"),
    "rt": Look("rt: real time", GREY, "", line=":"),
    "process": Look("process: one after the other", BLUE, "", line=":"),
    "session": Look("session: submitted in this order", BLUE, "", line="--"),
    "answer": Look("answer: parts of one answer", BLUE, "", line="-."),
    "tw": Look("tw: fence set, then seen", PURPLE, "", line="-"),
    "tr": Look("tr: token seen, then replaced", PURPLE, "", line="--"),
    "elided": Look("elided: more of the same", GREY, "", line="-."),
}
"""The edges between operations, by kind."""

_FAULT_HATCHES: Final = ("\\\\\\", "...", "xxx", "---", "+++")


def fault_look(name: str, index: int) -> Look:
    """The look of a fault, in the colour that it declares if it is registered."""
    try:
        colour = Registry[type]("fencepost.faults", "fault").get(name).colour  # type: ignore[attr-defined]
    except (UsageFailure, AttributeError):
        colour = PURPLE
    return Look(f"fault: {name}", str(colour), "s", _FAULT_HATCHES[index % len(_FAULT_HATCHES)])


def edge_look(kind: str) -> Look:
    """The look of an edge; kinds that are none of ours look alike."""
    return EDGES.get(kind, Look(kind, ORANGE, "", line="-."))


_SETTINGS: Final[dict[Any, Any]] = {
    "font.family": ["DejaVu Sans"],
    "font.size": NORMAL,
    "axes.titlesize": NORMAL,
    "axes.labelsize": NORMAL,
    "xtick.labelsize": SMALL + 0.5,
    "ytick.labelsize": SMALL + 0.5,
    "legend.fontsize": SMALL + 0.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "text.parse_math": False,
    "svg.hashsalt": "fencepost",
    "svg.fonttype": "path",
    "agg.path.chunksize": 20_000,
}


@contextmanager
def styled() -> Iterator[None]:
    """Our settings, whatever the user's are; figures are both made and saved in here."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


def blank(height: float, *, layout: Literal["constrained"] | None = "constrained", width: float = WIDTH) -> Figure:
    """An empty figure of this height and width (inches) on a white ground."""
    figure = Figure(figsize=(width, height), dpi=DPI, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def headed(
    figure: Figure, top: Axes, headline: str, subtitle: str, handles: Sequence[Artist], columns: int = 8
) -> None:
    """Give the figure its headline, a line above its ``top`` axes, and a legend under everything."""
    figure.suptitle(plain(headline), x=0.008, ha="left", fontsize=LARGE, weight="bold")
    top.set_title(plain(subtitle), loc="left", fontsize=NORMAL, color="#444444", pad=7)
    if handles:
        figure.legend(handles=handles, loc="outside lower left", ncols=min(len(handles), columns), columnspacing=1.4)
    _settle(figure)


def _settle(figure: Figure) -> None:
    """Lay the figure out for good. The solver's last digits differ from run to run: they are rounded away."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine(None)  # "none" would leave one in place, and every file be drawn twice for it
    for axes in figure.axes:
        x, y, width, height = (round(float(value), 5) for value in axes.get_position().bounds)
        axes.set_position((x, y, width, height))
