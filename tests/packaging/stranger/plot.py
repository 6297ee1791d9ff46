"""A stranger's plot."""

from __future__ import annotations

from pathlib import Path

import fencepost


class Plot:
    """A picture of strangeness."""

    name = "stranger-plot"
    summary = "a picture of strangeness"

    def draw(
        self, history: fencepost.History, verdict: fencepost.Verdict, folder: Path, formats: tuple[str, ...]
    ) -> list[Path]:
        path = folder / "stranger-plot.txt"
        path.write_text(f"{len(history)} operations, {verdict.validity}\n")
        return [path]
