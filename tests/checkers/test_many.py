"""Many streams in several processes: the same verdicts, in the same order, and nothing is left running."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from itertools import islice

import pytest

from fencepost.checkers.linearizability import Linearizability, many
from fencepost.checkers.linearizability.many import judge_all
from fencepost.checkers.stream import Stream, streams
from fencepost.harness.check_limits import CheckLimits
from fencepost.harness.history.history import History
from fencepost.harness.verdict import Validity
from fencepost.testing import history
from tests.checkers.test_oracle import story_of

TWO = CheckLimits(cores=2)


def many_streams(number: int) -> History:
    """A history of so many streams, some of them damaged, whose operations come by turns."""
    fresh = (story for seed in range(10_000) if (story := story_of(seed)).tail == 0 and story.token == "")
    ops = [
        replace(op, stream=f"s{index}", process=op.process + 100 * index)
        for index, story in enumerate(islice(fresh, number))
        for op in story.ops
    ]
    return history(*ops)


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many, "WORTHWHILE", 0)


def test_the_result_is_that_of_one_process() -> None:
    found = many_streams(40)
    apart = Linearizability().check(found, TWO)
    assert apart == Linearizability().check(found, CheckLimits(cores=1))
    assert apart.validity is Validity.INVALID
    assert list(apart.details["streams"]) == [stream.name for stream in found.header.streams]


def test_they_are_judged_elsewhere_and_at_once() -> None:
    judged = list(judge_all(list(streams(many_streams(8))), lambda stream, _: (stream.index, os.getpid()), TWO))
    assert [(stream.index, index) for stream, (index, _) in judged] == [(at, at) for at in range(8)]
    assert os.getpid() not in {pid for _, (_, pid) in judged}


def test_what_is_raised_there_is_raised_here() -> None:
    def judge(stream: Stream, _: CheckLimits) -> int:
        return 1 // (stream.index - 3)

    with pytest.raises(ZeroDivisionError):
        judge_all(list(streams(many_streams(8))), judge, TWO)
    assert not multiprocessing.active_children()


def test_a_process_that_is_killed_is_noticed() -> None:
    def judge(_: Stream, __: CheckLimits) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(RuntimeError, match="ended from outside"):
        judge_all(list(streams(many_streams(8))), judge, TWO)
    assert not multiprocessing.active_children()


def test_an_interrupt_ends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(many, "_OFTEN", -1.0)
    with pytest.raises(KeyboardInterrupt):
        judge_all(list(streams(many_streams(8))), lambda *_: None, CheckLimits(progress=interrupted, cores=2))
    assert not multiprocessing.active_children()
