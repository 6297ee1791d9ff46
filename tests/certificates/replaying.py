"""Whether an order is right, by the sequential model, one moment after another: what the verifier is compared with."""

from __future__ import annotations

from collections.abc import Sequence

from fencepost.testing import by_invocation
from tests.checkers import oracle, points
from tests.checkers.stories import Story


def is_right(story: Story, moments: Sequence[tuple[int, bool]], token: str) -> bool:
    """Does the order explain the story? ``moments`` are operations and whether it is their second moment."""
    ops = dict(enumerate(by_invocation(story.ops)))
    known = oracle.known_of(ops, story.tail, story.unique)
    if known is None:
        return False
    by_moment = {(point.op, bool(point.number)): point for point in known.points}
    needed = {key for key, point in by_moment.items() if not point.optional}
    if len(set(moments)) != len(moments) or not needed <= set(moments) <= set(by_moment):
        return False
    sequence = [by_moment[moment] for moment in moments]
    if any(points.precedes(b, a) for i, a in enumerate(sequence) for b in sequence[i + 1 :]):
        return False
    places = [known.place(token)]
    for point in sequence:
        places = [after for place in places for after in oracle.after_point(point, place)]
    return bool(places)


def is_plain(story: Story) -> bool:
    """Has every operation one moment at most?"""
    return all(len(points.points_of(op, call)) < 2 for op, call in enumerate(story.ops))
