"""Registries of what packages can add by name: workloads, checkers, plots, targets, clients, faults and more.

A registry reads one group of entry points. The bundled extensions are registered in the same way as third-party ones.
An extension is imported only when it is used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from .failure import UsageFailure

T = TypeVar("T")


@lru_cache(maxsize=4)
def _installed(_: tuple[str, ...]) -> Any:
    """The entry points of all packages on this path, to select from: each has to be opened, so that is done once."""
    return entry_points()


class Registry(Generic[T]):
    """The extensions of one entry-point group, by name."""

    def __init__(self, group: str, noun: str) -> None:
        self.group = group
        self.noun = noun

    def names(self) -> list[str]:
        """Return the registered names, sorted."""
        return sorted(self._points())

    def get(self, name: str) -> Callable[..., T]:
        """Return the object that an entry point names, usually a class.

        Raise UsageFailure if no entry point has that name, or if it cannot be loaded.
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
        """Return a new instance, made without arguments. Raise UsageFailure as :meth:`get` does."""
        return self.get(name)()

    def _points(self) -> dict[str, EntryPoint]:
        points: dict[str, EntryPoint] = {}
        for point in _installed(tuple(sys.path)).select(group=self.group):
            if point.name in points and points[point.name].value != point.value:
                raise UsageFailure(
                    f"two packages register the {self.noun} {point.name!r}: "
                    f"{points[point.name].value} and {point.value}; uninstall one"
                )
            points[point.name] = point
        return points
