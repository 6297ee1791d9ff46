"""What a search tried, node by node, such that another program can go the same way without looking for it.

A *node* is a situation: where a replay starts, or what follows from one step in another node. A step applies an append
of unknown outcome, or says of an answer in parts that it began there, or that it did not. Nodes are numbered in the
order in which they were entered, so depth first, each after its parent. What follows from a node are those that name it
as parent; it is the *same* as an earlier node where the search did not go on because it had met the situation.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Final

from fencepost.harness.history.history import NONE

MOST: Final = 1_000_000
"""Nodes that are kept (12 bytes each). A longer search leaves no log."""


def here(moment: int) -> int:
    """The step by which this beginning (a moment) is where the replay is. Steps that apply a float are its number."""
    return -2 - 2 * moment


def later(moment: int) -> int:
    """The step by which it is not."""
    return -3 - 2 * moment


def begins(step: int) -> int:
    """The moment that a step says may begin; NONE of one that applies a float."""
    return NONE if step >= 0 else (-2 - step) // 2


def is_here(step: int) -> bool:
    """Does it say that it does?"""
    return step % 2 == 0


@dataclass(frozen=True, slots=True)
class Root:
    """A node without a parent, and what is supposed there.

    ``token`` is the first fencing token. ``prefixes`` tell, by the moment that first refused a batch of a session, how
    many of the batches of unknown outcome before it were applied.
    """

    node: int
    token: int
    prefixes: dict[int, int]


@dataclass(slots=True)
class Log:
    """Columns of nodes: ``parent`` (NONE for a root), ``applied`` (a step), ``same`` (a node, NONE if none)."""

    parent: array[int] = field(default_factory=lambda: array("i"))
    applied: array[int] = field(default_factory=lambda: array("i"))
    same: array[int] = field(default_factory=lambda: array("i"))
    roots: list[Root] = field(default_factory=list)
    whole: bool = True

    def __len__(self) -> int:
        return len(self.parent)

    def root(self, token: int, prefixes: dict[int, int]) -> int:
        """A search begins; its node."""
        node = self.add(NONE, NONE)
        self.roots.append(Root(node, token, prefixes))
        return node

    def add(self, parent: int, applied: int) -> int:
        """A node is entered; its number. Past MOST nothing is kept, and the log is no longer ``whole``."""
        node = len(self.parent)
        if node >= MOST:
            self.whole = False
            return NONE
        self.parent.append(parent)
        self.applied.append(applied)
        self.same.append(NONE)
        return node

    def repeats(self, node: int, earlier: int) -> None:
        """A node turned out to be the same as an earlier one."""
        if self.whole:
            self.same[node] = earlier
