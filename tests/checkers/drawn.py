"""What is in a drawn figure, and the verdicts and histories that are drawn."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.artist import Artist
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from fencepost.checkers.plots.latency import Latency
from fencepost.checkers.plots.operations import Operations
from fencepost.checkers.plots.rate import Rate
from fencepost.checkers.plots.staircase import Staircase
from fencepost.harness.verdict import CheckResult, Validity, Verdict, Violation, compose

from .pictured import Simulated, fenced

OVER_TIME = (Operations, Latency, Rate, Staircase)
VALID = compose({"checker": CheckResult(Validity.VALID)})


@pytest.fixture(scope="module")
def small() -> Simulated:
    """A thousand operations with three faults and a stale append."""
    return fenced(1000)


@pytest.fixture(scope="module")
def large() -> Simulated:
    """Enough operations for every plot to aggregate."""
    return fenced(8000)


def named(figure: Figure, name: str) -> list[Artist]:
    """The artists whose id begins so."""
    return figure.findobj(lambda artist: (artist.get_gid() or "").startswith(name))


def texts(figure: Figure) -> list[str]:
    """Every text in the figure, drawn or to be drawn."""
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text)]


def points(figure: Figure, name: str) -> int:
    """How many points or segments the named collections hold."""
    return sum(_size(artist) for artist in named(figure, name))


def _size(artist: Any) -> int:
    return len(artist.get_offsets()) if isinstance(artist, PathCollection) else len(artist.get_paths())


def invalid(*violations: Violation) -> Verdict:
    return compose({"checker": CheckResult(Validity.INVALID, violations)})
