"""Everything nameable that a package can add: workloads, checkers, plots, targets and faults.

Each is found through an entry-point group, ours in the same way as a stranger's. Nothing is imported before
it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from .failure import UsageFailure

T = TypeVar("T")


class Registry(Generic[T]):
    """The rows of one entry-point group, by name."""

    def __init__(self, group: str, noun: str) -> None:
        self.group = group
        self.noun = noun

    def names(self) -> list[str]:
        """The registered names, sorted."""
        return sorted(self._points())

    def get(self, name: str) -> Callable[..., T]:
        """The registered factory (usually a class).

        Raises :class:`UsageFailure` where nothing goes by that name or its package cannot be imported.
        """
        points = self._points()
        if name not in points:
            raise UsageFailure(f"no {self.noun} is called {name!r}; there are: {', '.join(sorted(points))}")
        try:
            factory: Any = points[name].load()
        except Exception as error:
            raise UsageFailure(f"the {self.noun} {name!r} ({points[name].value}) cannot be loaded: {error}") from error
        return factory  # type: ignore[no-any-return]

    def make(self, name: str) -> T:
        """An instance, made without arguments."""
        return self.get(name)()

    def _points(self) -> dict[str, EntryPoint]:
        points: dict[str, EntryPoint] = {}
        for point in entry_points(group=self.group):
            if point.name in points and points[point.name].value != point.value:
                raise UsageFailure(
                    f"two packages register the {self.noun} {point.name!r}: "
                    f"{points[point.name].value} and {point.value}; uninstall one"
                )
            points[point.name] = point
        return points
