"""Whoever watches a long operation."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Whoever watches a run."""

    def phase(self, text: str) -> None:
        """Something else begins."""
        ...

    def progress(self, completed: int, elapsed: float, limit: float | None) -> None:
        """So many operations have ended, after so many seconds of ``limit``."""
        ...
