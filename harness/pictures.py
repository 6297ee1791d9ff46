"""Draws the registered plots."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from .history.history import History
from .registry import Registry
from .verdict import Plot, Verdict

PLOTS: Registry[Plot] = Registry("fencepost.plots", "plot")

_log = logging.getLogger("fencepost.plots")


class PlotFailure(Exception):
    """Some pictures could not be drawn: the text says which and why. ``files`` are those that were drawn."""

    def __init__(self, files: Sequence[Path], complaints: Sequence[str]) -> None:
        super().__init__("\n".join(complaints))
        self.files = tuple(files)
        self.complaints = tuple(complaints)


def draw(
    history: History,
    verdict: Verdict,
    folder: Path,
    formats: tuple[str, ...],
    progress: Callable[[str], None] = lambda _: None,
    names: tuple[str, ...] = (),
) -> tuple[list[Path], list[str]]:
    """Draw every registered plot (or those named) into ``folder``.

    Returns the files, and one complaint per plot that could not be drawn. A picture is not a verdict, so a failure ends
    neither the run nor the other pictures. Raises OSError where the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    failures: list[str] = []
    for name in names or PLOTS.names():
        progress(name)
        try:
            files += PLOTS.make(name).draw(history, verdict, folder, formats)
        except OSError as error:
            raise OSError(error.errno, error.strerror or str(error), error.filename or str(folder)) from error
        except Exception as error:
            _log.exception("the plot %r failed", name)
            failures.append(f"the plot {name!r} failed: {type(error).__name__}: {error}")
    return files, failures
