"""Whether an order is right, by the sequential model, one moment after another: what the verifier is compared with."""

from __future__ import annotations

from collections.abc import Sequence

from fencepost.checkers import model
from fencepost.testing import by_invocation
from tests.checkers import consistency, oracle, points
from tests.checkers.stories import Story


def is_right(story: Story, moments: Sequence[tuple[int, bool]], token: str) -> bool:
    """Does the order explain the story? ``moments`` are operations and whether it is their second moment."""
    ops = dict(enumerate(by_invocation(story.ops)))
    claims = consistency.timestamps(ops.values())
    before = consistency.contents_before(ops.values(), story.tail, story.unique)
    every = points.all_points(ops)
    if claims is None or before is None or every is None or consistency.resurrected(list(ops.values())):
        return False
    by_moment = {(point.op, bool(point.number)): point for point in every}
    needed = {key for key, point in by_moment.items() if not point.optional}
    if len(set(moments)) != len(moments) or not needed <= set(moments) <= set(by_moment):
        return False
    sequence = [by_moment[moment] for moment in moments]
    if any(points.precedes(b, a) for i, a in enumerate(sequence) for b in sequence[i + 1 :]):
        return False
    log = tuple(
        model.Record(*before.get(p, (None, model.PAGE_BYTES)), consistency.latest(claims, p)) for p in range(story.tail)
    )
    place = oracle._Place(model.State(story.tail, token, story.tail), log, frozenset(range(story.tail + 1)), None)
    search = oracle._Search(every, claims, literal=True)
    for point in sequence:
        after = search._step(point, place)
        if after is None:
            return False
        place = after
    return True


def is_plain(story: Story) -> bool:
    """Has every operation one moment at most?"""
    return all(len(points.points_of(op, call)) < 2 for op, call in enumerate(story.ops))
