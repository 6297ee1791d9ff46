"""The table of seeded bugs, and the rules of a server with some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from ...failure import UsageFailure
from ..rules import Rules, ServiceRules, StorageRules, StreamRules

T = TypeVar("T")
Wrong: TypeAlias = type[StreamRules] | type[ServiceRules] | type[StorageRules]
W = TypeVar("W", bound=Wrong)


@dataclass(frozen=True, slots=True)
class Bug:
    """One seeded bug.

    ``breaks`` is the promise that it breaks. ``anomaly`` is the one that a checker must report, perhaps with others.
    ``workload`` exposes the bug, with the help of ``faults``. ``rules`` is the class with the wrong rules. ``clause``
    is the number of the clause whose conformance test fails, empty if none can; ``beyond`` then says why.
    """

    name: str
    breaks: str
    anomaly: str
    workload: str
    faults: tuple[str, ...]
    rules: Wrong
    clause: str
    beyond: str

    @property
    def how(self) -> str:
        """Return one sentence on what the server does wrong."""
        return (self.rules.__doc__ or "").strip()


BUGS: Final[dict[str, Bug]] = {}
"""Every seeded bug by name."""


def bug(
    name: str,
    *,
    breaks: str,
    anomaly: str,
    workload: str,
    faults: tuple[str, ...] = (),
    clause: str = "",
    beyond: str = "",
) -> Callable[[W], W]:
    """Return a decorator that registers a class with wrong rules.

    Raise ValueError if the name is taken, and unless exactly one of ``clause`` and ``beyond`` is given.
    """
    if bool(clause) is bool(beyond):
        raise ValueError(
            f"the seeded bug {name!r} names the clause that conformance tests see violated, or why none is"
        )

    def register(rules: W) -> W:
        if name in BUGS:
            raise ValueError(f"two seeded bugs are called {name!r}")
        BUGS[name] = Bug(name, breaks, anomaly, workload, faults, rules, clause, beyond)
        return rules

    return register


def compose(names: Iterable[str]) -> Rules:
    """Return the rules of a server with these bugs. Without bugs they are the correct ones.

    Raise UsageFailure for a name that is not in the table.
    """
    wrong = []
    for name in dict.fromkeys(names):
        if name not in BUGS:
            raise UsageFailure(f"no seeded bug is called {name!r}; there are: {', '.join(sorted(BUGS))}")
        wrong.append(BUGS[name].rules)
    return Rules(_join(StreamRules, wrong), _join(ServiceRules, wrong), _join(StorageRules, wrong))


def _join(base: type[T], classes: Iterable[type[Any]]) -> type[T]:
    wrong = tuple(rules for rules in classes if issubclass(rules, base))
    return type(base.__name__, wrong, {}) if wrong else base
