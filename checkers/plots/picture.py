"""Writes figures to files, the same bytes for the same history."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from fencepost.harness.failure import UsageFailure

from .style import styled

FORMATS: Final[dict[str, dict[str, Any]]] = {
    "png": {"metadata": {"Software": None}},
    "svg": {"metadata": {"Date": None, "Creator": None}},
}
"""The formats that can be written, and what keeps dates and versions out of each."""


def save(figure: Figure, folder: Path, name: str, formats: Sequence[str]) -> list[Path]:
    """Write ``<name>.<format>`` for each format; the paths. Raises UsageFailure for a format that is none of ours."""
    paths = []
    for extension in formats:
        if extension not in FORMATS:
            raise UsageFailure(f"pictures cannot be written as {extension!r}; the formats are: {', '.join(FORMATS)}")
        path = folder / f"{name}.{extension}"
        with styled():
            figure.savefig(path, format=extension, dpi=figure.dpi, **FORMATS[extension])
        paths.append(path)
    return paths
