"""The part of a long history that is tried instead of the whole: what contradicts itself there does so in the whole."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from fencepost.checkers.explanation import minimal as module
from fencepost.checkers.explanation.relaxation import relaxed
from fencepost.checkers.explanation.window import MOST_ROWS, Windows
from fencepost.checkers.linearizability import Linearizability
from fencepost.checkers.linearizability.decide import contradicts_itself
from fencepost.checkers.stream import Stream, streams
from fencepost.harness.check_limits import Budget, CheckLimits
from fencepost.testing import Op, append, check_tail, history, read
from tests.checkers.damage import story_of
from tests.checkers.relaxation import Remainder, remainder
from tests.checkers.stories import JUDGED, PLAIN, Features, Story

HISTORIES = 100
BUDGET = CheckLimits(Budget(states=10_000, seconds=60.0, bytes=1 << 26))
MOST_APPENDS = 6
"""Relaxed, each may be anywhere: brute force tries them all in every order."""


def few(features: Features, seeds: range) -> list[Story]:
    stories = (story_of(seed, features) for seed in seeds)
    return [story for story in stories if sum(op.kind == "append" for op in story.ops) <= MOST_APPENDS]


def only(story: Story) -> Stream:
    (stream,) = streams(story.history)
    return stream


@pytest.mark.parametrize("features", [PLAIN, JUDGED], ids=["plain", "judged"])
def test_what_contradicts_itself_in_the_part_does_in_the_whole(features: Features) -> None:
    said: Counter[tuple[bool, bool]] = Counter()
    for story in few(features, range(1, 2 * HISTORIES, 2)):
        stream, rng = only(story), random.Random(story.origin)
        held = stream.history
        windows = Windows(stream)
        whole = stream.rows[held.part_of[stream.rows] < 0].tolist()
        for _ in range(4):
            members = rng.sample(whole, min(len(whole), rng.randint(1, 3)))
            context = rng.sample(whole, min(len(whole), rng.randint(0, 2)))
            parts = np.flatnonzero(np.isin(held.part_of, members)), np.flatnonzero(np.isin(held.part_of, context))
            chosen = {*members, *parts[0].tolist()}, {*context, *parts[1].tolist()} - {*members, *parts[0].tolist()}
            window = windows.of(*chosen)
            if window is None:
                continue
            left = relaxed(window.begun(held, 0), window.rows, *chosen)
            contradicts = contradicts_itself(next(one for one in streams(left) if one.index == 0), BUDGET)
            ids = held.id
            kept = Remainder(
                story, frozenset(int(ids[row]) for row in members), frozenset(int(ids[row]) for row in context)
            )
            said[contradicts, window.tail > stream.tail] += 1
            assert not (contradicts and kept.consistent), f"{members} beside {context}, from {window.tail}:\n{story}"
    assert said[True, True] > 2  # of what begins later there are some that do
    assert said[False, True] > 2


@pytest.mark.parametrize("features", [PLAIN, JUDGED], ids=["plain", "judged"])
@pytest.mark.parametrize("histories", [HISTORIES, pytest.param(2_000, marks=pytest.mark.slow)])
def test_witnesses_of_long_streams_are_proofs_and_mostly_minimal(
    features: Features, histories: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WHOLE", 0)
    tried: Counter[str] = Counter()
    for story in few(features, range(1, 2 * histories, 2)):
        violations = Linearizability().check(story.history).violations
        constructed = Linearizability(minimal=False).check(story.history).violations if violations else ()
        same = {(one.anomaly, one.operations, one.context) for one in constructed}
        for violation in violations:
            if (violation.anomaly, violation.operations, violation.context) in same:
                continue
            left = remainder(story, violation)
            assert not left.consistent, f"{violation.anomaly} by {violation.operations} can be explained:\n{story}"
            tried["minimal" if all(left.without(op).consistent for op in violation.operations) else "more"] += 1
    assert tried["minimal"] > 5
    # A window knows no first token: what rests on that one takes more than it would in the whole stream.
    assert tried["more"] <= tried["minimal"] // 4, tried


def long(*last: Op) -> list[Op]:
    """Three hundred appends of one record, and then some."""
    first = [append(0, 10 * i, 10 * i + 5, f"r{i}", ack=i) for i in range(300)]
    return [*first, *last]


LONG: tuple[tuple[str, tuple[int, ...], list[Op]], ...] = (
    ("stale-read", (299, 300), long(check_tail(1, 4000, 4001, 299))),
    (
        "garbage-read",
        (301,),
        long(append(0, 4000, 4001, "x y", ack=300), read(1, 4002, 4003, 298, saw="r298 r299 z")),
    ),
    (
        "stale-token-write",
        (301, 302),
        long(
            append(0, 4000, 4001, "fence=a", ack=300),
            append(1, 4002, 4003, "fence=b", ack=301),
            append(0, 4004, 4005, "x", token="a", ack=302),
        ),
    ),
)


@pytest.mark.parametrize(("anomaly", "witness", "ops"), LONG, ids=[case[0] for case in LONG])
def test_a_witness_at_the_end_of_a_long_stream_is_tried_by_itself(
    anomaly: str, witness: tuple[int, ...], ops: list[Op]
) -> None:
    held = history(*ops)
    assert len(held) > 2 * MOST_ROWS
    (stream,) = streams(held)
    violations = {one.anomaly: one for one in Linearizability().check(held).violations}
    violation = violations[anomaly]
    assert violation.operations == witness
    window = Windows(stream).of([held.row_of(op) for op in violation.operations], [])
    assert window is not None
    assert window.tail >= 298
    assert len(window.rows) < 20
