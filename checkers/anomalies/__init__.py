"""The anomalies, one file each: its row in the table, and how to see that a contradiction is one, and tell it.

The documentation, the command line and the report's legend are made from the table. A file has three things. ``ROW``
is its row; its ``promise`` quotes the description of what a stream promises, word for word. ``RANK`` orders the table:
of several that a contradiction shows as, the one with the least rank names it. ``tell`` takes the
:class:`~..explanation.case.Case` of a contradiction, and returns its :class:`~..explanation.sentences.Witness`, or None
where it is no case of this anomaly.

A package of yours adds one by an entry point in the group ``fencepost.anomalies``, which names such a module, or a
class that has the same three.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Final, Protocol

from fencepost.harness.registry import Registry
from fencepost.harness.verdict import Anomaly

from ..explanation.case import Case
from ..explanation.sentences import Witness


class Telling(Protocol):
    """What a file of an anomaly has."""

    RANK: int
    ROW: Anomaly
    tell: Callable[[Case], Witness | None]


OURS: Final = tuple(
    one for module in iter_modules(__path__) if hasattr(one := import_module(f"{__name__}.{module.name}"), "ROW")
)
"""The files of this folder."""

OTHERS: Final = Registry[Telling]("fencepost.anomalies", "anomaly")
"""What other packages add."""


def telling() -> tuple[Telling, ...]:
    """Everything that tells anomalies, in the order in which they are reported: the most specific first."""
    others = (OTHERS.get(name) for name in OTHERS.names())
    return tuple(sorted((*OURS, *others), key=lambda one: one.RANK))  # type: ignore[arg-type]


def anomalies() -> tuple[Anomaly, ...]:
    """The table."""
    return tuple(one.ROW for one in telling())
