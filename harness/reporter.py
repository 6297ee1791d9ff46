"""The interface through which a long operation reports its progress."""

from __future__ import annotations

from typing import Final, Protocol


class Reporter(Protocol):
    """Receives the progress of a run."""

    def phase(self, text: str) -> None:
        """A new phase begins."""
        ...

    def progress(self, completed: int, elapsed: float, limit: float | None) -> None:
        """``completed`` operations have ended after ``elapsed`` of ``limit`` seconds."""
        ...


class Watcher(Reporter, Protocol):
    """Whoever watches a run, or the reading and checking of a history."""

    def reading(self, done: int, size: int) -> None:
        """So many bytes of a history have been read, of so many."""
        ...


class Unwatched:
    """A watcher that says nothing."""

    def phase(self, text: str) -> None:
        """See :meth:`Reporter.phase`."""

    def progress(self, completed: int, elapsed: float, limit: float | None) -> None:
        """See :meth:`Reporter.progress`."""

    def reading(self, done: int, size: int) -> None:
        """See :meth:`Watcher.reading`."""


UNWATCHED: Final = Unwatched()
