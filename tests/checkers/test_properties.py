"""What must hold between the verdict on a history and on less of it, by brute force."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fencepost.testing.operations import Ack, Lost, Op
from tests.checkers.damage import story_of
from tests.checkers.oracle import explain
from tests.checkers.stories import ALL, Story

HISTORIES = 1_000


def explained(story: Story) -> bool:
    return explain(story.ops, **story.declared) is not None


def without(story: Story, op: Op) -> Story:
    return replace(story, ops=tuple(other for other in story.ops if other is not op))


def observations(story: Story) -> Iterator[Op]:
    """All but the appends that may have been applied."""
    return (op for op in story.ops if op.kind != "append" or not isinstance(op.answer, Ack | Lost))


def unobserved(story: Story) -> Iterator[Op]:
    """The indefinite appends of which no read returned a record, and no later batch of their session speaks."""
    seen = {one.rec.digest for op in story.ops for part in op.parts for one in part.seen}
    seen |= {one.rec.digest for op in story.ops for one in getattr(op.answer, "seen", ())}
    for op in story.ops:
        followed = op.session is not None and any(
            other.session == op.session and other.kind == op.kind and other.invoked >= op.invoked and other is not op
            for other in story.ops
        )
        sent = {rec.digest for rec in op.records}
        if op.kind == "append" and isinstance(op.answer, Lost) and not followed and not sent & seen:
            yield op


def test_a_valid_history_stays_valid_without_an_observation() -> None:
    removed = 0
    for seed in range(HISTORIES):
        story = story_of(seed, ALL)
        if explained(story):
            for op in observations(story):
                removed += 1
                assert explained(without(story, op)), f"without {op}\n{story}"
    assert removed > HISTORIES


def test_an_invalid_history_stays_invalid_without_an_indefinite_append_that_nobody_saw() -> None:
    removed = 0
    for seed in range(1, 2 * HISTORIES, 2):
        story = story_of(seed, ALL)
        if not explained(story):
            for op in unobserved(story):
                removed += 1
                assert not explained(without(story, op)), f"without {op}\n{story}"
    assert removed > HISTORIES // 10
