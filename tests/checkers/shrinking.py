"""A smaller history of which the same is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from msgspec import structs

from fencepost.testing.operations import Batch, Op
from tests.checkers.stories import Story, is_well_formed

Wrong = Callable[[Story], bool]
"""Is what is looked for (still) wrong with this story?"""


def shrunk(story: Story, wrong: Wrong) -> Story:
    """Leave out operations, parts of answers, conditions, bounds, while it stays wrong, until nothing can be."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(story):
            if is_well_formed(list(candidate.ops)) and wrong(candidate):
                story, smaller = candidate, True
                break
    return story


def _smaller(story: Story) -> Iterator[Story]:
    ops = story.ops
    for i in range(len(ops)):
        yield replace(story, ops=ops[:i] + ops[i + 1 :])
    for i, op in enumerate(ops):
        for simpler in _simpler(op):
            yield replace(story, ops=(*ops[:i], simpler, *ops[i + 1 :]))
    if not story.closed:
        yield replace(story, closed=True)


def _simpler(op: Op) -> Iterator[Op]:
    for k in range(len(op.parts)):
        yield replace(op, parts=op.parts[:k] + op.parts[k + 1 :])
    for name in ("match", "token", "session"):
        if getattr(op, name) is not None:
            yield replace(op, **{name: None})  # type: ignore[arg-type]
    for name in ("count", "bytes", "until", "wait"):
        if getattr(op.read, name) is not None:
            yield replace(op, read=structs.replace(op.read, **{name: None}))  # type: ignore[arg-type]
    if isinstance(op.answer, Batch) and op.answer.tail is not None:
        yield replace(op, answer=replace(op.answer, tail=None))
