"""Ways to change the checker at run time: what mutations are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from fencepost.checkers.chain.stream import streams
from fencepost.checkers.linearizability import checker
from fencepost.harness.history.history import History

Patch = pytest.MonkeyPatch


@dataclass(frozen=True, slots=True)
class Mutation:
    """``name`` says which rule is broken, and how; ``apply`` breaks it."""

    name: str
    apply: Callable[[Patch], None]


def instead(owner: Any, name: str, value: Any) -> Callable[[Patch], None]:
    """This, and not what a module or a class has under the name."""
    return lambda patch: patch.setattr(owner, name, value)


def both(one: Any, other: Any, name: str, value: Any) -> Callable[[Patch], None]:
    """The same in two places."""

    def apply(patch: Patch) -> None:
        patch.setattr(one, name, value)
        patch.setattr(other, name, value)

    return apply


def around(owner: Any, name: str, change: Callable[..., Any]) -> Callable[[Patch], None]:
    """What a function returns goes through ``change`` (after its arguments)."""
    original = getattr(owner, name)
    return instead(owner, name, lambda *given, **named: change(original(*given, **named), *given))


def without(owner: Any, name: str, nothing: Any = None) -> Mutation:
    """A check that finds ``nothing``."""
    where = owner.__name__.rsplit(".", 1)[-1]
    return Mutation(
        f"{where}{'' if name == 'check' else '.'}{name.strip('_')} is not looked at",
        instead(owner, name, lambda *_: nothing),
    )


def seeing(change: Callable[[History], History]) -> Callable[[Patch], None]:
    """The checker gets to see a changed history."""
    return instead(checker, "streams", lambda history: streams(change(history)))


def read_column(name: str, change: Callable[[Any], Any]) -> Callable[[Patch], None]:
    """The checker gets to see a changed column of the reads."""
    return seeing(lambda h: replace(h, reads=replace(h.reads, **{name: change(getattr(h.reads, name))})))
