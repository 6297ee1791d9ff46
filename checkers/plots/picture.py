"""Writes figures to files, the same bytes for the same history."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from fencepost.harness.failure import UsageFailure
from fencepost.harness.files import replaced
from fencepost.harness.history.history import History
from fencepost.harness.verdict import Explained, Verdict, Violation

from .style import styled

FORMATS: Final[dict[str, dict[str, Any]]] = {
    "png": {"metadata": {"Software": None}},
    "svg": {"metadata": {"Date": None, "Creator": None}},
}
"""The formats that can be written, and what keeps dates and versions out of each."""

MOST: Final = 5
"""Violations that have a picture of their own."""


def save(figure: Figure, folder: Path, name: str, formats: Sequence[str]) -> list[Path]:
    """Write ``<name>.<format>`` for each format; the paths. Raises UsageFailure for a format that is none of ours."""
    paths = []
    for extension in formats:
        if extension not in FORMATS:
            raise UsageFailure(f"pictures cannot be written as {extension!r}; the formats are: {', '.join(FORMATS)}")
        path = folder / f"{name}.{extension}"
        write(figure, path, extension)
        paths.append(path)
    return paths


def write(figure: Figure, path: Path, extension: str) -> None:
    """Write one file in one of our formats."""
    with styled(), replaced(path) as draft:
        figure.savefig(draft, format=extension, dpi=figure.dpi, **FORMATS[extension])


class Picture(ABC):
    """A :class:`~fencepost.harness.verdict.Plot` that is one figure of a whole history."""

    name: str
    summary: str

    @abstractmethod
    def compose(self, history: History, verdict: Verdict) -> Figure:
        """The figure, made within the house style."""

    def figure(self, history: History, verdict: Verdict) -> Figure:
        """The figure."""
        with styled():
            return self.compose(history, verdict)

    def draw(self, history: History, verdict: Verdict, folder: Path, formats: tuple[str, ...]) -> list[Path]:
        """See :class:`~fencepost.harness.verdict.Plot`."""
        return save(self.figure(history, verdict), folder, self.name, formats)


class PictureOfViolation(ABC):
    """A :class:`~fencepost.harness.verdict.Plot` of one figure for each of the first few violations, numbered."""

    name: str
    summary: str

    @abstractmethod
    def compose(self, history: History, violation: Violation, explained: Explained | None) -> Figure:
        """The figure of one violation, made within the house style; ``explained`` is how far an order explains it."""

    def figure(self, history: History, violation: Violation, explained: Explained | None = None) -> Figure:
        """The figure of one violation; ``explained`` is how far an order explains its stream."""
        with styled():
            return self.compose(history, violation, explained)

    def draw(self, history: History, verdict: Verdict, folder: Path, formats: tuple[str, ...]) -> list[Path]:
        """See :class:`~fencepost.harness.verdict.Plot`."""
        paths, explained = [], {one.stream: one for one in verdict.explained}
        for index, violation in enumerate(verdict.violations[:MOST], start=1):
            figure = self.figure(history, violation, explained.get(violation.stream))
            paths += save(figure, folder, f"{self.name}-{index}", formats)
        return paths
