"""The interface through which a long operation reports its progress."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Receives the progress of a run."""

    def phase(self, text: str) -> None:
        """A new phase begins."""
        ...

    def progress(self, completed: int, elapsed: float, limit: float | None) -> None:
        """``completed`` operations have ended after ``elapsed`` of ``limit`` seconds."""
        ...
