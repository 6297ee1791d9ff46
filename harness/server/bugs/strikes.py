"""The timing of bugs that strike now and then."""

from __future__ import annotations


class EveryNth:
    """A counter that strikes once in every ``period`` calls, so that a bug is rare but certain."""

    def __init__(self, period: int) -> None:
        self._period = period
        self._calls = 0

    def __call__(self) -> bool:
        """Count a call, and return whether it is a strike."""
        self._calls += 1
        return self._calls % self._period == 0
