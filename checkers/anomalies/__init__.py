"""The anomalies, one file each: its row in the table, and how to see that a contradiction is one, and tell it.

The documentation, the command line and the report's legend are made from the table. A file has three things. ``ROW``
is its row; its ``promise`` quotes the description of what a stream promises, word for word. ``RANK`` orders the table:
of several that a contradiction shows as, the one with the least rank names it. ``tell`` takes the
:class:`~..explanation.case.Case` of a contradiction, and returns its :class:`~..explanation.sentences.Witness`, or None
where it is no case of this anomaly.

A package of yours adds one by an entry point in the group ``fencepost.anomalies`` that names such a module.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Final, Protocol

from fencepost.harness.verdict import Anomaly

from ..explanation.case import Case
from ..explanation.sentences import Witness


class Telling(Protocol):
    """What a file of an anomaly has."""

    RANK: int
    ROW: Anomaly
    tell: Callable[[Case], Witness | None]


def _found() -> tuple[Telling, ...]:
    names = (f"{__name__}.{module.name}" for module in iter_modules(__path__))
    modules = [*map(import_module, names), *(point.load() for point in entry_points(group="fencepost.anomalies"))]
    return tuple(sorted((one for one in modules if hasattr(one, "ROW")), key=lambda one: one.RANK))


TELLING: Final = _found()
"""The files, the most specific anomaly first."""

ANOMALIES: Final[tuple[Anomaly, ...]] = tuple(one.ROW for one in TELLING)
"""The rows, in the order in which violations are reported."""

BY_NAME: Final = MappingProxyType({anomaly.name: anomaly for anomaly in ANOMALIES})
"""The rows by name."""

RANKS: Final = MappingProxyType({anomaly.name: rank for rank, anomaly in enumerate(ANOMALIES)})
"""Where a name stands in the order of reporting."""
